/** Preparation on the calling thread: for small documents, and in tests. */

import type { TenantId } from "../../contract/ids.ts";
import type { Metrics } from "../../contract/observation.ts";
import type { Clock } from "../../runtime/clock.ts";
import { preparePayload } from "../prepare-payload.ts";
import type { Preparer } from "../preparer.ts";
import type { Preparation } from "./port.ts";

export function inlinePreparation(options: {
  readonly preparerOf: (tenant: TenantId) => Preparer;
  readonly clock: Clock;
  readonly metrics: Metrics;
}): Preparation {
  const { preparerOf, clock, metrics } = options;
  return {
    async prepare({ payload, ...job }) {
      // A pull brings many documents at once: others have their turn between two of them.
      await clock.turn();
      const begunMs = clock.monotonicMs();
      const prepare = preparerOf(job.tenant);
      const prepared = await preparePayload(payload, { ...job, prepare });
      metrics.observe("ingest_prepare_seconds", (clock.monotonicMs() - begunMs) / 1000);
      return prepared;
    },
    close: () => Promise.resolve(),
  };
}
