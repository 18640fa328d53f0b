/** T9: a message id names one operation of its tenant. */

import { describe, expect, it, vi } from "vitest";
import type { TenantViewMessage } from "../../actors/messages.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock, settle } from "../support/manual-clock.ts";
import { drain, until } from "./kit.ts";
import {
  committed,
  operations,
  publish,
  records,
  recoveringTenant,
  startTenant,
} from "./writer-kit.ts";

const document = (text: string, id = "a") => ({ id, text });

/** A log whose first owner has ended, after it committed one document under the id `m1`. */
async function ownerThatEnded() {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  const owner = recoveringTenant({ clock, log });
  const first = publish(log, document("one"), "m1");
  await committed(log, first.version);
  await owner.system.stop();
  return { clock, log, first };
}

async function applied(view: ReturnType<typeof recoveringTenant>["view"]) {
  const messages: TenantViewMessage[] = await drain(view);
  return messages.flatMap((message) => (message.type === "apply" ? [message.record] : []));
}

describe("an operation under a message id that was used", () => {
  it("with the same content leaves a record that says what it repeats, and is not embedded again", async () => {
    const tenant = recoveringTenant();
    const first = publish(tenant.log, document("one"), "m1");
    const again = publish(tenant.log, document("one"), "m1");
    const next = publish(tenant.log, document("two", "b"), "m2");
    await committed(tenant.log, next.version);
    expect(await operations(tenant.log)).toEqual([
      `upsert ${first.version}`,
      `duplicate ${again.version}`,
      `upsert ${next.version}`,
    ]);
    const [, , record] = await records(tenant.log);
    expect(record).toMatchObject({ kind: "duplicate", of: first.version });
    expect(tenant.embedded).toEqual(["one", "two"]);
    expect(await tenant.log.deadLetters.list("acme", 9)).toEqual([]);
    expect((await applied(tenant.view)).map(({ kind }) => kind)).toContain("duplicate");
  });

  it("does not bring an older content back over a newer one (I3)", async () => {
    const tenant = recoveringTenant();
    publish(tenant.log, document("one"), "m1");
    const newer = publish(tenant.log, document("two"), "m2");
    const again = publish(tenant.log, document("one"), "m1");
    await committed(tenant.log, again.version);
    const upserts = (await records(tenant.log)).filter(({ kind }) => kind === "upsert");
    expect(upserts.at(-1)?.version).toBe(newer.version);
  });

  it("is no reject when the log's answer is older than the operation that it repeats (I2)", async () => {
    const clock = createManualClock();
    const log = createMemoryLog({ clock, partitions: 1 });
    const tenant = recoveringTenant({ clock, log });
    const first = publish(log, document("one"), "m1");
    await committed(log, first.version);
    await until(() => !tenant.route.isBehind);
    vi.spyOn(log.docs, "readTenant").mockResolvedValueOnce([]);
    const again = publish(log, document("one"), "m1");
    tenant.offer(again);
    await settle();
    await clock.advance(60_000);
    await committed(log, again.version);
    expect((await records(log)).at(-1)).toMatchObject({ kind: "duplicate", of: first.version });
    expect(await log.deadLetters.list("acme", 9)).toEqual([]);
  });

  it("with the same content in another spelling of JSON repeats it, as over another transport", async () => {
    const { clock, log, first } = await ownerThatEnded();
    const tenant = await startTenant({ clock, log, epoch: 2 });
    const again = publish(log, '{ "text": "one", "op": "upsert", "id": "a" }', "m1");
    tenant.offer(again);
    await committed(log, again.version);
    expect((await records(log)).at(-1)).toMatchObject({ kind: "duplicate", of: first.version });
    expect(await log.deadLetters.list("acme", 9)).toEqual([]);
  });

  it("with other content is rejected with a reason, not swallowed (I2)", async () => {
    const tenant = recoveringTenant();
    publish(tenant.log, document("one"), "m1");
    const other = publish(tenant.log, document("two"), "m1");
    await committed(tenant.log, other.version);
    const [letter] = await tenant.log.deadLetters.list("acme", 9);
    expect(letter).toMatchObject({ version: other.version, reason: "duplicate_id" });
  });

  it("is an operation of its own again when the window is over", async () => {
    const clock = createManualClock();
    const tenant = recoveringTenant({ clock });
    publish(tenant.log, document("one"), "m1");
    await until(() => !tenant.route.isBehind);
    await clock.advance(120_000);
    const late = publish(tenant.log, document("one"), "m1");
    tenant.offer(late);
    await committed(tenant.log, late.version);
    expect((await operations(tenant.log)).at(-1)).toBe(`upsert ${late.version}`);
  });

  it("is known to the next owner, from DOCS, also in front of one that begins without a backlog (I7)", async () => {
    const { clock, log, first } = await ownerThatEnded();
    const after = await startTenant({ clock, log, epoch: 2 });
    const again = publish(log, document("one"), "m1");
    after.offer(again);
    await committed(log, again.version);
    expect((await operations(log)).at(-1)).toBe(`duplicate ${again.version}`);
    const last = (await records(log)).at(-1);
    expect(last).toMatchObject({ kind: "duplicate", of: first.version });
  });

  it("waits while DOCS cannot say which ids were used (T5)", async () => {
    const { clock, log } = await ownerThatEnded();
    let failures = 2;
    const docs = new Proxy(log.docs, {
      get(target, key) {
        const own: unknown = Reflect.get(target, key);
        if (key === "messageIds" && failures > 0) {
          failures -= 1;
          return () => {
            throw new FreshetError("log_unavailable");
          };
        }
        return typeof own === "function" ? own.bind(target) : own;
      },
    });
    const again = publish(log, document("one"), "m1");
    recoveringTenant({ clock, log: { ...log, docs }, epoch: 2 });
    for (let round = 0; round < 20; round += 1) await clock.advance(100);
    await committed(log, again.version);
    expect(failures).toBe(0);
    expect((await operations(log)).at(-1)).toBe(`duplicate ${again.version}`);
  });
});
