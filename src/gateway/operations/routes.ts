/**
 * What operators do over HTTP with the tenant of their credential. Replies name no other tenant and
 * no text of a document.
 */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { FreshetError } from "../../contract/errors.ts";
import { type TenantId, type Version, version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { MergeAction, Operations } from "../../contract/operations.ts";
import type { Gate } from "../gate.ts";
import { parsed } from "../parsed.ts";
import { takesOnly } from "../query-names.ts";
import type { RequestAudit } from "../request-audit.ts";
import { wholeNumberIn } from "../whole-number.ts";
import { eraseRequestSchema, mergeRequestSchema, replayRequestSchema } from "./schemas.ts";

export interface OperationRouteOptions {
  readonly operations?: Operations | undefined;
  readonly gate: Gate;
  readonly audit: RequestAudit;
}

export const operationMethods = {
  "/v1/merge": ["GET", "HEAD", "POST"],
  "/v1/dead-letters": ["GET", "HEAD"],
  "/v1/dead-letters/replay": ["POST"],
  "/v1/erases": ["POST"],
  "/v1/erases/:seq": ["GET", "HEAD"],
} as const;

interface LettersRoute {
  Querystring: { readonly after?: unknown; readonly limit?: unknown };
}

export function addOperationRoutes(app: FastifyInstance, options: OperationRouteOptions): void {
  const { gate, audit } = options;
  const onRequest = gate.admits("admin");
  const bodyLimit = limits.questionBytesMax;
  const tenantOf = (request: FastifyRequest) =>
    gate.wholeTenantOf(request, "merges and dead letters");
  const available = (): Operations => {
    if (options.operations === undefined) throw new FreshetError("not_found");
    return options.operations;
  };
  app.get("/v1/merge", { onRequest }, async (request) => available().merge(tenantOf(request)));
  app.post("/v1/merge", { onRequest, bodyLimit }, async (request) => {
    const { action } = parsed(mergeRequestSchema, request.body);
    audit.tells(request, { operation: auditedAs[action] });
    return available().steer(tenantOf(request), action);
  });
  const paged = { onRequest: [onRequest, takesOnly("after", "limit")] };
  app.get<LettersRoute>("/v1/dead-letters", paged, async (request) => {
    const { after = "0", limit = `${limits.dlqListDefault}` } = request.query;
    const page = {
      after: wholeNumberIn(after, "after", [0, Number.MAX_SAFE_INTEGER]) as Version,
      max: wholeNumberIn(limit, "limit", [1, limits.dlqRequestMax]),
    };
    return available().letters(tenantOf(request), page);
  });
  app.post("/v1/dead-letters/replay", { onRequest, bodyLimit }, async (request) => {
    const { seqs } = parsed(replayRequestSchema, request.body);
    const results = await available().replay(tenantOf(request), seqs.map(version));
    const accepted = results.filter((result) => "as" in result).length;
    audit.tells(request, { accepted, refused: results.length - accepted });
    return { results };
  });
  addEraseRoutes(app, {
    ...options,
    onRequest,
    tenantOf: (request) => gate.wholeTenantOf(request, "erases"),
    available,
  });
}

interface EraseRoute {
  Params: { readonly seq: string };
}

/** An erase takes two minutes at least: it is begun here, and looked at. */
function addEraseRoutes(
  app: FastifyInstance,
  { audit, onRequest, tenantOf, available }: OperationRouteOptions & Admitted,
): void {
  const bodyLimit = limits.eraseRequestBytesMax;
  app.post("/v1/erases", { onRequest, bodyLimit }, async (request, reply) => {
    const { ids } = parsed(eraseRequestSchema, request.body);
    const begun = await available().erase(tenantOf(request), ids);
    audit.tells(request, { accepted: begun.documents });
    return reply.code(202).header("location", `/v1/erases/${begun.erase}`).send(begun);
  });
  app.get<EraseRoute>("/v1/erases/:seq", { onRequest }, async (request) => {
    const { seq } = request.params;
    const first = wholeNumberIn(seq, "seq", [1, Number.MAX_SAFE_INTEGER]) as Version;
    return available().eraseState(tenantOf(request), first);
  });
}

interface Admitted {
  readonly onRequest: ReturnType<Gate["admits"]>;
  readonly tenantOf: (request: FastifyRequest) => TenantId;
  readonly available: () => Operations;
}

/** A preview changes nothing: it is audited as a look. */
const auditedAs = {
  run: "merge_force",
  preview: "status",
  pause: "merge_pause",
  resume: "merge_resume",
  cancel: "merge_cancel",
} as const satisfies Record<MergeAction, string>;
