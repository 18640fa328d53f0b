/** Searches of `blame` and `watch`: the same question again and again, as of an operation. */

import { setTimeout } from "node:timers/promises";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { CliError, usageError } from "../exit.ts";
import type { Engine } from "../http-client.ts";
import { type Hits, hitsOf } from "./hits.ts";

export interface StandingQuestion {
  readonly query: string;
  readonly top_k?: number | undefined;
  readonly filter?: object | undefined;
}

/** What the engine says of it now, and up to which operation that goes. */
export async function hitsNow(
  engine: Pick<Engine, "ask">,
  question: StandingQuestion,
  signal: AbortSignal,
): Promise<{ readonly hits: Hits; readonly seq: number }> {
  try {
    const asked = { ...question, mode: "search", max_staleness_ms: 0 };
    const { sources, visible_seq: seq } = await engine.ask(asked, signal);
    return { hits: hitsOf(sources), seq };
  } catch (thrown) {
    if (!(thrown instanceof FreshetError) || thrown.code !== "no_results") throw thrown;
    const seq = thrown.details?.["visible_seq"];
    if (typeof seq !== "number") {
      throw new CliError("the tenant has no operations yet: publish a document first");
    }
    return { hits: [], seq };
  }
}

/** An engine that is away for a moment is asked again: what it says does not depend on when. */
export async function hitsAsOf(
  engine: Pick<Engine, "ask">,
  question: StandingQuestion & { readonly as_of: number },
  signal: AbortSignal,
): Promise<Hits> {
  const asked = { ...question, mode: "search", deadline_ms: limits.deadlineMsMax };
  for (let failures = 0; ; failures += 1) {
    try {
      return hitsOf((await engine.ask(asked, signal)).sources);
    } catch (thrown) {
      if (thrown instanceof FreshetError && thrown.code === "no_results") return [];
      if (thrown instanceof FreshetError && thrown.code === "wrong_incarnation") {
        throw usageError(`${asked.as_of} is no seq of this log: take one of a publish or an event`);
      }
      const passes = !(thrown instanceof FreshetError) || thrown.retryable;
      if (signal.aborted || !passes || failures >= limits.eventsRetriesMax) throw thrown;
    }
    await setTimeout(limits.retryAfterMs, undefined, { signal });
  }
}
