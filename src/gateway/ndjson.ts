/**
 * Many documents in one request: one line each, every line with its own result. A bad line stops no
 * other; lines of one document are published in their order, others in parallel.
 */

import { type ErrorBody, FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { systemClock } from "../runtime/clock.ts";
import { KeyedTaskPool } from "../runtime/task-pool.ts";
import { explainAsBody, type Handler } from "./handler.ts";
import { parseJson } from "./json.ts";
import { type Line, splitLines } from "./lines.ts";
import type { LineRoom } from "./publish-bodies.ts";

export type LineResult =
  | { readonly line: number; readonly id: string; readonly seq: number }
  | { readonly line: number; readonly error: ErrorBody["error"] };

export interface LinesRequest {
  readonly tenant: TenantId;
  /** Of the caller: quotas count by it. */
  readonly credential?: string | undefined;
  readonly source: AsyncIterable<Uint8Array>;
  /** The part of the node's memory that a line in flight takes. */
  readonly room: LineRoom;
  /** Line n is published with this key and n, so a repeated request repeats nothing. */
  readonly idempotencyKey?: string | undefined;
  /** The publisher's trace, unchecked: each line has its own part of it. */
  readonly traceparent?: unknown;
  /** Aborts when the caller has gone: what was not started is not started any more. */
  readonly signal: AbortSignal;
  readonly linesMax?: number | undefined;
}

/**
 * Lines that are refused wait for nothing: after so many (some ms) others have a turn. Numbers of
 * lines do not tell: empty ones have one as well, and are passed over.
 */
const linesPerTurn = 32;

/**
 * Results in line order. When a bound of the whole request is hit (lines, bytes), the last result
 * says so and names the first line that was not read: the lines before it are published.
 */
export async function publishLines(
  handler: Handler,
  request: LinesRequest,
): Promise<readonly LineResult[]> {
  const results: LineResult[] = [];
  const inFlight = new KeyedTaskPool(limits.ndjsonInFlightMax);
  const linesMax = request.linesMax ?? limits.ndjsonLinesMax;
  let reached = 0;
  let stopped: unknown;
  let refused = false;
  let seen = 0;
  const add = (result: LineResult) => {
    results.push(result);
    refused ||= stopsTheRest(result);
  };
  try {
    for await (const line of splitLines(request.source, limits.httpDocumentBytesMax)) {
      if (request.signal.aborted) break;
      if (line.line > linesMax) throw tooMany(linesMax);
      await publishLine({ handler, request, line, inFlight, add, isOver: () => refused });
      seen += 1;
      if (seen % linesPerTurn === 0) await systemClock.turn();
      reached = line.line;
      if (refused) break;
    }
  } catch (thrown) {
    // Of one who has gone in the middle of a line the body ends in an error of the socket.
    stopped = request.signal.aborted ? new FreshetError("cancelled") : thrown;
  }
  await inFlight.idle();
  if (stopped !== undefined) {
    results.push({ line: reached + 1, error: explainAsBody(handler, stopped).error });
  }
  return results.sort((a, b) => a.line - b.line);
}

interface LineJob {
  readonly handler: Handler;
  readonly request: LinesRequest;
  readonly line: Line;
  readonly inFlight: KeyedTaskPool;
  readonly add: (result: LineResult) => void;
  /** Whether the rest is left alone. */
  readonly isOver: () => boolean;
}

async function publishLine(job: LineJob): Promise<void> {
  const { handler, request, line, inFlight, add, isOver } = job;
  const { tenant, idempotencyKey, credential, traceparent } = request;
  const failed = (thrown: unknown) =>
    add({ line: line.line, error: explainAsBody(handler, thrown).error });
  let body: unknown;
  try {
    body = parseLine(line);
  } catch (error) {
    failed(error);
    return;
  }
  const room = await request.room(line.bytes?.byteLength ?? 0, request.signal);
  if (room === undefined) return;
  await inFlight.start(keyOf(body), async () => {
    try {
      // It has waited, perhaps for the line before it of the same document.
      if (isOver()) return;
      const key = idempotencyKey === undefined ? undefined : `${idempotencyKey}/${line.line}`;
      const published = { tenant, body, idempotencyKey: key, credential, traceparent };
      const { id, seq } = await handler.publish(published);
      add({ line: line.line, id, seq });
    } catch (error) {
      failed(error);
    } finally {
      room.release();
    }
  });
}

function parseLine({ bytes }: Line): unknown {
  if (bytes !== undefined) return parseJson(bytes);
  const max = limits.httpDocumentBytesMax;
  throw new FreshetError("document_too_large", `a line has at most ${max} bytes`);
}

/** Bad documents share a key: they are refused at once, so it costs nothing. */
function keyOf(body: unknown): string {
  if (typeof body !== "object" || body === null || !("id" in body)) return "";
  return typeof body.id === "string" ? body.id : "";
}

/**
 * The log, or a quota, refuses everything just now: the caller sends the remaining lines later. A
 * delete among them waits with them, since an upsert that is sent again must not come after it; so
 * whatever may be sent again ends the request.
 */
function stopsTheRest(result: LineResult): boolean {
  return "error" in result && result.error.retryable;
}

function tooMany(max: number): FreshetError {
  return new FreshetError("document_too_large", `at most ${max} lines in a request`);
}

/** The media type of many operations, with or without parameters. */
export const ndjsonType = /^application\/x-ndjson\b/i;

/** What the audit trail keeps of many. */
export function countsOf(results: readonly LineResult[]) {
  const refused = results.filter((result) => "error" in result).length;
  return { accepted: results.length - refused, refused };
}
