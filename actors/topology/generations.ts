/** The wiring of generations: which of a tenant's answers here, and what computes their vectors. */

import { FreshetError } from "../../src/contract/errors.ts";
import { type Generation, storedNames } from "../../src/contract/generation.ts";
import { noVersion, type TenantId, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Lane } from "../../src/embedding/port.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import type { ActorSystem } from "../../src/runtime/system.ts";
import type { Directory, TenantEntry } from "../directory/directory.ts";
import { inShares } from "../embedder/shares.ts";
import { spawnEmbedder } from "./embedders.ts";
import { type Beside, type TenantEncoder, TenantEncoders } from "./encoders.ts";
import type { TopologyOptions } from "./options.ts";
import { type KeptForQuestions, queryLane, questionVectors } from "./questions.ts";

/** How long somebody waits at most, and whether still. */
export interface Patience {
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export interface GenerationParts {
  readonly generations: KnownGenerations;
  readonly encoders: TenantEncoders;
  /** The name under which the tenant's questions are answered now. */
  readonly answering: (tenant: TenantId) => TenantId;
  /** What the tenant shows here. */
  readonly visible: (tenant: TenantId) => Version;
  /** GB4, GB5: waits a moment. @throws FreshetError not_ready, log_unavailable */
  readonly caughtUp: (tenant: TenantId, patience?: Patience) => Promise<void>;
  /** Why nothing answers under this name here, where its model is not loaded. */
  readonly absence: (name: TenantId) => FreshetError | undefined;
}

export function tenantGenerations(
  system: ActorSystem,
  options: TopologyOptions,
  { own, directory }: { readonly own: TenantEncoder; readonly directory: Directory },
): GenerationParts {
  const { log, clock, logger, installedModels } = options;
  const make = (generation: Generation) => openBeside(system, options, generation);
  const visibleOf = (name: TenantId): Version | undefined => {
    const status = directory.tenant(name)?.status;
    return status?.state === "ready" ? status.visible : undefined;
  };
  const generations = new KnownGenerations(log.generations, {
    lifeOf: (name) => directory.tenant(name),
    visibleOf,
    nowMs: () => clock.monotonicMs(),
  });
  const answering = (tenant: TenantId) => generations.answering(tenant);
  const encoders = new TenantEncoders(own, generations, { clock, logger, installedModels, make });
  return {
    generations,
    encoders,
    answering,
    caughtUp: takeOvers({ log, clock, generations, directory, answering }),
    absence: (name) => (directory.tenant(name) ? undefined : encoders.absence(name)),
    visible: (tenant) => visibleOf(answering(tenant)) ?? noVersion,
  };
}

/** GB4. What the other one had recorded is read once a life: later both are fed alike. */
function takeOvers({
  log,
  clock,
  generations,
  directory,
  answering,
}: Pick<TopologyOptions, "log" | "clock"> &
  Pick<GenerationParts, "generations" | "answering"> & {
    readonly directory: Directory;
  }): GenerationParts["caughtUp"] {
  const floors = new WeakMap<object, Version>();
  return async (tenant, patience) => {
    const now = () => ({
      entry: directory.tenant(answering(tenant)),
      floor: generations.floorOf(tenant),
    });
    await untilShown(clock, now, patience);
    const { entry } = now();
    generations.reached(tenant, entry?.status.visible);
    const other = generations.unproved(tenant);
    if (entry === undefined || other === undefined) return;
    const floor = floors.get(entry) ?? (await log.chunks.last(other))?.version ?? noVersion;
    floors.set(entry, floor);
    if (entry.status.state === "ready" && entry.status.visible >= floor) {
      return generations.prove(tenant, entry);
    }
    throw new FreshetError("not_ready", "the generation that answers reads on to where it was");
  };
}

/** GB5. @throws FreshetError not_ready, cancelled */
async function untilShown(
  clock: TopologyOptions["clock"],
  now: () => { readonly entry: TenantEntry | undefined; readonly floor: Version },
  { waitMs, signal }: Partial<Patience> = {},
): Promise<void> {
  const lagMs = 2 * limits.generationLagMs;
  const untilMs = clock.monotonicMs() + Math.min(lagMs, waitMs ?? lagMs);
  // Another cut-over may come meanwhile, or the tenant leave.
  for (let { entry, floor } = now(); entry && entry.status.visible < floor; ) {
    if (clock.monotonicMs() >= untilMs) {
      throw new FreshetError("not_ready", "the generation that answers reads on to where it was");
    }
    await clock.sleep(limits.ownerPollMs, signal);
    if (signal?.aborted === true) throw new FreshetError("cancelled");
    ({ entry, floor } = now());
  }
}

/** What a node keeps for questions of a tenant, of all its generations. */
export function forgetting(
  { writer }: Pick<TopologyOptions, "writer">,
  { generations, encoders }: GenerationParts,
  kept: KeptForQuestions,
): (tenant: TenantId) => void {
  return (tenant) => {
    for (const name of storedNames(tenant, generations.of(tenant))) {
      encoders.forget(name);
      kept.results.forget(name);
      kept.asOf.forget(name);
      writer.forget?.(name);
    }
  };
}

/** Loads a model and starts its embedders. @throws FreshetError embedding_unavailable, … */
async function openBeside(
  system: ActorSystem,
  options: TopologyOptions,
  generation: Generation,
): Promise<Beside> {
  const { openEncoder } = options;
  if (openEncoder === undefined) {
    throw new FreshetError("embedding_unavailable", "this process loads one model only");
  }
  const opened = await openEncoder(generation);
  try {
    return spawnBeside(system, { ...options, ...opened });
  } catch (thrown) {
    // The system stops: nobody else has its threads, which would keep the process alive.
    await opened.embedder.close();
    throw thrown;
  }
}

function spawnBeside(system: ActorSystem, parts: TopologyOptions): Beside {
  const { embedder, settings } = parts;
  const named = (lane: Lane) => ({ lane, laneName: `${lane}-${embedder.model.name}` });
  const ingest = spawnEmbedder(system, parts, named("ingest"));
  const query = spawnEmbedder(system, parts, named("query"));
  const lane = queryLane(settings, query.mailbox);
  return {
    model: embedder.model,
    ingest: inShares(ingest.mailbox, new FairShares({ total: limits.embedQueueTextsMax })),
    vectors: questionVectors(parts, { embedder: lane }),
    close: async () => {
      await Promise.all([ingest.stop(), query.stop()]);
      await embedder.close();
    },
  };
}
