/**
 * The steps that build a generation. Each may be cut off anywhere and run again.
 *
 *   GD1  its chain of records is the only cursor: what has a record is done, and an attempt that
 *        wakes up late finds that another one has appended (I6's condition), and ends;
 *   GD2  until it is fed it has no owner: records of the build are of epoch 0, below every lease,
 *        so the owner's fence ends the last of them;
 *   GD3  it is fed only after it has a record of all that had one when DOCS began to be kept for
 *        it: what its owner reads on from there is all in DOCS.
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import {
  type Building,
  begin,
  feed,
  type Generation,
  isUnderWay,
  join,
} from "../../src/contract/generation.ts";
import {
  generationName,
  noEpoch,
  noPosition,
  noVersion,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import type { BeginRequest, BuildRequest, BuildTurn } from "../../src/contract/reembed.ts";
import { checkServed } from "../../src/contract/tenant-life.ts";
import { changeGenerations } from "../../src/log/generations.ts";
import { writeHeld } from "./held.ts";
import type { ReembedPorts, TextEncoder } from "./ports.ts";
import { GenerationRecords } from "./records.ts";
import { laterRecords, mergedRecords, standingOf, wholeHeads } from "./source.ts";
import { foundBy, type Walker, walkAgain, walkOn } from "./walk.ts";

export async function beginGeneration(
  ports: ReembedPorts,
  { tenant, model }: BeginRequest,
): Promise<{ readonly number: number }> {
  const { log } = ports;
  checkServed((await log.lives.get(tenant)).life);
  const made = await ports.withEncoder({ model }, async ({ probe }) => {
    return changeGenerations(log.generations, tenant, async (record) => {
      // An earlier attempt of this step, or a workflow that was terminated: one for each tenant.
      if (isUnderWay(record) && record.other.model === model) return record;
      const source = generationName(tenant, record.active.number);
      const manifest = (await log.manifests.get(source))?.manifest ?? emptyManifest;
      return begin(record, { model, probe, from: manifest.to, upTo: manifest.version });
    });
  });
  const { generations } = made;
  if (!isUnderWay(generations)) throw new FreshetError("internal", "no build began");
  return { number: generations.other.number };
}

/** Undefined: why not, is in the record. */
async function buildingOf(
  { log }: ReembedPorts,
  { tenant, number }: BuildRequest,
): Promise<Building | undefined> {
  const { generations: record } = await log.generations.get(tenant);
  return isUnderWay(record) && record.other.number === number ? record : undefined;
}

const over = (why: string): BuildTurn => ({ kind: "over", texts: 0, done: 0, total: 0, why });

export async function buildGeneration(
  ports: ReembedPorts,
  request: BuildRequest,
): Promise<BuildTurn> {
  const record = await buildingOf(ports, request);
  if (record === undefined) return over("it was given up, or is fed already");
  const { life } = await ports.log.lives.get(request.tenant);
  checkServed(life);
  try {
    return await ports.withEncoder(record.other, (encoder) =>
      turn(ports, request, { record, encoder }),
    );
  } catch (thrown) {
    if (toFreshetError(thrown).code !== "broken_chain") throw thrown;
    return over("the log does not hold all records since it began: abandon it, and start again");
  }
}

interface Turn {
  readonly walker: Walker;
  readonly record: Building;
  readonly records: GenerationRecords;
  /** Whether the turn has lasted as long as it may. */
  readonly isOver: () => boolean;
}

async function turn(
  ports: ReembedPorts,
  { tenant, number, textsPerS }: BuildRequest,
  { record, encoder }: { readonly record: Building; readonly encoder: TextEncoder },
): Promise<BuildTurn> {
  const { log, clock, turnMs = limits.reembedTurnMs } = ports;
  const [source, target] = namesOf(tenant, record.active, number);
  // Before all else: what has a record now is what this turn has to reach (GD3).
  const end = await log.chunks.last(source);
  const last = await log.chunks.last(target);
  if (last !== null && last.epoch > noEpoch) return over("its owner feeds it");
  const records = new GenerationRecords(ports, { target, last, encoder, textsPerS });
  const isOver = turnOf(clock, turnMs);
  const walker = { tenant, number, source, target };
  const { from, upTo } = record;
  const isWhole =
    (records.cursor >= upTo || (await appendMerged(ports, { walker, record, records, isOver }))) &&
    (await records.appendAll(
      laterRecords(ports, source, {
        from,
        after: latest(records.cursor, upTo),
        to: end?.position ?? noPosition,
      }),
      isOver,
    ));
  await askToMerge(ports, target, records.cursor);
  const { cursor, texts } = records;
  const standing = await standingOf(ports, source, { from, cursor: latest(cursor, noVersion) });
  return { kind: isWhole ? "caught-up" : "more", texts, ...standing };
}

/** False when the turn is over before all that cold has of it is appended. */
async function appendMerged(
  ports: ReembedPorts,
  { walker, record, records, isOver }: Turn,
): Promise<boolean> {
  const { source } = walker;
  const { from, upTo } = record;
  const range = { after: records.cursor, upTo };
  const heads = await wholeHeads(ports, source, from);
  const isWhole = record.walk?.isWhole === true;
  const step = { walk: record.walk, heads, range, isOver: deadlineOf(ports) };
  const walk = isWhole && record.walk ? record.walk : await walkOn(ports, walker, step);
  if (!walk.isWhole) return false;
  // What cold lost while it was walked is not taken for what was never there (GS2).
  const now = isWhole ? heads : await wholeHeads(ports, source, from);
  const found = await foundBy(ports, walker, { walk, heads: now, range }).catch(nullIfLost);
  if (found === null || (found.missing.length > 0 && !walk.isSecond)) {
    const missing = found?.missing ?? [];
    await writeHeld(ports, source, { heads: now, missing, to: from });
    await walkAgain(ports, walker, { before: walk, isSecond: found !== null });
    return false;
  }
  const { length: missing } = found.missing;
  if (missing > 0) {
    ports.logger.warn({ tenant: source, missing }, "cold lacks documents that the heads name");
  }
  return records.appendAll(mergedRecords(ports, source, found.documents()), isOver);
}

function nullIfLost(thrown: unknown): null {
  if (toFreshetError(thrown).code === "log_identity") return null;
  throw thrown;
}

/** A walk has the time of a turn, and looks at one page at least. */
function deadlineOf({ clock, turnMs = limits.reembedTurnMs }: ReembedPorts): () => boolean {
  const untilMs = clock.monotonicMs() + turnMs;
  return () => clock.monotonicMs() >= untilMs;
}

/**
 * Asked after each page. What is read before the first one (heads, what was walked) counts for
 * nothing, and the turn may take as long as that once more: else a turn of a large tenant would be
 * over with its first page, and the next one would begin with reading all of it again.
 */
function turnOf(clock: ReembedPorts["clock"], turnMs: number): () => boolean {
  const begunMs = clock.monotonicMs();
  let untilMs: number | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    const readMs = Math.min(nowMs - begunMs, turnMs * limits.reembedTurnStretchMax);
    untilMs ??= nowMs + Math.max(turnMs, readMs);
    return nowMs >= untilMs;
  };
}

const latest = (one: Version, other: Version): Version => Math.max(one, other) as Version;

function namesOf(
  tenant: TenantId,
  active: Generation,
  number: number,
): readonly [source: TenantId, target: TenantId] {
  return [generationName(tenant, active.number), generationName(tenant, number)];
}

/** Its owner would have to hold in memory what is not in cold. */
async function askToMerge({ log, requestMerge }: ReembedPorts, name: TenantId, cursor: Version) {
  const manifest = (await log.manifests.get(name))?.manifest ?? emptyManifest;
  if (manifest.version < cursor) await requestMerge(name);
}

/** GD3. */
export async function joinGeneration(
  { log }: ReembedPorts,
  { tenant, number }: BuildRequest,
): Promise<void> {
  await changeGenerations(log.generations, tenant, (record) => join(record, number));
}

/** GD3: after a turn that caught up, and began when it had joined. */
export async function feedGeneration(
  { log }: ReembedPorts,
  { tenant, number }: BuildRequest,
): Promise<void> {
  const target = generationName(tenant, number);
  const builtTo = (await log.chunks.last(target))?.version ?? noVersion;
  await changeGenerations(log.generations, tenant, (record) => feed(record, { number, builtTo }));
}
