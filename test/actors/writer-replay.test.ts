import { expect, it } from "vitest";
import type { Position, Version } from "../../src/contract/ids.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { acme } from "./kit.ts";
import { committed, operations, publish, recoveringTenant } from "./writer-kit.ts";

const encoder = new TextEncoder();
const good = { id: "a", text: "the corrected text" };

/** A replay with a payload that is sound by now, as after an engine that learned to take it. */
async function replayed(log: MemoryLog, replay: { of: Version; after: Position }) {
  const payload = encoder.encode(JSON.stringify(good));
  return (await log.docs.publish({ tenant: acme, payload, replay })).seq;
}

/** Offered in the order of the log, as its reader does. */
async function offerAll(
  log: MemoryLog,
  { offer }: ReturnType<typeof recoveringTenant>,
  after: Version,
) {
  const sent = await log.docs.readTenant({ tenant: acme, after, max: 99 });
  for (const operation of sent) offer(operation);
  await committed(log, sent.at(-1)?.version ?? 0);
}

async function voids(log: MemoryLog): Promise<Version[]> {
  const letters = await log.deadLetters.list(acme, 99);
  return letters.filter(({ reason }) => reason === "replay_void").map(({ version }) => version);
}

/** A document whose first operation was refused, and the replay that its dead letter stands for. */
async function firstRefused() {
  const log = createMemoryLog({ partitions: 1 });
  const { version } = publish(log, { id: "a", text: "   " });
  const owner = recoveringTenant({ log });
  await committed(log, version);
  const letter = await log.deadLetters.get(acme, version);
  return { log, owner, replay: { of: version, after: letter?.position ?? (0 as Position) } };
}

it("T8: a replay of a document without a later operation is applied, and a second one is void (I3)", async () => {
  const { log, owner, replay } = await firstRefused();
  const [first, second] = [await replayed(log, replay), await replayed(log, replay)];
  await offerAll(log, owner, replay.of);
  expect(await operations(log)).toEqual([
    `reject ${replay.of}`,
    `upsert ${first}`,
    `reject ${second}`,
  ]);
  expect(await voids(log)).toEqual([second]);
});

it.each([
  ["upsert", { id: "a", text: "a newer text" }],
  ["delete", { id: "a", op: "delete" }],
  ["reject", { id: "a", text: 7 }],
])(
  "T8: a replay is void when a newer %s is queued right before it (I3, I4)",
  async (kind, newer) => {
    const { log, owner, replay } = await firstRefused();
    const { version } = publish(log, newer);
    const late = await replayed(log, replay);
    await offerAll(log, owner, replay.of);
    expect(await operations(log)).toEqual([
      `reject ${replay.of}`,
      `${kind} ${version}`,
      `reject ${late}`,
    ]);
    expect(await voids(log)).toEqual([late]);
    expect(await log.deadLetters.get(acme, late)).toMatchObject({ documentId: "a" });
  },
);

it("T8: operations of other documents, void replays and newer ones after it void nothing", async () => {
  const { log, owner, replay } = await firstRefused();
  publish(log, { id: "b", text: "of another document" });
  // Of the beginning: void, and no news about the document.
  const older = await replayed(log, { of: 1 as Version, after: 0 as Position });
  const sound = await replayed(log, replay);
  const newer = publish(log, { id: "a", op: "delete" });
  await offerAll(log, owner, replay.of);
  expect((await operations(log)).slice(2)).toEqual([
    `reject ${older}`,
    `upsert ${sound}`,
    `delete ${newer.version}`,
  ]);
  expect(await voids(log)).toEqual([older]);
});

it("T8: headers that no dead letter confirms are void, and nothing is read for them", async () => {
  const { log, owner, replay } = await firstRefused();
  const ranges: Position[] = [];
  const headers = log.chunks.headers.bind(log.chunks);
  log.chunks.headers = (range) => {
    ranges.push(range.after);
    return headers(range);
  };
  const madeUp = await replayed(log, { of: replay.of, after: 0 as Position });
  const unknown = await replayed(log, { of: 3 as Version, after: replay.after });
  await offerAll(log, owner, replay.of);
  expect(await voids(log)).toEqual([madeUp, unknown]);
  expect(ranges).toEqual([]);
});

it("T8: a replay is void when what came after it was purged, or its position is after the end of the log", async () => {
  const { log, owner, replay } = await firstRefused();
  const newer = publish(log, { id: "a", text: "a newer text" });
  publish(log, { id: "b", text: "of another document" });
  await offerAll(log, owner, replay.of);
  const last = await log.chunks.last(acme);
  await log.chunks.purge({ tenant: acme, below: last?.position ?? (0 as Position) });
  const late = await replayed(log, replay);
  const beyond = await replayed(log, { ...replay, after: Number.MAX_SAFE_INTEGER as Position });
  await offerAll(log, owner, newer.version);
  expect(await voids(log)).toEqual([late, beyond]);
});
