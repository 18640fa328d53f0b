/**
 * Waiting until publishes were dealt with: by the events, which say what became of each, and where
 * a credential may not hear events, by looking at the documents.
 */

import { FreshetError } from "./errors.ts";
import type { Surroundings } from "./retry.ts";
import type { DocumentEvent, DocumentState, ErrorCode } from "./types.ts";

export interface Published {
  readonly id: string;
  readonly seq: number;
}

export interface Settled {
  readonly id: string;
  readonly seq: number;
  /** `absent`: not there, and a credential that hears no events does not learn why. */
  readonly status: Exclude<DocumentEvent["status"], "rejected"> | "absent";
}

interface SettleOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly surroundings: Surroundings;
  events(options: { fromSeq: number; signal: AbortSignal }): AsyncIterable<DocumentEvent>;
  document(id: string, options: { signal: AbortSignal }): Promise<DocumentState>;
}

const lookEveryMs = 100;

export async function settle(
  published: readonly Published[],
  options: SettleOptions,
): Promise<readonly Settled[]> {
  if (published.length === 0) return [];
  const { signal, timeoutMs } = options;
  const timeIsUp = AbortSignal.timeout(timeoutMs);
  const own = new AbortController();
  const given = signal === undefined ? [] : [signal];
  const within = { ...options, signal: AbortSignal.any([...given, timeIsUp, own.signal]) };
  try {
    return await byEvents(published, within).catch((thrown: unknown) => {
      if (!(thrown instanceof FreshetError) || thrown.code !== "forbidden") throw thrown;
      return byLooking(published, within);
    });
  } catch (thrown) {
    if (signal?.aborted === true || !timeIsUp.aborted) throw thrown;
    const says = `not dealt with after ${timeoutMs} ms`;
    throw new FreshetError("not_visible_yet", says, { status: 504, retryable: true });
  } finally {
    own.abort();
  }
}

type Within = SettleOptions & { readonly signal: AbortSignal };

async function byEvents(
  published: readonly Published[],
  { events, signal }: Within,
): Promise<readonly Settled[]> {
  const open = new Map(published.map((one) => [one.seq, one]));
  const settled = new Map<number, Settled>();
  // Of an import there may be more than a call takes arguments.
  const fromSeq = published.reduce((least, { seq }) => Math.min(least, seq), Infinity);
  for await (const event of events({ fromSeq, signal })) {
    const one = open.get(event.seq);
    if (one === undefined) continue;
    const { status } = event;
    if (status === "rejected") throw rejectionOf(one, event);
    settled.set(one.seq, { ...one, status });
    if (settled.size === open.size) break;
  }
  return published.flatMap(({ seq }) => settled.get(seq) ?? []);
}

function rejectionOf({ id, seq }: Published, { reason, message }: DocumentEvent): FreshetError {
  const code: ErrorCode = reason ?? "document_failed";
  const details = { id, seq };
  return new FreshetError(code, message ?? "the document was rejected", { status: 422, details });
}

async function byLooking(
  published: readonly Published[],
  { document, signal, surroundings }: Within,
): Promise<readonly Settled[]> {
  const settled: Settled[] = [];
  for (const { id, seq } of published) {
    for (;;) {
      const state = await document(id, { signal });
      if (state.status === "visible" && state.seq >= seq) {
        settled.push({ id, seq, status: state.seq === seq ? "visible" : "superseded" });
        break;
      }
      if (state.status === "absent" && state.visible_seq >= seq) {
        settled.push({ id, seq, status: "absent" });
        break;
      }
      await surroundings.sleep(lookEveryMs, signal);
      signal.throwIfAborted();
    }
  }
  return settled;
}
