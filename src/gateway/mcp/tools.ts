/**
 * What agents may do: `search`, `fetch` and `answer` read, `publish` and `delete` change and are
 * there only where an operator allows them and the key may. `search` and `fetch` have the names and
 * replies that deep-research clients look for.
 *
 * MX1  a tool never takes a tenant: it is the credential's;
 * MX2  a refusal is a result with `isError`, whose text is the error body of every surface.
 */

import type { CallToolResult, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Source } from "../../contract/query.ts";
import type { Asker } from "../../contract/service.ts";
import { explainAsBody, type Handler } from "../handler.ts";
import { type Nothing, unlessNothing } from "../no-results.ts";
import { parsed } from "../parsed.ts";
import { fetchDocument, urlOf } from "./documents.ts";
import { shown } from "./shown.ts";

export interface ToolsOptions {
  readonly handler: Handler;
  readonly asker: Asker;
  /** Whether `publish` and `delete` are offered. */
  readonly mayWrite: boolean;
}

const asked = {
  query: z.string().min(1).max(limits.questionCharsMax).describe("what to look for, in words"),
  top_k: z.int().min(1).max(limits.topKMax).optional().describe("passages at most; 5 by default"),
  filter: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('such as {"metadata.team": "ops", "timestamp": {"gte": "2026-01-01T00:00:00Z"}}'),
  min_seq: z.int().min(0).optional().describe("the seq of a publish that must be seen"),
  max_staleness_ms: z
    .int()
    .min(0)
    .max(limits.stalenessMsMax)
    .optional()
    .describe("nothing that was acknowledged longer ago than this is missing"),
};
// An argument that is not known is refused: a filter by another name would be left out unseen.
const searched = z.strictObject(asked);
const answered = z.strictObject({
  ...asked,
  max_tokens: z.int().min(1).max(limits.maxTokensMax).optional(),
  instructions: z
    .string()
    .max(limits.instructionsCharsMax)
    .optional()
    .describe("wishes for the form of the answer; they change no rule about sources"),
  language: z.string().max(limits.languageCharsMax).optional().describe("of the answer, BCP 47"),
  max_sentences: z.int().min(1).max(limits.answerSentencesMax).optional(),
});
const named = z.strictObject({ id: z.string().min(1).describe("the id of a document") });
const fetched = named.extend({ min_seq: asked.min_seq });
const published = z.strictObject({
  id: z.string().min(1),
  text: z.string().min(1).describe("plain text or Markdown; replaces the document"),
  title: z.string().optional(),
  source: z.string().optional().describe("where it comes from, such as a URL"),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

const reading = { readOnlyHint: true, openWorldHint: false } as const;
const writing = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: true,
  openWorldHint: false,
} as const;

export function addTools(server: McpServer, options: ToolsOptions): void {
  addReadingTools(server, options);
  if (options.mayWrite) addWritingTools(server, options);
}

function addReadingTools(server: McpServer, { handler, asker }: ToolsOptions): void {
  const call = callsOf(handler);
  server.registerTool(
    "search",
    {
      title: "Search",
      description: "Passages of the documents, the best first, also of what changed a second ago",
      inputSchema: shown(searched),
      annotations: reading,
    },
    (given, { mcpReq: { signal } }) =>
      call(async () => {
        const body = { ...parsed(searched, given), mode: "search" };
        const searching = handler.answer({ ...asker, body, signal });
        const reply = await unlessNothing(searching, nothingMatches);
        const results = reply.sources.map((source) => resultOf(asker.tenant, source));
        return { results, visible_seq: reply.visible_seq, coverage: reply.coverage };
      }),
  );
  server.registerTool(
    "fetch",
    {
      title: "Fetch a document",
      description: "The text of one document as it is now, with its version and metadata",
      inputSchema: shown(fetched),
      annotations: reading,
    },
    (given, { mcpReq: { signal } }) =>
      call(async () => {
        const { id, min_seq: minSeq } = parsed(fetched, given);
        return { ...(await fetchDocument({ handler, asker, id, minSeq, signal })) };
      }),
  );
  server.registerTool(
    "answer",
    {
      title: "Answer",
      description: "An answer from the documents; [n] in it names the n-th of its sources",
      inputSchema: shown(answered),
      annotations: reading,
    },
    (given, { mcpReq: { signal } }) =>
      call(async () => {
        const body = parsed(answered, given);
        const reply = await handler.answer({ ...asker, body, signal });
        const sources = reply.sources.map((source) => resultOf(asker.tenant, source));
        const { answer, visible_seq, coverage, model, finish_reason, fallback, usage } = reply;
        const written = { model, finish_reason, fallback, usage };
        return { answer, sources, visible_seq, coverage, ...written };
      }),
  );
}

function addWritingTools(server: McpServer, { handler, asker }: ToolsOptions): void {
  const call = callsOf(handler);
  server.registerTool(
    "publish",
    {
      title: "Publish a document",
      description: "Stores a document, or replaces it; ask with min_seq to see it at once",
      inputSchema: shown(published),
      annotations: writing,
    },
    (given) =>
      call(async () => {
        const { tenant, credential } = asker;
        const body = parsed(published, given);
        return { ...(await handler.publish({ tenant, credential, body })) };
      }),
  );
  server.registerTool(
    "delete",
    {
      title: "Delete a document",
      description: "Takes a document out of all answers",
      inputSchema: shown(named),
      annotations: writing,
    },
    (given) =>
      call(async () => {
        const { tenant, credential } = asker;
        const body = { op: "delete", id: parsed(named, given).id };
        return { ...(await handler.publish({ tenant, credential, body })) };
      }),
  );
}

/** MX2. Text for models that read nothing else, and the same as data. */
function callsOf(handler: Handler) {
  return async (work: () => Promise<Record<string, unknown>>): Promise<CallToolResult> => {
    try {
      const structuredContent = await work();
      return { content: [textOf(structuredContent)], structuredContent };
    } catch (thrown) {
      return { content: [textOf(explainAsBody(handler, thrown))], isError: true };
    }
  };
}

const textOf = (value: unknown) => ({ type: "text" as const, text: JSON.stringify(value) });

/** A result of a search, and no failure of the tool. */
const nothingMatches = ({ visible_seq, coverage }: Nothing) => ({
  ...{ sources: [], visible_seq, coverage },
});

function resultOf(tenant: TenantId, source: Source): Record<string, unknown> {
  return { ...source, title: source.title ?? source.id, url: urlOf(tenant, source) };
}
