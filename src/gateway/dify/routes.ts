/** `POST /retrieval`, which Dify calls: the same handler, identity and bounds as everywhere. */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { type ErrorCode, FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { abortWhenCallerLeaves } from "../caller.ts";
import { errorResponses } from "../error-responses.ts";
import type { Gate } from "../gate.ts";
import type { Handler } from "../handler.ts";
import { inTheirWords } from "../in-their-words.ts";
import { unlessNothing } from "../no-results.ts";
import { errorHeaders, fromFramework } from "../problem.ts";
import type { RequestAudit } from "../request-audit.ts";
import {
  parseRetrieval,
  questionOf,
  recordsOf,
  recordsSchema,
  retrievalPlaces,
  retrievalSchema,
} from "./retrieval.ts";

export const retrievalPath = "/retrieval";

export interface DifyRouteOptions {
  readonly handler: Handler;
  readonly gate: Gate;
  readonly audit: RequestAudit;
}

export const difyErrorSchema = z.object({ error_code: z.int(), error_msg: z.string() });

export function addDifyRoute(app: FastifyInstance, options: DifyRouteOptions): void {
  const { handler, gate } = options;
  void app.register(async (scope) => {
    scope.setErrorHandler((thrown, request, reply) => {
      const error = handler.explain(fromFramework(thrown));
      options.audit.failed(request, error.code);
      const body = { error_code: codeOf(error, request), error_msg: error.message };
      return reply.code(error.status).headers(errorHeaders(error)).send(body);
    });
    const asking = { onRequest: gate.admits("query"), bodyLimit: limits.questionBytesMax };
    scope.post(retrievalPath, asking, async (request, reply) => {
      const asker = gate.askerOf(request);
      const retrieval = parseRetrieval(request.body);
      const { tenant } = asker;
      if (retrieval.knowledge_id !== tenant) {
        const says = `the only knowledge of this key is ${tenant}`;
        throw new FreshetError("not_found", says);
      }
      const { signal } = abortWhenCallerLeaves(reply.raw);
      const { traceparent } = request.headers;
      const asked = { ...asker, body: questionOf(retrieval), signal, traceparent };
      const answering = inTheirWords(handler.answer(asked), retrievalPlaces);
      return recordsOf(await unlessNothing(answering, () => ({ sources: [] })));
    });
  });
}

/** Dify's own numbers where it has one, else the status. */
function codeOf({ code, status }: FreshetError, { headers }: FastifyRequest): number {
  switch (code) {
    case "unauthorized":
      return /^Bearer +\S+$/i.test(headers.authorization ?? "") ? 1002 : 1001;
    case "forbidden":
    case "wrong_tenant":
      return 1002;
    case "not_found":
    case "unknown_tenant":
      return 2001;
    default:
      return status;
  }
}

// --- the OpenAPI document --------------------------------------------------------------------

export const difySchemas = {
  input: { DifyRetrieval: retrievalSchema },
  output: { DifyRecords: recordsSchema, DifyError: difyErrorSchema },
};

type Json = Readonly<Record<string, unknown>>;

/** @param asking codes that a question may end with */
export function difyOperation(tenantHeader: Json, asking: readonly ErrorCode[]): Json {
  const json = (name: string): Json => ({
    "application/json": { schema: { $ref: `#/components/schemas/${name}` } },
  });
  const codes = [...asking.filter((code) => code !== "no_results"), "not_found"] as const;
  return {
    [retrievalPath]: {
      post: {
        operationId: "difyRetrieval",
        summary: "Finds passages, in the form of Dify's external knowledge API",
        description:
          "`knowledge_id` is the tenant; `score` and `score_threshold` are of the cosine with the question. When nothing matches, `records` is empty. Errors carry Dify's numbers: 1001 and 1002 for the key, 2001 for the knowledge, else the status.",
        parameters: [tenantHeader],
        requestBody: { required: true, content: json("DifyRetrieval") },
        responses: {
          200: { description: "what was found", content: json("DifyRecords") },
          ...errorResponses(codes, json("DifyError")),
        },
      },
    },
  };
}
