/** Weaviate, for both processes: its client is the largest that they load. */

import type { ColdShard } from "../cold/port.ts";
import { connectWeaviate } from "../cold/weaviate.ts";
import type { ModelShape } from "../embedding/model-shape.ts";
import type { Foundation, NatsLog } from "./foundation.ts";

export function connectCold(
  { config, seams, clock, logger }: Foundation,
  { dimensions }: ModelShape,
  { deployment }: NatsLog,
): ColdShard {
  const cold = connectWeaviate({ ...config.weaviate, deployment, dimensions, clock, logger });
  return seams.cold?.(cold) ?? cold;
}
