/**
 * The part of the composition root that knows how an engine isolates a document: both ends of it.
 */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/config.ts";
import { toFreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { type Logger, silentLogger } from "../contract/observation.ts";
import { failsAll, failsAlone, isLost, isUnexplained } from "../embedding/failures.ts";
import { probeText } from "../embedding/model-probe.ts";
import type { Embedder, EmbedInput } from "../embedding/port.ts";
import { timeoutFactor } from "../embedding/timeout-factor.ts";
import { createChildIsolation } from "../ingest/isolation/child-process.ts";
import type { Isolation } from "../ingest/isolation/port.ts";
import {
  failedReply,
  type IsolatedReply,
  type IsolatedRequest,
  requestOf,
} from "../ingest/isolation/protocol.ts";
import { processOperation } from "../ingest/pipeline.ts";
import { preparersOf } from "../ingest/preparation/names.ts";
import type { Preparer } from "../ingest/preparer.ts";
import type { Log } from "../log/port.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { endWithParent } from "../runtime/end-with-parent.ts";
import type { RedactionKeys } from "../text/redaction-keys.ts";
import { type EmbeddingParts, openEmbedding, readModelShape } from "./embedding.ts";
import { openNames } from "./names.ts";
import { isolatedRole } from "./roles.ts";

interface IsolationContext {
  readonly entry: URL;
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly keys: RedactionKeys;
}

/** The engine's end. @param entry a program that takes a role, such as `src/main.ts` */
export function openIsolation(
  { documentTextBytesMax }: Pick<Log, "documentTextBytesMax">,
  { entry, config, clock, logger, keys }: IsolationContext,
): Isolation {
  const timeFactor = timeoutFactor(config.embedding.provider);
  return createChildIsolation({
    // Structured clones carry vectors as they are. Its own words are the engine's: what it says
    // goes to the same place.
    fork: () => fork(fileURLToPath(entry), [isolatedRole], { serialization: "advanced" }),
    documentTextBytesMax,
    redactionKeyOf: (tenant) => keys.of(tenant),
    clock,
    logger,
    limits: {
      attemptsMax: limits.documentAttemptsMax,
      readyMs: limits.isolationReadyMs * timeFactor,
      silenceMs: limits.isolationSilenceMs * timeFactor,
      idleMs: limits.isolationIdleMs,
      backoff: {
        backoffMinMs: limits.isolationPauseMinMs,
        backoffMaxMs: limits.isolationPauseMaxMs,
      },
    },
  });
}

/**
 * The other end: works on what it is sent until its engine is gone.
 * @param embedderSeam only a test harness puts something around the embedder
 * @throws FreshetError what opening the embedder throws; the engine then blames no document
 */
export async function runIsolated(
  config: Config,
  embedderSeam: (embedder: Embedder) => Embedder = (embedder) => embedder,
): Promise<void> {
  if (process.send === undefined)
    throw new Error("the isolated role is started by an engine, not by hand");
  endWithParent(limits.isolationParentMs);
  const say = (reply: IsolatedReply): void => void process.send?.(reply);
  const shape = readModelShape(config);
  const opened = await openEmbedding({ config, clock: systemClock, logger: silentLogger }, shape);
  const embedder = embedderSeam(opened.embedder);
  const preparerOf = preparersOf(
    { tokenizer: opened.tokenizer, ids: config.documentIds },
    await openNames(config),
  );
  const parts = { ...opened, embedder, preparerOf };
  await embedProbe(parts);
  process.on("message", (message) => {
    const request = requestOf(message);
    if (request !== undefined) void answer(parts, request, say);
  });
  say({ kind: "ready" });
}

interface IsolatedParts extends EmbeddingParts {
  readonly preparerOf: (redactionKey: Uint8Array) => Preparer;
}

async function answer(
  parts: IsolatedParts,
  { payload, documentTextBytesMax, redactionKey }: IsolatedRequest,
  say: (reply: IsolatedReply) => void,
): Promise<void> {
  try {
    const outcome = await processOperation(payload, {
      documentTextBytesMax,
      prepare: parts.preparerOf(redactionKey),
      embed: (inputs) => embedInParts(parts, inputs, () => say({ kind: "progress" })),
      named: (documentId) => say({ kind: "named", documentId }),
    });
    say({ kind: "outcome", outcome });
  } catch (thrown) {
    // A thread of this process died or hangs: the engine counts the end of the process, and starts
    // another.
    if (isLost(thrown)) process.kill(process.pid, "SIGKILL");
    say(failedReply(thrown));
  }
}

async function embedInParts(
  parts: EmbeddingParts,
  inputs: readonly EmbedInput[],
  onProgress: () => void,
): Promise<readonly Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let from = 0; from < inputs.length; from += limits.embedBatchItemsMax) {
    const some = inputs.slice(from, from + limits.embedBatchItemsMax);
    vectors.push(...(await embedOrBlame(parts, some)));
    onProgress();
  }
  return vectors;
}

/**
 * An embedder that is away fails a sentence too; one that fails only these texts, again and again,
 * refuses them.
 */
async function embedOrBlame(
  parts: EmbeddingParts,
  inputs: readonly EmbedInput[],
): Promise<readonly Float32Array[]> {
  for (let controls = 1; ; controls += 1) {
    try {
      return await parts.embedder.embed(inputs, { lane: "ingest" });
    } catch (thrown) {
      const error = toFreshetError(thrown);
      const isRefused = error.code === "embedding_failed" && !isLost(error);
      if (!isRefused && !isUnexplained(error)) throw error;
      await embedProbe(parts);
      if (isRefused) throw error;
      if (controls >= limits.embedControlsMax) throw failsAlone(error);
    }
  }
}

async function embedProbe({ embedder, tokenizer }: EmbeddingParts): Promise<void> {
  const tokens = tokenizer.encode(probeText, embedder.model.maxTokens);
  try {
    await embedder.embed([{ text: probeText, tokens }], { lane: "ingest" });
  } catch (thrown) {
    const error = toFreshetError(thrown);
    throw error.code === "embedding_failed" && !isLost(error) ? failsAll(error) : error;
  }
}
