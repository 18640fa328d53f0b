/** What the OpenAPI document says of the routes of webhooks. */

import type { ErrorCode } from "../../contract/errors.ts";
import type { endpointSchemas } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;
type Name = keyof typeof endpointSchemas.input | keyof typeof endpointSchemas.output;

const content = (name: Name): Json => ({
  "application/json": { schema: { $ref: `#/components/schemas/${name}` } },
});
const reply = (name: Name, description: string): Json => ({ description, content: content(name) });
const body = (name: Name): Json => ({ required: true, content: content(name) });

const addDescription =
  "Each event is one signed POST (Standard Webhooks), in order, at least once. The reply holds the secret, which is not shown again.";

/** @param parts `problems`: replies of any route of a tenant, and of these codes */
export function endpointPaths({
  tenantHeader,
  problems,
}: {
  readonly tenantHeader: Json;
  readonly problems: (...codes: readonly ErrorCode[]) => Json;
}): Json {
  const idParameter = {
    ...{ name: "id", in: "path", required: true },
    description: "of the webhook",
    schema: { type: "string", pattern: "^wh_[a-z0-9]{16}$" },
  };
  const one = [idParameter, tenantHeader];
  return {
    "/v1/webhooks": {
      get: {
        operationId: "listWebhooks",
        summary: "The tenant's webhooks; role `admin`",
        parameters: [tenantHeader],
        responses: { 200: reply("WebhookList", "all of them"), ...problems("not_found") },
      },
      post: {
        operationId: "addWebhook",
        summary: "Sends the tenant's events to a URL from now on; role `admin`",
        description: addDescription,
        parameters: [tenantHeader],
        requestBody: body("WantedWebhook"),
        responses: {
          201: reply("WebhookChanged", "the webhook and its secret"),
          ...problems("invalid_json", "not_found", "limit_reached"),
        },
      },
    },
    "/v1/webhooks/{id}": {
      get: {
        operationId: "showWebhook",
        summary: "One webhook: how far it is, and what holds it up; role `admin`",
        parameters: one,
        responses: { 200: reply("Webhook", "the webhook"), ...problems("not_found") },
      },
      post: {
        operationId: "changeWebhook",
        summary: "Pauses, resumes, replays or tests a webhook, or changes its secret; role `admin`",
        parameters: one,
        requestBody: body("WebhookChange"),
        responses: {
          200: reply("WebhookChanged", "the webhook afterwards"),
          ...problems("invalid_json", "not_found"),
        },
      },
      delete: {
        operationId: "removeWebhook",
        summary: "Sends no more to it, and forgets it; role `admin`",
        parameters: one,
        responses: { 204: { description: "it is removed" }, ...problems("not_found") },
      },
    },
    "/v1/webhooks/{id}/failures": {
      get: {
        operationId: "webhookFailures",
        summary: "Requests that failed, newest first; role `admin`",
        parameters: one,
        responses: { 200: reply("WebhookFailures", "the newest"), ...problems("not_found") },
      },
    },
  };
}
