/**
 * What the parts of a re-embedding say to each other through Temporal: names, sequences and counts,
 * never a text (I10).
 */

import type { TenantId } from "./ids.ts";
import type { Described } from "./merge.ts";

export const reembedNames = {
  workflow: "reembedTenant",
  /** Activities have a queue of their own: each lasts a minute, and merges must not wait. */
  queueSuffix: "-reembed",
  pauseSignal: "pause",
  resumeSignal: "resume",
  progressQuery: "progress",
} as const;

export function reembedWorkflowId(tenant: TenantId): string {
  return `reembed/${tenant}`;
}

export interface ReembedInput extends Described {
  readonly tenant: TenantId;
  /** A folder of the set-up's models. */
  readonly model: string;
  readonly textsPerS: number;
  /** Of the activities. */
  readonly taskQueue: string;
  /** Handed from one run to the next. */
  readonly carried?: ReembedCarried | undefined;
}

export interface ReembedCarried {
  readonly number: number;
  readonly paused: boolean;
  readonly texts: number;
  readonly startedAtMs: number;
}

export interface BeginRequest extends Described {
  readonly tenant: TenantId;
  readonly model: string;
}

export interface BuildRequest extends Described {
  readonly tenant: TenantId;
  readonly number: number;
  readonly textsPerS: number;
}

export interface BuildTurn {
  /**
   * `more`: its time was over; `caught-up`: it has a record of all that the active one had when the
   * turn began; `over`: it is not to be built any more, or cannot be.
   */
  readonly kind: "more" | "caught-up" | "over";
  /** Texts that this turn embedded. */
  readonly texts: number;
  /** Documents and later operations that are done, of all. */
  readonly done: number;
  readonly total: number;
  /** Of `over`. */
  readonly why?: string | undefined;
}

export interface ReembedActivities {
  /** Its number. @throws FreshetError embedding_unavailable, invalid_request, tenant_erased, … */
  beginGeneration(request: BeginRequest): Promise<{ readonly number: number }>;
  /** Embeds and appends what the generation lacks, until its turn is over. */
  buildGeneration(request: BuildRequest): Promise<BuildTurn>;
  /** From now on DOCS is kept for it. */
  joinGeneration(request: BuildRequest): Promise<void>;
  /** From now on the tenant's owner feeds it. */
  feedGeneration(request: BuildRequest): Promise<void>;
}

export interface ReembedProgress {
  readonly tenant: TenantId;
  readonly model: string;
  /** Null until it has one. */
  readonly number: number | null;
  readonly phase: "starting" | "building" | "joining" | "paused" | "built" | "over";
  readonly textsPerS: number;
  readonly texts: number;
  readonly done: number;
  readonly total: number;
  readonly startedAtMs: number;
  /** Why it is over, or what it waits for. */
  readonly why?: string | undefined;
}
