import { expect, it } from "vitest";
import { HeadFaults } from "../../actors/tenant-writer/faults.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, Epoch, Version } from "../../src/contract/ids.ts";
import type { ChunkRecord } from "../../src/contract/record.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { acme, quiet, until } from "./kit.ts";
import {
  answer,
  committed,
  operations,
  publish,
  recoveringTenant,
  startTenant,
} from "./writer-kit.ts";

const doc = (id: string, text = `text of ${id}`) => ({ id, text });

/** Lets restarts come, until something holds. */
async function lives(clock: ManualClock, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 50 && !holds(); turn += 1) {
    await quiet();
    await clock.advance(100);
  }
  expect(holds()).toBe(true);
}

it("T6: only the operation that met all faults in a row is blamed", () => {
  const faults = new HeadFaults(2);
  const [first, second] = [1 as Version, 2 as Version];
  expect(faults.add(first)).toBe(false);
  expect(faults.add(second)).toBe(false);
  expect(faults.add(second)).toBe(true);
});

it("T6: a document that breaks every attempt ends as a dead letter, and later ones pass (I2)", async () => {
  const { log, offer, clock, restarts } = await startTenant({ attemptsMax: 3 });
  const sent = [publish(log, doc("deadly", "boom")), publish(log, doc("fine"))];
  for (const operation of sent) offer(operation);
  await lives(clock, () => restarts.length === 2);
  await quiet();
  await clock.advance(1_000);
  const [deadly, fine] = sent.map(({ version }) => version);
  await committed(log, fine ?? 0);
  expect(await operations(log)).toEqual([`reject ${deadly}`, `upsert ${fine}`]);
  const letters = await log.deadLetters.list(acme, 9);
  expect(letters.map(({ version, documentId, reason }) => [version, documentId, reason])).toEqual([
    [deadly, "deadly", "document_failed"],
  ]);
});

it("T6: a fault of ours that passes costs no document", async () => {
  const { log, offer, asked, clock, restarts } = await startTenant({ embeds: false });
  const sent = publish(log, doc("a"));
  offer(sent);
  for (let fault = 0; fault < 2; fault += 1) {
    await lives(clock, () => asked.length > fault);
    asked[fault]?.reply.reject(new FreshetError("internal", "a bug"));
  }
  await lives(clock, () => asked.length === 3);
  answer(asked[2]);
  await committed(log, sent.version);
  expect(restarts).toHaveLength(2);
  expect(await operations(log)).toEqual([`upsert ${sent.version}`]);
});

it("T6: a record above the server's payload limit is a reject, and stops no other", async () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  const append = log.chunks.append.bind(log.chunks);
  log.chunks.append = (record, expectedLast) => {
    const isBig = record.kind === "upsert" && record.documentId === ("big" as DocumentId);
    if (isBig) return Promise.reject(new FreshetError("document_too_large"));
    return append(record, expectedLast);
  };
  const sent = [publish(log, doc("big")), publish(log, doc("small"))];
  const { restarts } = recoveringTenant({ log, clock });
  const [big, small] = sent.map(({ version }) => version);
  await committed(log, small ?? 0);
  expect(await operations(log)).toEqual([`reject ${big}`, `upsert ${small}`]);
  expect(restarts).toEqual([]);
});

it("I7: what an earlier life decided and landed late is taken from the log, not from memory", async () => {
  const { log, offer, asked, clock, restarts, view } = await startTenant({ embeds: false });
  const sent = publish(log, doc("a"));
  offer(sent);
  await until(() => asked.length === 1);
  const last = await log.chunks.last(acme);
  if (last === null) throw new Error("no fence was written");
  const late: ChunkRecord = {
    ...{ kind: "reject", tenant: acme, version: sent.version, epoch: 1 as Epoch },
    ...{ documentId: "a" as DocumentId, reason: "document_failed", message: "failed" },
  };
  await log.chunks.append(late, last.position);
  answer(asked[0]);
  await lives(clock, () => restarts.length === 1);
  await quiet();
  await clock.advance(1_000);
  const applied: string[] = [];
  while (view.depth > 0) {
    const message = await view.take();
    if (message?.type === "apply" || message?.type === "replay") applied.push(message.record.kind);
  }
  expect(applied).not.toContain("upsert");
  expect(applied).toContain("reject");
  expect(await operations(log)).toEqual([`reject ${sent.version}`]);
});
