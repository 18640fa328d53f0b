/** The wiring of the question pool: equal actors on one mailbox. */

import { noVersion, tenantOf } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import { batchSizeOf } from "../../src/embedding/batch-size.ts";
import type { KnownGenerations } from "../../src/log/generations.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { ActorRef, ActorSystem } from "../../src/runtime/system.ts";
import type { Directory, Proofs } from "../directory/directory.ts";
import { inShares, type SharedLane } from "../embedder/shares.ts";
import type { EmbedderMessage, QuestionMessage } from "../messages.ts";
import { AsOfSearches } from "../question/as-of.ts";
import type { QuestionOptions } from "../question/options.ts";
import { questionActor } from "../question/question.ts";
import { SearchResults } from "../question/results.ts";
import { QuestionVectors } from "../question/vectors.ts";
import type { TenantEncoders } from "./encoders.ts";
import type { TopologyOptions } from "./options.ts";

interface QuestionParts {
  readonly encoders: TenantEncoders;
  readonly directory: Directory;
  readonly proofs: Proofs;
  readonly kept: KeptForQuestions;
}

/** What the whole pool keeps for equal questions. */
export interface KeptForQuestions {
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
      vectorsOf: (name) => parts.encoders.of(name)?.vectors,
      ...parts.kept,
      redactorOf: options.redactorOf,
      names: options.questionNames,
      writer: options.writer,
      reranking: options.reranking,
      // What "nothing relevant" means is measured for the own model's cosines.
      declines: (name) => options.settings.declines === true && parts.encoders.isOwn(name),
      quotas: tenantQuotas(options.quotas),
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

/** Those of a tenant count for all its generations. */
function tenantQuotas(quotas: TopologyOptions["quotas"]): QuestionOptions["quotas"] {
  return {
    admitModel: (user) => quotas.admitModel({ ...user, tenant: tenantOf(user.tenant) }),
    answersOf: (name) => quotas.answersOf(tenantOf(name)),
  };
}

/** Of one model's questions. */
export function questionVectors(
  options: Pick<TopologyOptions, "embedder" | "tokenizer" | "clock" | "metrics" | "settings">,
  lanes: { readonly embedder: SharedLane; readonly sparse?: SharedLane<SparseVector> | undefined },
): QuestionVectors {
  const { clock, metrics, tokenizer, settings } = options;
  const { model } = options.embedder;
  const isOn = settings.keepsForEqualQuestions !== false;
  const kept = {
    bytesMax: limits.questionVectorBytesMax,
    ownerBytesMax: limits.questionVectorBytesPerTenantMax,
    keptMs: limits.questionVectorKeptMs,
    now: () => clock.monotonicMs(),
  };
  return new QuestionVectors({ ...lanes, tokenizer, model, kept, clock, metrics, isOn });
}

export function sharedByQuestions(
  options: TopologyOptions,
  generations: KnownGenerations,
  encoders: Pick<TenantEncoders, "of">,
): KeptForQuestions {
  const { log, createHot, clock, metrics, settings } = options;
  const isOn = settings.keepsForEqualQuestions !== false;
  const results = {
    bytesMax: limits.questionResultBytesMax,
    ownerBytesMax: limits.questionResultBytesPerTenantMax,
    keptMs: limits.questionKeptMs,
    now: () => clock.monotonicMs(),
  };
  return {
    asOf: new AsOfSearches({
      ...{ log, clock },
      createHot: (name) => {
        const { dimensions } = (encoders.of(name) ?? options.embedder).model;
        return createHot({ dimensions, exact: true });
      },
      beginsAt: (name) => generations.generation(name)?.builtTo ?? noVersion,
      replayWindowMs: settings.replayWindowMs ?? limits.replayWindowMs,
    }),
    results: new SearchResults({ clock, kept: results, metrics, isOn }),
  };
}
