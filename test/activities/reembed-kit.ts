/** Generations that are built in memory, turn by turn, for tests. */

import { vi } from "vitest";
import { buildGeneration, feedGeneration, joinGeneration } from "../../activities/reembed/build.ts";
import type { ReembedPorts } from "../../activities/reembed/ports.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import { generationName, type Position, type TenantId } from "../../src/contract/ids.ts";
import type { BuildTurn } from "../../src/contract/reembed.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { acme, createWorld, type World } from "./world.ts";

export const second = generationName(acme, 2);
export const build = { tenant: acme, number: 2, textsPerS: 1e6 };

export interface Reembedded extends World {
  readonly reembed: ReembedPorts;
  readonly merges: TenantId[];
}

/** Turns end after one page, so that there are many of them. */
export function setUp(clock: Clock = systemClock): Reembedded {
  const world = createWorld({ clock });
  const merges: TenantId[] = [];
  const reembed: ReembedPorts = {
    ...world.ports,
    turnMs: 0,
    withEncoder: (_, work) =>
      work({
        ...{ fingerprint: "new", probe: "probe" },
        encode: async (texts) => texts.map((text) => new Float32Array([text.length, 0, 0, 1])),
      }),
    requestMerge: async (name) => void merges.push(name),
    cancelMerge: async () => {},
  };
  return { ...world, reembed, merges };
}

/** Cold is walked by so few objects at a time, as a large shard is by a thousand. */
export function inPages({ cold }: World, size: number): readonly string[] {
  const seen: string[] = [];
  const walk = cold.walk.bind(cold);
  vi.spyOn(cold, "walk").mockImplementation(async (name, { after }) => {
    const page = await walk(name, { after, limit: size });
    seen.push(...page.map(({ id }) => id));
    return page;
  });
  return seen;
}

export async function turn({ reembed }: Reembedded): Promise<BuildTurn["kind"] | string> {
  try {
    return (await buildGeneration(reembed, build)).kind;
  } catch (thrown) {
    return toFreshetError(thrown).code;
  }
}

export async function toTheEnd(world: Reembedded): Promise<void> {
  for (let turns = 0; (await turn(world)) !== "caught-up"; turns += 1) {
    if (turns > 500) throw new Error("the build does not end");
  }
}

export async function feedIt(world: Reembedded): Promise<void> {
  await toTheEnd(world);
  await joinGeneration(world.reembed, build);
  await toTheEnd(world);
  await feedGeneration(world.reembed, build);
}

/** Live documents: their version and texts, as the chain of records says. */
export async function documentsOf({ log }: World, name: TenantId, after = 0 as Position) {
  const live = new Map<string, string>();
  const last = await log.chunks.last(name);
  if (last === null) return live;
  for await (const record of log.chunks.read({ tenant: name, after, to: last.position })) {
    if (record.kind === "delete") live.delete(record.documentId);
    if (record.kind !== "upsert") continue;
    const texts = record.body.chunks.map(({ text }) => text).join("|");
    live.set(record.documentId, `${record.version}: ${texts}`);
  }
  return live;
}
