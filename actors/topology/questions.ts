/** The wiring of the question pool: equal actors on one mailbox. */

import { limits } from "../../src/contract/limits.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import { batchSizeOf } from "../../src/embedding/batch-size.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { ActorRef, ActorSystem } from "../../src/runtime/system.ts";
import type { Directory, Proofs } from "../directory/directory.ts";
import { inShares, type SharedLane } from "../embedder/shares.ts";
import type { EmbedderMessage, QuestionMessage } from "../messages.ts";
import { AsOfSearches } from "../question/as-of.ts";
import { questionActor } from "../question/question.ts";
import { SearchResults } from "../question/results.ts";
import { QuestionVectors } from "../question/vectors.ts";
import type { TopologyOptions } from "./options.ts";

interface QuestionParts {
  readonly directory: Directory;
  readonly proofs: Proofs;
  readonly kept: KeptForQuestions;
}

/** What the whole pool keeps for equal questions. */
export interface KeptForQuestions {
  readonly vectors: QuestionVectors;
  readonly results: SearchResults;
  readonly asOf: AsOfSearches;
}

export function spawnQuestions(
  system: ActorSystem,
  options: TopologyOptions,
  parts: QuestionParts,
): ActorRef<QuestionMessage>[] {
  return system.spawnPool<QuestionMessage>(limits.questionsInFlightMax, {
    name: "question",
    capacity: limits.queryMailboxMax,
    behaviour: questionActor({
      directory: parts.directory,
      proofs: parts.proofs,
      log: options.log,
      cold: options.cold,
      ...parts.kept,
      redactorOf: options.redactorOf,
      names: options.questionNames,
      writer: options.writer,
      reranking: options.reranking,
      declines: options.settings.declines,
      quotas: options.quotas,
      limits: {
        candidatesPerShard: limits.candidatesPerShard,
        coldSearchMs: limits.coldSearchMs,
        coldRefillRoundsMax: limits.coldRefillRoundsMax,
        coldRestartsMax: limits.coldRestartsMax,
        pollMs: limits.tenantPollMs,
        redactionSliceChars: limits.questionRedactionSliceChars,
        replyMs: limits.replyMs,
        pieceEveryMs: limits.answerPieceEveryMs,
      },
      metrics: options.metrics,
      logger: options.logger,
    }),
  });
}

/**
 * As many as the backend gets at once: a flood has at most half of them in hand when another
 * tenant's question comes.
 */
export function queryLane<Vector = Float32Array>(
  { embedBatch }: Pick<TopologyOptions["settings"], "embedBatch">,
  queryEmbedder: Mailbox<EmbedderMessage<Vector>>,
): SharedLane<Vector> {
  const { inFlightMax, queryItemsMax } = embedBatch ?? batchSizeOf("cpu");
  return inShares(queryEmbedder, new FairShares({ total: inFlightMax * queryItemsMax }));
}

export function sharedByQuestions(
  options: TopologyOptions,
  embedder: SharedLane,
  sparse?: SharedLane<SparseVector>,
): KeptForQuestions {
  const { log, createHot, clock, metrics, tokenizer, settings } = options;
  const { model } = options.embedder;
  const isOn = settings.keepsForEqualQuestions !== false;
  const now = (): number => clock.monotonicMs();
  const vectors = {
    bytesMax: limits.questionVectorBytesMax,
    ownerBytesMax: limits.questionVectorBytesPerTenantMax,
    keptMs: limits.questionVectorKeptMs,
    now,
  };
  const results = {
    bytesMax: limits.questionResultBytesMax,
    ownerBytesMax: limits.questionResultBytesPerTenantMax,
    keptMs: limits.questionKeptMs,
    now,
  };
  return {
    asOf: new AsOfSearches({
      ...{ log, clock },
      createHot: () => createHot({ dimensions: model.dimensions, exact: true }),
      replayWindowMs: settings.replayWindowMs ?? limits.replayWindowMs,
    }),
    vectors: new QuestionVectors({
      ...{ embedder, sparse, tokenizer, model, kept: vectors, clock, metrics, isOn },
    }),
    results: new SearchResults({ clock, kept: results, metrics, isOn }),
  };
}
