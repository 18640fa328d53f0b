/**
 * `POST /v1/sources/{name}/events`: what other systems send when something changes. Bodies are of
 * any type and are taken as bytes, because signatures are made over those.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { isSourceName, type Webhooks } from "../contract/source.ts";
import { type Authenticate, type Check, checkRole } from "./auth.ts";
import { refuseEncodedBody } from "./bodies.ts";
import type { PublishBodies } from "./publish-bodies.ts";
import type { RequestAudit } from "./request-audit.ts";

export interface WebhookRouteOptions {
  readonly webhooks: Webhooks | undefined;
  readonly authenticate: Authenticate;
  readonly checkHost: Check;
  readonly keys: boolean;
  readonly bodies: PublishBodies;
  readonly audit: RequestAudit;
}

interface WebhookRoute {
  Params: { name: string };
}

export const webhookPath = "/v1/sources/:name/events";

export function addWebhookRoute(app: FastifyInstance, options: WebhookRouteOptions): void {
  const { webhooks, bodies } = options;
  // A scope of its own: all other routes take JSON only.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      "*",
      { parseAs: "buffer" },
      async (_: unknown, body: Buffer) => body,
    );
    scope.post<WebhookRoute>(
      webhookPath,
      {
        bodyLimit: limits.sourceEventBytesMax,
        onRequest: async (request, reply) => {
          if (!options.keys) options.checkHost(request.headers);
          refuseEncodedBody(request);
          const tenant = await tenantOf(webhooks, request.params.name);
          options.audit.tells(request, { tenant });
          bodies.admit(tenant, request, reply);
        },
      },
      async (request: FastifyRequest<WebhookRoute>, reply: FastifyReply) => {
        if (webhooks === undefined) throw new FreshetError("not_found");
        const receipt = await webhooks.receive({
          name: request.params.name,
          headers: headersOf(request),
          body: Buffer.isBuffer(request.body) ? request.body : new Uint8Array(),
          caller: await callerOf(request, options),
        });
        reply.code(202);
        return receipt;
      },
    );
  });
}

/** Before the body is read: what no source waits for is not read at all. */
async function tenantOf(webhooks: Webhooks | undefined, name: string): Promise<TenantId> {
  if (webhooks === undefined || !isSourceName(name)) throw new FreshetError("not_found");
  return webhooks.tenantOf(name);
}

/** A signature may stand in place of a key, so that a missing or wrong one says nothing yet. */
async function callerOf(
  request: FastifyRequest,
  { authenticate, audit }: Pick<WebhookRouteOptions, "authenticate" | "audit">,
): Promise<TenantId | undefined> {
  try {
    const identity = await authenticate(request.headers, (known) => audit.known(request, known));
    checkRole(identity, "ingest");
    return identity.tenant;
  } catch {
    return undefined;
  }
}

function headersOf({ headers }: FastifyRequest): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || secret.has(name) ? [] : [[name, [value].flat().join(", ")] as const],
  );
  return Object.fromEntries(entries);
}

/** No mapper sees what opens a door. */
const secret = new Set(["authorization", "cookie", "proxy-authorization"]);
