/** The wiring of an embedder: one actor per lane of the embedding port. */

import { limits } from "../../src/contract/limits.ts";
import { batchSizeOf } from "../../src/embedding/batch-size.ts";
import { probeText } from "../../src/embedding/model-probe.ts";
import type { Lane } from "../../src/embedding/port.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { ActorSystem } from "../../src/runtime/system.ts";
import { embedderActor } from "../embedder/embedder.ts";
import type { EmbedderMessage } from "../messages.ts";
import type { TopologyOptions } from "./options.ts";
import { backoff } from "./parts.ts";

export interface EmbedderParts
  extends Pick<TopologyOptions, "embedder" | "tokenizer" | "metrics" | "clock"> {
  readonly settings: Pick<TopologyOptions["settings"], "embedBatch" | "tenantWeights">;
}

export function spawnEmbedder(
  system: ActorSystem,
  { embedder, tokenizer, metrics, settings }: EmbedderParts,
  lane: Lane,
): Mailbox<EmbedderMessage> {
  const { paddedTokensMax, itemsMax, seeksOverhead, queryItemsMax, parallelMax, inFlightMax } =
    settings.embedBatch ?? batchSizeOf("cpu");
  const actor = system.spawn<EmbedderMessage>({
    name: `embedder/${lane}`,
    capacity: limits.embedderMailboxMax,
    behaviour: embedderActor({
      embedder,
      lane,
      batch: {
        paddedTokensMax,
        seeksOverhead,
        itemsMax: lane === "query" ? queryItemsMax : itemsMax,
        predictedMsMax: limits.embedBatchPredictedMsMax,
        lookAheadMax: limits.embedLookAheadMax,
        ageMaxMs: limits.embedQueueAgeMaxMs,
      },
      batchesAtOnceMax: parallelMax,
      batchesInFlightMax: inFlightMax,
      textsMax: limits.embedQueueTextsMax,
      requestMs: limits.embedRequestMs,
      control: {
        text: probeText,
        tokens: tokenizer.encode(probeText, embedder.model.maxTokens),
      },
      controlsMax: limits.embedControlsMax,
      weightOf: (tenant) => settings.tenantWeights?.get(tenant) ?? 1,
      backoff,
      metrics,
    }),
  });
  return actor.mailbox;
}
