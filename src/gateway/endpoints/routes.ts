/** Webhooks of the tenant of the credential: where its events are sent. */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Endpoints, isEndpointId, wantedEndpointSchema } from "../../contract/endpoint.ts";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Gate } from "../gate.ts";
import { parsed } from "../parsed.ts";
import type { RequestAudit } from "../request-audit.ts";
import { endpointChangeSchema } from "./schemas.ts";

export interface EndpointRouteOptions {
  readonly endpoints?: Endpoints | undefined;
  readonly gate: Gate;
  readonly audit: RequestAudit;
}

export const endpointMethods = {
  "/v1/webhooks": ["GET", "HEAD", "POST"],
  "/v1/webhooks/:id": ["GET", "HEAD", "POST", "DELETE"],
  "/v1/webhooks/:id/failures": ["GET", "HEAD"],
} as const;

interface OneRoute {
  Params: { readonly id: string };
}

export function addEndpointRoutes(app: FastifyInstance, options: EndpointRouteOptions): void {
  const { gate, audit } = options;
  const onRequest = gate.admits("admin");
  const bodyLimit = limits.questionBytesMax;
  const tenantOf = (request: FastifyRequest) => gate.wholeTenantOf(request, "webhooks");
  const available = (): Endpoints => {
    if (options.endpoints === undefined) throw new FreshetError("not_found");
    return options.endpoints;
  };
  const idOf = ({ params }: FastifyRequest<OneRoute>): string => {
    if (!isEndpointId(params.id)) throw new FreshetError("not_found", "there is no such webhook");
    return params.id;
  };
  app.get("/v1/webhooks", { onRequest }, async (request) => ({
    webhooks: await available().list(tenantOf(request)),
  }));
  app.post("/v1/webhooks", { onRequest, bodyLimit }, async (request, reply) => {
    const wanted = parsed(wantedEndpointSchema, request.body);
    const added = await available().add(tenantOf(request), wanted);
    reply.code(201);
    return added;
  });
  app.get<OneRoute>("/v1/webhooks/:id", { onRequest }, async (request) =>
    available().show(tenantOf(request), idOf(request)),
  );
  app.post<OneRoute>("/v1/webhooks/:id", { onRequest, bodyLimit }, async (request) => {
    const { action, from_seq: fromSeq } = parsed(endpointChangeSchema, request.body);
    audit.tells(request, { operation: `webhook_${action}` });
    return available().change(tenantOf(request), idOf(request), { action, fromSeq });
  });
  app.delete<OneRoute>("/v1/webhooks/:id", { onRequest }, async (request, reply) => {
    await available().remove(tenantOf(request), idOf(request));
    return reply.code(204).send();
  });
  app.get<OneRoute>("/v1/webhooks/:id/failures", { onRequest }, async (request) => ({
    failures: await available().failures(tenantOf(request), idOf(request)),
  }));
}
