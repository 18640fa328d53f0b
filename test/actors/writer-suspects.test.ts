import fc from "fast-check";
import { expect, it } from "vitest";
import { attemptsOf, suspectsTo } from "../../actors/tenant-writer/suspects.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, Epoch, Version } from "../../src/contract/ids.ts";
import { failedOutcome } from "../../src/contract/outcome.ts";
import { lostError } from "../../src/embedding/failures.ts";
import type { Attempts } from "../../src/log/dead-letter-port.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";
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
const attemptsMax = 3;

/**
 * Owners that take the tenant's operations in hand and end, one after the other, before they have
 * done anything.
 */
async function ownersThatEnd(log: MemoryLog, epochs: readonly number[]): Promise<void> {
  for (const epoch of epochs) {
    const owner = recoveringTenant({ log, epoch, attemptsMax, embeds: false });
    await until(() => owner.asked.length > 0 || owner.isolated.length > 0);
    await owner.system.stop();
  }
}

it("T7: owners that end before they are done with the same operations are counted, whatever the cursor did before", () => {
  const life = fc.record({
    /** Operations that this owner's life is done with. */
    done: fc.nat({ max: 3 }),
    sameLease: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(life, { maxLength: 20 }),
      fc.integer({ min: 1, max: 6 }),
      (lives, width) => {
        let entry: Attempts | null = null;
        let cursor = 100;
        let epoch = 1;
        /** Lives that began since the operations up to `upTo` came into hand. */
        let expected = 0;
        for (const { done, sameLease } of lives) {
          if (!sameLease) epoch += 1;
          const before: Attempts | null = entry;
          const versions = Array.from({ length: width }, (_, at) => (cursor + 1 + at) as Version);
          entry = attemptsOf({
            ...{ entry, cursor: cursor as Version, epoch: epoch as Epoch },
            versions: versions as [Version, ...Version[]],
          });
          const isNew = before === null || before.upTo <= cursor;
          if (isNew) expected = 1;
          else if (before.epoch !== epoch) expected += 1;
          expect(entry).toEqual({
            upTo: isNew ? cursor + width : before.upTo,
            lives: expected,
            epoch,
          });
          const to = suspectsTo(entry, attemptsMax);
          expect(to).toBe(expected >= attemptsMax ? entry.upTo : undefined);
          cursor += done;
        }
      },
    ),
  );
});

it("T7: after three owners that ended, the operations that they may have had in hand are isolated, one by one (I2)", async () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  const sent = ["a", "b", "c"].map((id) => publish(log, doc(id)));
  // The first owner found these, the next two found them again.
  await ownersThatEnd(log, [1, 2]);
  const gates: (() => void)[] = [];
  const third = recoveringTenant({
    ...{ log, clock, epoch: 3, attemptsMax, inFlightMax: 1, embeds: false },
    isolated: (payload) =>
      new Promise((resolve) => {
        const { id } = JSON.parse(new TextDecoder().decode(payload)) as { id: DocumentId };
        gates.push(() =>
          resolve(id === "b" ? failedOutcome(id) : { kind: "delete", documentId: id }),
        );
      }),
  });
  for (let at = 0; at < 3; at += 1) {
    await until(() => gates.length > at);
    await quiet();
    expect(gates).toHaveLength(at + 1);
    gates[at]?.();
  }
  await committed(log, sent[2]?.version ?? 0);
  expect(third.isolated).toEqual(["a", "b", "c"]);
  expect(third.asked).toEqual([]);
  const [a, b, c] = sent.map(({ version }) => version);
  expect(await operations(log)).toEqual([`delete ${a}`, `reject ${b}`, `delete ${c}`]);
  const letters = await log.deadLetters.list(acme, 9);
  expect(letters).toMatchObject([{ version: b, documentId: "b", reason: "document_failed" }]);
  // What comes after them is no suspect.
  const next = publish(log, doc("d"));
  third.offer(next);
  await until(() => third.asked.length === 1);
  answer(third.asked[0]);
  await committed(log, next.version);
});

it("T7: an innocent document that is in hand at every end becomes visible, however often owners end (I2)", async () => {
  const log = createMemoryLog({ partitions: 1 });
  const sent = publish(log, doc("slow"));
  await ownersThatEnd(log, [1, 2]);
  for (let epoch = 3; epoch < 13; epoch += 1) {
    const owner = recoveringTenant({
      ...{ log, epoch, attemptsMax },
      isolated: (_payload, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new FreshetError("cancelled")));
        }),
    });
    await until(() => owner.isolated.length === 1);
    await owner.system.stop();
  }
  recoveringTenant({ log, epoch: 13, attemptsMax });
  await committed(log, sent.version);
  expect(await operations(log)).toEqual([`upsert ${sent.version}`]);
  expect(await log.deadLetters.list(acme, 9)).toEqual([]);
});

it("T7: owners that make progress leave no suspects", async () => {
  const log = createMemoryLog({ partitions: 1 });
  for (let epoch = 1; epoch < 6; epoch += 1) {
    publish(log, doc(`first-${epoch}`));
    const last = publish(log, doc(`last-${epoch}`));
    const owner = recoveringTenant({ log, epoch, attemptsMax });
    await committed(log, last.version);
    await owner.system.stop();
    expect(owner.isolated).toEqual([]);
  }
});

it("T7: without a backlog nothing is journalled", async () => {
  const log = createMemoryLog({ partitions: 1 });
  const { offer } = await startTenant({ log });
  const sent = publish(log, doc("live"));
  offer(sent);
  await committed(log, sent.version);
  expect(await log.attempts.get(acme)).toBeNull();
});

it("T7: a document that takes the thread that prepares it along is isolated, and its neighbours are not", async () => {
  const log = createMemoryLog({ clock: createManualClock(), partitions: 1 });
  const { offer, isolated } = recoveringTenant({
    log,
    preparation: {
      prepare: async ({ payload, named }) => {
        const { id } = JSON.parse(new TextDecoder().decode(payload)) as { id: DocumentId };
        named(id);
        if (id === "deadly") throw lostError("the thread that prepared the document ended");
        return { kind: "delete", documentId: id };
      },
    },
    isolated: () => Promise.resolve(failedOutcome("deadly" as DocumentId)),
  });
  await quiet(5);
  const published = ["before", "deadly", "after"].map((id) => publish(log, doc(id)));
  for (const operation of published) offer(operation);
  await committed(log, published.at(-1)?.version ?? 0);
  expect(isolated).toEqual(["deadly"]);
  const kinds = (await operations(log)).map((operation) => operation.split(" ")[0]);
  expect(kinds).toEqual(["delete", "reject", "delete"]);
});

it("T7: a document whose worker was lost is isolated at once, and its neighbours are not", async () => {
  const { log, offer, asked, isolated } = await startTenant({ embeds: false });
  const sent = [publish(log, doc("deadly")), publish(log, doc("fine"))];
  for (const operation of sent) offer(operation);
  await until(() => asked.length === 2);
  asked[0]?.reply.reject(lostError("the worker ended"));
  answer(asked[1]);
  const [deadly, fine] = sent.map(({ version }) => version);
  await committed(log, fine ?? 0);
  expect(isolated).toEqual(["deadly"]);
  expect(await operations(log)).toEqual([`upsert ${deadly}`, `upsert ${fine}`]);
});

it("T5: isolation that is away is waited for; a text that it refuses is rejected after bounded attempts", async () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  const sent = publish(log, doc("suspect"));
  await ownersThatEnd(log, [1, 2]);
  let asked = 0;
  recoveringTenant({
    ...{ log, clock, epoch: 3, attemptsMax },
    isolated: () => {
      asked += 1;
      const code = asked <= 9 ? "embedding_unavailable" : "embedding_failed";
      return Promise.reject(new FreshetError(code));
    },
  });
  for (let repetition = 0; repetition < 12; repetition += 1) {
    await until(() => asked > repetition);
    await quiet();
    await clock.advance(1_000);
  }
  await committed(log, sent.version);
  expect(asked).toBe(12);
  expect(await log.deadLetters.list(acme, 9)).toMatchObject([
    { documentId: "suspect", reason: "document_failed" },
  ]);
});
