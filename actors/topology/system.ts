/** The system that a node's actors run in, and those of an embed server. */

import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import type { TopologyOptions } from "./options.ts";
import { backoff, kindOf } from "./parts.ts";

export function createSystem({
  clock,
  metrics,
  logger,
}: Pick<TopologyOptions, "clock" | "metrics" | "logger">): ActorSystem {
  return new ActorSystem({
    clock,
    restart: { ...backoff, restartsMax: limits.restartsMax, windowMs: limits.restartWindowMs },
    stopMs: limits.stopMs,
    unanswered: () => new FreshetError("not_ready"),
    onRestart: (actor, failure) => {
      metrics.count("actor_restarts_total", { actor: kindOf(actor) });
      logger.error({ actor, err: failure }, "an actor failed and starts again");
    },
    onEscalate: (actor, failure) =>
      logger.error({ actor, err: failure }, "an actor failed for good"),
  });
}
