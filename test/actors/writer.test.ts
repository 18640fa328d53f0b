import { expect, it } from "vitest";
import { operationsBehind } from "../../actors/directory/directory.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Epoch, Position, Version } from "../../src/contract/ids.ts";
import { emptyManifest } from "../../src/contract/manifest.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { acme, drain, quiet, until } from "./kit.ts";
import {
  answer,
  committed,
  operations,
  publish,
  records,
  recoveringTenant,
  startTenant,
} from "./writer-kit.ts";

const doc = (id: string, text = `text of ${id}`) => ({ id, text });

async function fenceOf(log: MemoryLog, epoch: number): Promise<void> {
  const last = await log.chunks.last(acme);
  const version = last?.version ?? (0 as Version);
  const fence: ChunkRecord = { kind: "fence", tenant: acme, version, epoch: epoch as Epoch };
  await log.chunks.append(fence, last?.position ?? (0 as Position));
}

it("T1, T3: one record per operation, in log order, though embedding finishes in any other", async () => {
  const { log, offer, asked } = await startTenant({ embeds: false });
  const sent = ["a", "b", "c", "d"].map((id) => publish(log, doc(id)));
  for (const operation of sent) offer(operation);
  await until(() => asked.length === 4);
  answer(asked[3]);
  answer(asked[1]);
  await quiet();
  expect(await operations(log)).toEqual([]);
  answer(asked[0]);
  await quiet();
  expect(await operations(log)).toEqual(sent.slice(0, 2).map(({ version }) => `upsert ${version}`));
  answer(asked[2]);
  await committed(log, sent[3]?.version ?? 0);
  expect(await operations(log)).toEqual(sent.map(({ version }) => `upsert ${version}`));
});

it("T1: an operation that is offered twice has one record", async () => {
  const { log, offer } = await startTenant();
  const [first, second] = [publish(log, doc("a")), publish(log, { id: "a", op: "delete" })];
  for (const operation of [first, second, first, second]) offer(operation);
  await committed(log, second.version);
  expect(await operations(log)).toEqual([`upsert ${first.version}`, `delete ${second.version}`]);
});

it("T2: the fence of its epoch is its first record, also when nothing is to be written (I6)", async () => {
  const { log } = recoveringTenant({ epoch: 7 });
  await until(() => log.hooks.published !== undefined);
  await committed(log, 0);
  expect((await records(log)).map(({ kind, epoch }) => [kind, epoch])).toEqual([["fence", 7]]);
});

it("I6: an owner of a stale epoch writes nothing and says so", async () => {
  const log = createMemoryLog({ partitions: 1 });
  await fenceOf(log, 9);
  publish(log, doc("a"));
  const { fenced } = recoveringTenant({ log, epoch: 8 });
  await until(() => fenced.length > 0);
  await quiet();
  expect(fenced).toEqual([9]);
  expect(await operations(log)).toEqual([]);
});

it("I6: an owner that is fenced while it works writes nothing more", async () => {
  const { log, offer, asked, fenced } = await startTenant({ embeds: false });
  offer(publish(log, doc("a")));
  await until(() => asked.length === 1);
  await fenceOf(log, 2);
  answer(asked[0]);
  await until(() => fenced.length > 0);
  expect(fenced).toEqual([2]);
  expect(await operations(log)).toEqual([]);
});

it("T1: an append whose acknowledgement is lost is not repeated", async () => {
  const { log, offer } = await startTenant();
  log.hooks.loseNextAppendAck();
  const sent = ["a", "b"].map((id) => publish(log, doc(id)));
  for (const operation of sent) offer(operation);
  await committed(log, sent[1]?.version ?? 0);
  expect(await operations(log)).toEqual(sent.map(({ version }) => `upsert ${version}`));
});

it("I2: what cannot become a document ends as a reject record and a dead letter; later ones pass", async () => {
  const { log, offer } = await startTenant();
  const bodies = [
    "{not json",
    { text: "no id" },
    { id: "big", text: "x".repeat(log.documentTextBytesMax + 1) },
    { id: "odd", op: "merge", text: "t" },
    doc("empty", "   "),
    doc("nothing", "blank"),
    doc("fine"),
  ];
  const sent = bodies.map((body) => publish(log, body));
  for (const operation of sent) offer(operation);
  await committed(log, sent.at(-1)?.version ?? 0);
  const versions = sent.map(({ version }) => version);
  expect(await operations(log)).toEqual(
    versions.map((version, index) => `${index === 6 ? "upsert" : "reject"} ${version}`),
  );
  const letters = await log.deadLetters.list(acme, 100);
  expect(letters.map(({ version, documentId, reason }) => [version, documentId, reason])).toEqual([
    [versions[0], null, "invalid_json"],
    [versions[1], null, "invalid_document"],
    [versions[2], "big", "document_too_large"],
    [versions[3], "odd", "unknown_operation"],
    [versions[4], "empty", "invalid_document"],
    [versions[5], "nothing", "invalid_document"],
  ]);
});

it("I10: a dead letter says nothing of the text that failed", async () => {
  const { log, offer } = await startTenant({ attemptsMax: 1 });
  const sent = publish(log, doc("deadly", "boom"));
  offer(sent);
  await committed(log, sent.version);
  expect(JSON.stringify(await log.deadLetters.list(acme, 1))).not.toContain("boom");
});

it("T5: the model's refusals reject the document after bounded attempts", async () => {
  const { log, offer, asked, clock } = await startTenant({ embeds: false, attemptsMax: 2 });
  const sent = publish(log, doc("a"));
  offer(sent);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await until(() => asked.length > attempt);
    asked[attempt]?.reply.reject(new FreshetError("embedding_failed"));
    await quiet();
    await clock.advance(1_000);
  }
  await committed(log, sent.version);
  expect(await operations(log)).toEqual([`reject ${sent.version}`]);
});

it("T5: an embedder that is down, full or restarting is never the document's fault", async () => {
  const { log, offer, asked, clock } = await startTenant({ embeds: false, attemptsMax: 2 });
  const sent = publish(log, doc("a"));
  offer(sent);
  const troubles = ["embedding_unavailable", "overloaded", "not_ready"] as const;
  for (let attempt = 0; attempt < 9; attempt += 1) {
    await until(() => asked.length > attempt);
    asked[attempt]?.reply.reject(new FreshetError(troubles[attempt % 3] ?? "overloaded"));
    await quiet();
    await clock.advance(1_000);
  }
  await until(() => asked.length === 10);
  answer(asked[9]);
  await committed(log, sent.version);
  expect(await operations(log)).toEqual([`upsert ${sent.version}`]);
});

it("T5: an outage of the log stalls, and nothing is lost or doubled when it ends", async () => {
  const { log, offer, clock, restarts } = await startTenant();
  log.hooks.setAvailable(false);
  const sent = ["a", "b", "c"].map((id) => publish(log, doc(id)));
  for (const operation of sent) offer(operation);
  await quiet();
  await clock.advance(5_000);
  log.hooks.setAvailable(true);
  await clock.advance(5_000);
  await committed(log, sent[2]?.version ?? 0);
  expect(await operations(log)).toEqual(sent.map(({ version }) => `upsert ${version}`));
  expect(restarts).toEqual([]);
});

it("I7: a restart embeds only what is not in CHUNKS, and loads the view from the log", async () => {
  const { actor, log, offer, view, embedded, clock } = await startTenant();
  const sent = ["a", "b"].map((id) => publish(log, doc(id)));
  for (const operation of sent) offer(operation);
  await committed(log, sent[1]?.version ?? 0);
  const third = publish(log, doc("c"));
  expect(embedded).toHaveLength(2);
  await drain(view);
  actor.mailbox.tryPut({ type: "reload" });
  await quiet();
  await clock.advance(10);
  await committed(log, third.version);
  expect(embedded).toEqual(["text of a", "text of b", "text of c"]);
  const toView = (await drain(view)).map((message) =>
    message.type === "replay" || message.type === "apply"
      ? `${message.type} ${message.record.version}`
      : message.type,
  );
  const [a, b] = sent.map(({ version }) => version);
  // The fence is a record too; it repeats the version of the record before it.
  expect(toView).toEqual([
    "load",
    "replay 0",
    `replay ${a}`,
    `replay ${b}`,
    "ready",
    `apply ${third.version}`,
  ]);
});

it("I7: a new owner continues where the last record ends, from the manifest and the records after it", async () => {
  const clock = createManualClock();
  const first = recoveringTenant({ clock });
  const { log } = first;
  const sent = ["a", "b"].map((id) => publish(log, doc(id)));
  await committed(log, sent[1]?.version ?? 0);
  await first.system.stop();
  const [, a, b] = await records(log);
  const to = { to: a?.position ?? (0 as Position), version: a?.version ?? (0 as Version) };
  await log.manifests.commit(acme, { ...emptyManifest, ...to }, 0);
  const second = recoveringTenant({ clock, log, epoch: 2 });
  const third = publish(log, doc("c"));
  await committed(log, third.version);
  const replayed = (await drain(second.view)).flatMap((message) =>
    message.type === "replay" ? [message.record.version] : [],
  );
  expect(replayed).toEqual([b?.version, b?.version]);
  expect(second.embedded).toEqual(["text of c"]);
});

it("tells how far its recovery is: records replayed of those to replay, operations to catch up", async () => {
  const log = createMemoryLog({ partitions: 1 });
  const first = await startTenant({ log });
  const sent = ["a", "b", "c"].map((id) => publish(log, doc(id)));
  for (const operation of sent) first.offer(operation);
  await committed(log, sent[2]?.version ?? 0);
  await first.actor.stop();
  for (const id of ["d", "e", "f", "g"]) publish(log, doc(id));
  // Vectors that never come: what is taken in stays in flight, and what does not fit waits in DOCS.
  const tenant = recoveringTenant({ log, epoch: 2, embeds: false, inFlightMax: 1 });
  await until(() => tenant.asked.length === 3);
  await quiet();
  expect(tenant.progress).toMatchObject({ toReplay: 5, replayed: 5 });
  expect(operationsBehind(tenant)).toBe(4);
});

it("I2: a reject whose dead letter was not written before a crash gets it from the next owner", async () => {
  const clock = createManualClock();
  const first = await startTenant({ clock });
  const { log } = first;
  const { version } = publish(log, "{not json");
  const reject: ChunkRecord = {
    ...{ kind: "reject", tenant: acme, version, epoch: 1 as Epoch, documentId: null },
    ...{ reason: "invalid_json", message: "not json" },
  };
  await first.system.stop();
  await log.chunks.append(reject, (await log.chunks.last(acme))?.position ?? (0 as Position));
  recoveringTenant({ clock, log, epoch: 2 });
  await quiet();
  expect((await log.deadLetters.list(acme, 9)).map((letter) => letter.version)).toEqual([version]);
});

it("I11: with hot memory full it asks for a merge and waits; DOCS keeps what waits", async () => {
  const { log, offer, hot, mergeTrigger, clock } = await startTenant();
  hot.full = true;
  const sent = publish(log, doc("a"));
  offer(sent);
  await quiet();
  expect(await operations(log)).toEqual([]);
  expect(await drain(mergeTrigger)).toContainEqual({ type: "pressure", tenant: acme });
  hot.full = false;
  await clock.advance(1_000);
  await committed(log, sent.version);
});

it("ends at once while the embedder owes it vectors, and leaves what it had in hand to the next life", async () => {
  const clock = createManualClock();
  const first = await startTenant({ clock, embeds: false });
  const { log, asked, actor } = first;
  const sent = publish(log, doc("a"));
  first.offer(sent);
  await until(() => asked.length === 1);
  await actor.stop();
  expect(await operations(log)).toEqual([]);
  recoveringTenant({ clock, log, epoch: 2 });
  await committed(log, sent.version);
  expect(await operations(log)).toEqual([`upsert ${sent.version}`]);
});

it("a record says when DOCS stored its operation, however late it is processed", async () => {
  const clock = createManualClock();
  const { log, offer, asked } = await startTenant({ clock, embeds: false });
  const sent = publish(log, doc("a"));
  const storedAtMs = clock.nowMs();
  offer(sent);
  await until(() => asked.length === 1);
  await clock.advance(5_000);
  answer(asked[0]);
  await committed(log, sent.version);
  const record = (await records(log)).find(({ kind }) => kind === "upsert");
  expect(record).toMatchObject({ body: { info: { publishedAtMs: storedAtMs } } });
});
