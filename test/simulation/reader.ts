/**
 * A question without its language model, as actors/question/question.ts asks it: cold first, then
 * mask and hot in one step.
 */

import { LeaseProofs } from "../../actors/partition/lease-proofs.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import type { Partition } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { LeaseStore } from "../../src/log/lease-port.ts";
import { fuse } from "../../src/retrieval/fusion.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { acme, axis } from "../actors/kit.ts";
import { everything, type Node } from "./node.ts";
import type { Plant } from "./plant.ts";

export interface Seen {
  readonly visible: number;
  /** `id@version#chunk`, sorted. */
  readonly chunks: readonly string[];
  /** Cold was searched, and says that it is complete up to the watermark. */
  readonly covered: boolean;
}

/** What was known when a question was asked. */
export interface Asked {
  readonly minVersion: number;
  /** Highest version that an answer of before had seen. */
  readonly floor: number;
  /** Of the newest record. */
  readonly epoch: number;
}

interface ColdAnswer {
  readonly hits: readonly Candidate[];
  readonly covered: boolean;
}

/** @throws FreshetError when the node does not answer (any more) */
export async function askNode(
  node: Node,
  options: {
    readonly cold: ColdShard;
    readonly minVersion: number;
    /** False plants a reader that believes cold. */
    readonly masks: boolean;
    readonly checksResident: boolean;
    /** While a question is between the snapshot and the search. */
    readonly pause: () => Promise<void>;
    /** That the node is the owner, after it has searched. */
    readonly prove: () => Promise<void>;
  },
): Promise<Seen | undefined> {
  let view = await node.view(options.minVersion);
  for (let restart = 0; restart <= limits.coldRestartsMax; restart += 1) {
    const isEnough = !view.coldExists || view.isResident;
    const { hits, covered } = isEnough
      ? { hits: [], covered: true }
      : await askCold(options.cold, view.watermark);
    // Its room may be needed between the two: what was resident is not any more.
    if (view.coldExists && view.isResident) await options.pause();
    const mustBeResident = options.checksResident && view.isResident;
    const outcome = await node.search({ ...view, mustBeResident, coldHits: hits });
    if (outcome.kind === "dropped") {
      view = outcome.snapshot;
      continue;
    }
    const cold = options.masks ? outcome.cold : hits;
    await options.prove();
    return { visible: outcome.visible, chunks: fused(outcome.hot, cold), covered };
  }
  return undefined;
}

function fused(hot: readonly Candidate[], cold: readonly Candidate[]): readonly string[] {
  return fuse({ question: "common", hot, cold, limit: everything, perList: everything })
    .map(({ candidate: { documentId, version, chunk } }) => `${documentId}@${version}#${chunk}`)
    .sort();
}

async function askCold(cold: ColdShard, watermark: number): Promise<ColdAnswer> {
  try {
    const query = { tenant: acme, vector: axis(0), text: "common", limit: everything };
    const [{ hits }, marker] = await Promise.all([cold.search(query), cold.readMarker(acme)]);
    return { hits, covered: (marker?.to ?? 0) >= watermark };
  } catch {
    return { hits: [], covered: false };
  }
}

export const partition = 0 as Partition;

/** As a node does it, whose lease seems to hold by its own clock. */
export function proveLease(
  { epoch }: Node,
  by: { readonly leases: LeaseStore; readonly clock: Clock; readonly plant: Plant },
): Promise<void> {
  const { leases, clock, plant } = by;
  if (!plant.proves) return Promise.resolve();
  const times = { askAgainMs: 1_000, patienceMs: 5_000 };
  const proofs = new LeaseProofs({ leases, clock, ...times, onLost: () => {} });
  return proofs.prove({ partition, epoch });
}
