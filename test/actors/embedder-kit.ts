/** An embedder actor before a backend that answers when the test says so. */

import { type EmbedderOptions, embedderActor } from "../../actors/embedder/embedder.ts";
import type { EmbedderMessage } from "../../actors/messages.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import type { BatchLimits } from "../../src/embedding/batching.ts";
import type { Embedder, EmbedInput } from "../../src/embedding/port.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { answered, axis, startActor } from "./kit.ts";

export interface Call {
  readonly texts: readonly string[];
  answer(): void;
  fail(error: Error): void;
}

/** A backend that answers when the test says so. A text's vector tells which text it was. */
export function scriptedEmbedder(): Embedder & { readonly calls: Call[] } {
  const calls: Call[] = [];
  return {
    calls,
    model: { name: "scripted", dimensions: 8, maxTokens: 64, fingerprint: "scripted" },
    embed(batch, { signal }) {
      const { promise, resolve, reject } = Promise.withResolvers<Float32Array[]>();
      signal?.addEventListener("abort", () => reject(new FreshetError("cancelled")));
      calls.push({
        texts: batch.map(({ text }) => text),
        answer: () => resolve(batch.map(vectorOf)),
        fail: reject,
      });
      return promise;
    },
    close: async () => {},
  };
}

export function vectorOf({ text }: EmbedInput): Float32Array {
  const vector = axis(0);
  vector[1] = text.codePointAt(0) ?? 0;
  return vector;
}

export function input(text: string, tokens = 8): EmbedInput {
  return { text, tokens: new Int32Array(tokens) };
}

export const batchBounds: BatchLimits = {
  paddedTokensMax: 64,
  itemsMax: 8,
  predictedMsMax: 1_000,
  lookAheadMax: 64,
  ageMaxMs: 250,
};

/** An embedder actor before that backend. */
export function setUp(options: Partial<EmbedderOptions> = {}) {
  const clock: ManualClock = createManualClock();
  const backend = scriptedEmbedder();
  const started = startActor<EmbedderMessage>(
    embedderActor({
      embedder: backend,
      lane: "ingest",
      batch: batchBounds,
      batchesInFlightMax: 1,
      batchesAtOnceMax: 1,
      textsMax: 16,
      requestMs: 1_000,
      control: input("control"),
      controlsMax: 3,
      backoff: { backoffMinMs: 10, backoffMaxMs: 100 },
      metrics: silentMetrics,
      ...options,
    }),
    { clock },
  );
  const { mailbox } = started.actor;
  const ask = (tenant: string, texts: readonly EmbedInput[], signal?: AbortSignal) => {
    const { reply, promise, answers } = answered<readonly Float32Array[]>();
    const message = { type: "embed", tenant: tenant as TenantId, inputs: texts, reply } as const;
    mailbox.tryPut({ ...message, signal: signal ?? new AbortController().signal });
    return { promise, answers };
  };
  return { clock, backend, mailbox, ask, ...started };
}
