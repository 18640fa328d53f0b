/** The wiring of an embedder: one actor per lane of the embedding port. */

import { tenantOf } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import { type BatchSize, batchSizeOf } from "../../src/embedding/batch-size.ts";
import { probeText } from "../../src/embedding/model-probe.ts";
import type { Encoder, Lane } from "../../src/embedding/port.ts";
import { sparseBatch } from "../../src/embedding/sparse-batch.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { ActorRef, ActorSystem } from "../../src/runtime/system.ts";
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
  options: EmbedderParts,
  /** With a name of its own where it is that of a model beside the own one. */
  { lane, laneName = lane }: { readonly lane: Lane; readonly laneName?: string },
): ActorRef<EmbedderMessage> {
  const size = options.settings.embedBatch ?? batchSizeOf("cpu");
  return spawn(system, options, { encoder: options.embedder, size, lane, laneName });
}

/** The same of the learned-sparse signal, with a queue of its own; undefined where that is off. */
export function spawnSparse(
  system: ActorSystem,
  options: TopologyOptions,
  lane: Lane,
): Mailbox<EmbedderMessage<SparseVector>> | undefined {
  const { sparse: encoder } = options;
  if (encoder === undefined) return undefined;
  const size = { ...batchSizeOf("cpu"), ...sparseBatch };
  return spawn(system, options, { encoder, size, lane, laneName: `sparse-${lane}` }).mailbox;
}

interface Spawned<Vector> {
  readonly encoder: Encoder<Vector>;
  readonly size: BatchSize;
  readonly lane: Lane;
  readonly laneName: string;
}

function spawn<Vector>(
  system: ActorSystem,
  { tokenizer, metrics, settings }: Omit<EmbedderParts, "embedder">,
  { encoder, size, lane, laneName }: Spawned<Vector>,
): ActorRef<EmbedderMessage<Vector>> {
  const { paddedTokensMax, itemsMax, seeksOverhead, queryItemsMax, parallelMax, inFlightMax } =
    size;
  return system.spawn<EmbedderMessage<Vector>>({
    name: `embedder/${laneName}`,
    capacity: limits.embedderMailboxMax,
    behaviour: embedderActor<Vector>({
      embedder: encoder,
      ...{ lane, laneName },
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
        tokens: tokenizer.encode(probeText, encoder.model.maxTokens),
      },
      controlsMax: limits.embedControlsMax,
      weightOf: (name) => settings.tenantWeights?.get(tenantOf(name)) ?? 1,
      backoff,
      metrics,
    }),
  });
}
