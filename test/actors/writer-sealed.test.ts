/** A tenant's documents that lie in DOCS under a key of the tenant. */

import { expect, it } from "vitest";
import { rotateKey, setPrivacy } from "../../src/cli/commands/tenant-privacy.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import { replay } from "../../src/log/dead-letter-replay.ts";
import { installationKeys } from "../../src/log/guard/payload-seal.ts";
import { KeyVault } from "../../src/log/guard/payload-vault.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { acme } from "./kit.ts";
import { committed, operations, publish, recoveringTenant } from "./writer-kit.ts";

const keys = installationKeys("k".repeat(32));

async function setUp() {
  const clock = createManualClock();
  const vault = (store: ConstructorParameters<typeof KeyVault>[0]["store"]) =>
    new KeyVault({ store, keys, clock, metrics: silentMetrics });
  const log = createMemoryLog({ clock, partitions: 1, vault });
  await setPrivacy({ log, keys }, acme, { encryption: "required" });
  const tenant = recoveringTenant({ clock, log });
  const send = async (body: object, messageId?: string) => {
    const payload = new TextEncoder().encode(JSON.stringify(body));
    return (await log.docs.publish({ tenant: acme, payload, messageId })).seq;
  };
  const offerAll = async () => {
    const all = await log.docs.readTenant({ tenant: acme, after: 0 as never, max: 9 });
    for (const operation of all) tenant.offer(operation);
  };
  return { clock, log, send, offerAll };
}

const letterOf = (version: number) => ({ version, documentId: null });

it("are ingested; one in plain text, and one that was changed, are refused alone", async () => {
  const { log, send } = await setUp();
  const first = await send({ id: "a", text: "fine" });
  const plain = publish(log, { id: "b", text: "plain" });
  const [sealed] = await log.docs.readTenant({ tenant: acme, after: 0 as never, max: 1 });
  const changed = log.hooks.publishRaw(acme, new Uint8Array(40), { sealed: sealed?.sealed });
  const last = await send({ id: "c", text: "fine" });
  await committed(log, last);
  const decided = [`upsert ${first}`, `reject ${plain.version}`];
  expect(await operations(log)).toEqual([
    ...decided,
    ...[`reject ${changed.version}`, `upsert ${last}`],
  ]);
  const letters = await log.deadLetters.list(acme, 9);
  expect(letters).toMatchObject([
    { ...letterOf(plain.version), reason: "payload_plain" },
    { ...letterOf(changed.version), reason: "payload_unreadable" },
  ]);
  // A replay cannot mend either.
  const replayed = await replay(log, acme, letters);
  expect(replayed.map(({ kind }) => kind)).toEqual(["skipped", "skipped"]);
});

it("that were refused are sealed again when they are replayed, also under a later key", async () => {
  const { clock, log, send } = await setUp();
  const refused = await send({ id: "a", text: "boom" });
  for (let round = 0; round < 20; round += 1) await clock.advance(1_000);
  await committed(log, refused);
  const letters = await log.deadLetters.list(acme, 9);
  expect(letters).toMatchObject([{ version: refused, documentId: "a" }]);
  await rotateKey({ log, keys }, acme);
  await clock.advance(5_000);
  const [replayed] = await replay(log, acme, letters);
  expect(replayed).toMatchObject({ kind: "published" });
  const found = await log.docs.readTenant({ tenant: acme, after: 0 as never, max: 9 });
  const [old, next] = [found[0], found.at(-1)];
  expect(next?.sealed).toBeDefined();
  expect(next?.sealed).not.toBe(old?.sealed);
  if (next === undefined) throw new Error("nothing was published");
  expect(new TextDecoder().decode(await log.docs.open(next))).toBe('{"id":"a","text":"boom"}');
});

it("a repetition is known though the first came in plain text, or under an older key", async () => {
  const { clock, log, send, offerAll } = await setUp();
  await setPrivacy({ log, keys }, acme, { encryption: "on" });
  await clock.advance(5_000);
  const plain = publish(log, '{ "id": "a", "text": "fine" }', "m1");
  const again = await send({ id: "a", text: "fine" }, "m1");
  await rotateKey({ log, keys }, acme);
  await clock.advance(5_000);
  const rotated = await send({ text: "fine", id: "a" }, "m1");
  const other = await send({ id: "a", text: "other" }, "m1");
  await offerAll();
  await committed(log, other);
  expect(await operations(log)).toEqual([
    `upsert ${plain.version}`,
    `duplicate ${again}`,
    `duplicate ${rotated}`,
    `reject ${other}`,
  ]);
});

it("a repetition under its message id is known, though DOCS holds neither in plain text", async () => {
  const { log, send } = await setUp();
  const first = await send({ id: "a", text: "fine" }, "m1");
  const again = await send({ id: "a", text: "fine" }, "m1");
  const other = await send({ id: "a", text: "other" }, "m1");
  await committed(log, other);
  expect(await operations(log)).toEqual([
    `upsert ${first}`,
    `duplicate ${again}`,
    `reject ${other}`,
  ]);
});
