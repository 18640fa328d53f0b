/**
 * `POST /v1/sources/{name}/events`: what other systems send when something changes. Bodies are of
 * any type and are taken as bytes, because signatures are made over those.
 *
 *   WR1  without keys, a page from elsewhere is refused: of any type, a body needs no preflight;
 *   WR2  with keys, who may send to no source is told the same of each name, whether there is such
 *        a source or not;
 *   WR3  a provider of tokens that is away is told as such: a sender that is told that its token is
 *        wrong does not send the event again.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { isSourceName, type Webhooks } from "../contract/source.ts";
import { type Authenticate, type Check, checkRole } from "./auth.ts";
import { refuseEncodedBody } from "./bodies.ts";
import { checkOrigin } from "./origin.ts";
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
  const callers = new WeakMap<FastifyRequest, Caller>();
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
          if (!options.keys) {
            options.checkHost(request.headers);
            checkOrigin(request.headers, options.checkHost);
          }
          refuseEncodedBody(request);
          const tenant = await tenantOf(options, request.params.name);
          if (tenant !== undefined) options.audit.tells(request, { tenant });
          const caller = await callerOf(request, options);
          callers.set(request, caller);
          const coming = { request, reply, bytesMax: limits.sourceEventBytesMax };
          const party = options.keys ? caller.tenant : tenant;
          if (party === undefined) bodies.admitKeyless(request.params.name, coming);
          else bodies.admit(party, coming);
        },
      },
      async (request: FastifyRequest<WebhookRoute>, reply: FastifyReply) => {
        if (webhooks === undefined) throw new FreshetError("not_found");
        const { tenant, trouble } = callers.get(request) ?? {};
        const receiving = webhooks.receive({
          name: request.params.name,
          headers: headersOf(request),
          body: Buffer.isBuffer(request.body) ? request.body : new Uint8Array(),
          caller: tenant,
        });
        const receipt = await receiving.catch((thrown: unknown) => {
          throw options.keys ? asToldToStrangers(thrown, trouble) : thrown;
        });
        reply.code(202);
        return receipt;
      },
    );
  });
}

/** Undefined: there is no such source, which is not told yet (WR2). */
async function tenantOf(
  { webhooks, keys }: WebhookRouteOptions,
  name: string,
): Promise<TenantId | undefined> {
  if (webhooks === undefined || !isSourceName(name)) throw new FreshetError("not_found");
  try {
    return await webhooks.tenantOf(name);
  } catch (thrown) {
    if (keys && thrown instanceof FreshetError && thrown.code === "not_found") return undefined;
    throw thrown;
  }
}

const stranger =
  "there is no such source, or its signature, or the API key of its tenant, is missing or wrong";

/** WR2, WR3. */
function asToldToStrangers(thrown: unknown, trouble: FreshetError | undefined): unknown {
  if (!(thrown instanceof FreshetError)) return thrown;
  const { code } = thrown;
  if (code !== "not_found" && code !== "unauthorized") return thrown;
  return trouble ?? new FreshetError("unauthorized", stranger, { cause: thrown });
}

interface Caller {
  readonly tenant?: TenantId;
  /** Nobody knows whose the token is, for now. */
  readonly trouble?: FreshetError;
}

/** A signature may stand in place of a key, so that a missing or wrong one says nothing yet. */
async function callerOf(
  request: FastifyRequest,
  { authenticate, audit }: Pick<WebhookRouteOptions, "authenticate" | "audit">,
): Promise<Caller> {
  try {
    const identity = await authenticate(request.headers, (known) => audit.known(request, known));
    checkRole(identity, "ingest");
    return { tenant: identity.tenant };
  } catch (thrown) {
    const error = toFreshetError(thrown);
    return error.code === "identity_unavailable" ? { trouble: error } : {};
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
