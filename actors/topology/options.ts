/** What a node's actors are made of: its ports, its names and its settings. */

import type { AnswerWriter } from "../../src/answer/port.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import type { Generation } from "../../src/contract/generation.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import type { Quotas } from "../../src/contract/quota.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import type { Tracer } from "../../src/contract/tracing.ts";
import type { BatchSize } from "../../src/embedding/batch-size.ts";
import type { Embedder, Encoder } from "../../src/embedding/port.ts";
import type { HotShardFactory } from "../../src/hot/port.ts";
import type { Isolation } from "../../src/ingest/isolation/port.ts";
import type { Preparation } from "../../src/ingest/preparation/port.ts";
import type {
  Mapper,
  SourceStore,
  SourceStreams,
  StreamSource,
} from "../../src/ingest/sources/port.ts";
import type { TenantBounds } from "../../src/log/catalogue.ts";
import type { Log } from "../../src/log/port.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { QuestionNamesLane } from "../../src/text/names.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import type { FieldRedactor } from "../../src/text/redact-fields.ts";
import type { Reranking } from "../question/ranking.ts";

/** A model that is loaded for generations that want it. */
export interface OpenedEncoder {
  /** Makes tokens of each text by itself: it may be given those of another model. */
  readonly embedder: Embedder;
  readonly tokenizer: Tokenizer;
}

export interface TopologyOptions {
  /** This process, as leases name it. */
  readonly node: string;
  /** The node's name in the deployment; `node` by default. */
  readonly name?: string | undefined;
  readonly log: Log;
  readonly cold: ColdShard;
  readonly embedder: Embedder;
  /** Loads the model of a generation; undefined where there is none but the own. */
  readonly openEncoder?: ((generation: Generation) => Promise<OpenedEncoder>) | undefined;
  /** Names of those that it can load, as far as a look at what is installed tells. */
  readonly installedModels?: (() => readonly string[]) | undefined;
  /** Weighs words of chunks and questions, as a third signal; undefined where that is off. */
  readonly sparse?: Encoder<SparseVector> | undefined;
  readonly isolation: Pick<Isolation, "process">;
  readonly createHot: HotShardFactory;
  readonly tokenizer: Tokenizer;
  readonly preparation: Pick<Preparation, "prepare">;
  /** Begins the redaction of one question of the tenant. */
  readonly redactorOf: (tenant: TenantId) => FieldRedactor;
  /** The lane of names, of questions; undefined where it is off. */
  readonly questionNames?: QuestionNamesLane | undefined;
  readonly writer: AnswerWriter;
  /** A model that orders what was found; undefined where none is set up. */
  readonly reranking?: Reranking | undefined;
  readonly merges: Pick<MergeClient, "due">;
  /** Change streams of others; undefined where none are read. */
  readonly sources?:
    | {
        readonly store: SourceStore;
        readonly streams: SourceStreams;
        readonly createMapper: (source: StreamSource) => Mapper;
      }
    | undefined;
  /** What tenants may use. */
  readonly quotas: Quotas;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly tracer?: Tracer | undefined;
  readonly logger: Logger;
  readonly settings: {
    readonly mergeSizeChunks: number;
    readonly graceMs: number;
    /** Hot memory for what is merged: by default all that publishers leave; 0 keeps none. */
    readonly keptBytesMax?: number | undefined;
    /** What suits the device that computes the vectors; a CPU by default. */
    readonly embedBatch?: BatchSize | undefined;
    /** Vectors and search results; true by default. */
    /** Answers to questions that nothing is relevant to are refused; false by default. */
    readonly declines?: boolean | undefined;
    readonly keepsForEqualQuestions?: boolean | undefined;
    /** Shares of the embedder while tenants wait for it, above zero; a tenant without one has 1. */
    readonly tenantWeights?: ReadonlyMap<TenantId, number> | undefined;
    /** How long the log keeps what is processed and merged; `limits.replayWindowMs` by default. */
    readonly replayWindowMs?: number | undefined;
    /** An idle tenant sleeps after so long; never by default, and with 0. */
    readonly tenantSleepMs?: number | undefined;
    /** Which tenants without records are admitted; by default all, up to `limits.tenantsMax`. */
    readonly tenants?: TenantBounds | undefined;
  };
}
