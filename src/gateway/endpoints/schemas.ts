/** Requests and replies of the routes of webhooks, by the names that the OpenAPI document has. */

import { z } from "zod";
import {
  endpointActions,
  endpointChangedSchema,
  endpointFailureSchema,
  shownEndpointSchema,
  wantedEndpointSchema,
} from "../../contract/endpoint.ts";

export const endpointChangeSchema = z.strictObject({
  action: z
    .enum(endpointActions)
    .describe("`rotate` makes another secret; `test` sends one request now and changes nothing"),
  from_seq: z
    .int()
    .min(0)
    .optional()
    .describe("of `replay`: events from this `seq` on are sent again, under their ids"),
});

export const endpointSchemas = {
  input: { WantedWebhook: wantedEndpointSchema, WebhookChange: endpointChangeSchema },
  output: {
    Webhook: shownEndpointSchema,
    WebhookChanged: endpointChangedSchema,
    WebhookList: z.object({
      webhooks: z.array(shownEndpointSchema).describe("of the tenant, by id"),
    }),
    WebhookFailures: z.object({
      failures: z.array(endpointFailureSchema).describe("the newest first; older ones are dropped"),
    }),
  },
} as const;
