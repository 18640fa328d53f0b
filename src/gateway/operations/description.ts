/** What the OpenAPI document says of the operators' routes, and of reading a whole document. */

import type { ErrorCode } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";

type Json = Readonly<Record<string, unknown>>;

export interface Describing {
  readonly tenantHeader: Json;
  readonly idParameter: Json;
  readonly json: (name: OperationSchema, description: string) => Json;
  readonly problems: (...codes: readonly ErrorCode[]) => Json;
  readonly anywhere: readonly ErrorCode[];
  readonly asking: readonly ErrorCode[];
}

export type OperationSchema =
  | "MergeRequest"
  | "MergeState"
  | "LetterPage"
  | "ReplayRequest"
  | "ReplayResults"
  | "EraseRequest"
  | "EraseBegun"
  | "EraseState"
  | "DocumentText";

const body = (name: OperationSchema): Json => ({
  required: true,
  content: { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } },
});

export function operationPaths(describing: Describing): Json {
  const { tenantHeader, idParameter, json, problems, anywhere, asking } = describing;
  const parameters = [tenantHeader];
  return {
    "/v1/documents/{id}/text": {
      get: {
        operationId: "documentText",
        summary: "The passages of a document as it is now",
        parameters: [idParameter, tenantHeader],
        responses: {
          200: json("DocumentText", "its passages, in their order"),
          ...problems(...asking, "not_found"),
        },
      },
    },
    "/v1/merge": {
      get: {
        operationId: "mergeState",
        summary: "How far the tenant's merge is; role `admin`",
        parameters,
        responses: {
          200: json("MergeState", "its state"),
          ...problems(...anywhere, "temporal_unavailable", "not_found"),
        },
      },
      post: {
        operationId: "steerMerge",
        summary: "Asks for a merge, shows what one would do, or steers one; role `admin`",
        parameters,
        requestBody: body("MergeRequest"),
        responses: {
          200: json("MergeState", "the state afterwards"),
          ...problems(
            ...anywhere,
            ...(["invalid_json", "temporal_unavailable", "cold_unavailable", "not_found"] as const),
          ),
        },
      },
    },
    ...erasePaths(describing),
    "/v1/dead-letters": lettersPath(describing),
    "/v1/dead-letters/replay": {
      post: {
        operationId: "replayDeadLetters",
        summary: "Publishes refused operations again; role `admin`",
        description:
          "An operation whose document had a later one is skipped, as is one that the log no longer holds.",
        parameters,
        requestBody: body("ReplayRequest"),
        responses: {
          200: json("ReplayResults", "one result for each"),
          ...problems(...anywhere, "invalid_json", "not_found"),
        },
      },
    },
  };
}

function lettersPath({ tenantHeader, json, problems, anywhere }: Describing): Json {
  return {
    get: {
      operationId: "deadLetters",
      summary: "What was refused and why, oldest first; role `admin`",
      parameters: [
        tenantHeader,
        {
          ...{ name: "after", in: "query", schema: { type: "integer", minimum: 0 } },
          description: "`next` of the page before",
        },
        {
          ...{ name: "limit", in: "query" },
          description: "dead letters at most",
          schema: {
            type: "integer",
            minimum: 1,
            maximum: limits.dlqRequestMax,
            default: limits.dlqListDefault,
          },
        },
      ],
      responses: { 200: json("LetterPage", "a page"), ...problems(...anywhere, "not_found") },
    },
  };
}

function erasePaths({ tenantHeader, json, problems, anywhere }: Describing): Json {
  const seq = {
    ...{ name: "seq", in: "path", required: true, schema: { type: "integer", minimum: 1 } },
    description: "what names the erase, as the reply to its request says",
  };
  return {
    "/v1/erases": {
      post: {
        operationId: "eraseDocuments",
        summary:
          "Erases up to 1,000 documents for good: every version, in every store; role `admin`",
        description:
          "They are deleted at once. The erase goes on for two minutes at least, and ends with a signed receipt.",
        parameters: [tenantHeader],
        requestBody: body("EraseRequest"),
        responses: {
          202: json("EraseBegun", "it has begun"),
          ...problems(
            ...anywhere,
            ...(["invalid_json", "temporal_unavailable", "overloaded", "not_found"] as const),
          ),
        },
      },
    },
    "/v1/erases/{seq}": {
      get: {
        operationId: "eraseState",
        summary: "What an erase is at, and its receipt; role `admin`",
        parameters: [seq, tenantHeader],
        responses: {
          200: json("EraseState", "its state"),
          ...problems(...anywhere, "temporal_unavailable", "not_found"),
        },
      },
    },
  };
}
