/**
 * The engine of one node: what takes documents in and answers questions. The composition root of
 * this process; `merges.ts` is that of the other, and they share nothing but the log.
 *
 * Half of a start is loading code, and a third is threads that read the model. So here is only what
 * those threads and the log need; the rest (`serving.ts`) is loaded while they work.
 */

import { totalmem } from "node:os";
import type { Config } from "../config/config.ts";
import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";
import { watchMain } from "../engine/stall-watch.ts";
import { giveUpSilent } from "../log/nats/connection.ts";
import { keepCompiled } from "../runtime/compiled.ts";
import { watchCertificates } from "./certificates.ts";
import { openCredentials } from "./credentials.ts";
import { type EmbeddingParts, openEmbedding, readModelShape } from "./embedding.ts";
import {
  connectLog,
  foundation,
  type NatsLog,
  openReplies,
  type Running,
  type Start,
} from "./foundation.ts";
import { Stack } from "./stack.ts";
import { openTracing } from "./tracing.ts";

export interface Engine extends Running {
  readonly httpUrl: string;
}

/**
 * The engine of one node: joins the log, serves the partitions it gets, and listens.
 * @throws FreshetError or Error with one line that says what to do; nothing is left running then
 */
export async function startEngine(
  config: Config,
  version: string,
  seams: Start = {},
): Promise<Engine> {
  const base = foundation(config, version, seams);
  const stack = new Stack();
  warnOfSmallMemory(base.logger);
  try {
    const shape = readModelShape(config);
    // Beside all that follows: threads read the model, which takes as long.
    const opening = stack.push("embedder", openEmbedding(base, shape), closeEmbedder);
    opening.catch(() => {}); // It is thrown where it is awaited.
    const tracer = await openTracing(base, stack, "engine");
    watchCertificates(base, stack);
    const access = openCredentials(base);
    stack.push("main watch", await watchMain(limits.mainStallMs), (end) => end());
    const { log, trust } = await connectLog(base, stack, "engine");
    const replies = await openReplies(base, log, stack);
    const { serve } = await import("./serving.ts");
    keepCompiled();
    const parts = { ...{ shape, opening, tracer, access }, ...{ log, trust, replies } };
    const { httpUrl } = await serve(base, stack, parts);
    const stopped = untilLost(log);
    return {
      httpUrl,
      ended: stopped.promise,
      stop: async () => {
        for (const link of [log.connection, replies]) void giveUpSilent(link, base.clock);
        await stack.unwind(base);
        stopped.resolve();
      },
    };
  } catch (thrown) {
    await stack.unwind(base).catch(() => {});
    throw thrown;
  }
}

/** Rejects when the connection to the log is lost for good. */
function untilLost({ connection }: Pick<NatsLog, "connection">): PromiseWithResolvers<void> {
  const stopped = Promise.withResolvers<void>();
  connection.closed().then((failure) => {
    if (failure instanceof Error) stopped.reject(failure);
  }, stopped.reject);
  return stopped;
}

/** Also one that is still being opened when a connection fails. */
async function closeEmbedder(opening: Promise<EmbeddingParts>): Promise<void> {
  const opened = await opening.catch(() => undefined);
  await opened?.embedder.close();
}

/**
 * Its bounds are fixed: a machine that has less ends the engine when its tenants fill them, not
 * before.
 */
function warnOfSmallMemory(logger: Logger): void {
  const mayTakeBytes = limits.engineBytesMax + limits.hotBytesPerNodeMax;
  const hasBytes = totalmem();
  if (hasBytes >= mayTakeBytes) return;
  logger.warn({ hasBytes, mayTakeBytes }, "an engine may take more memory than this machine has");
}
