/** T10: what is above the tenant's rate waits, what its quota does not let in is rejected, deletes pass. */

import { describe, expect, it } from "vitest";
import { settle } from "../support/manual-clock.ts";
import { committed, operations, publish, records, startTenant } from "./writer-kit.ts";

const document = (id: string) => ({ id, text: `text of ${id}` });
const feed = (
  tenant: Awaited<ReturnType<typeof startTenant>>,
  ...bodies: readonly unknown[]
): number[] =>
  bodies.map((body) => {
    const operation = publish(tenant.log, body);
    tenant.route.offer(operation);
    return operation.version;
  });

describe("a tenant with a rate", () => {
  it("has one document after the other made visible as the rate allows, in order, and loses none", async () => {
    const tenant = await startTenant({ quota: { documents_per_second: 2, burst_seconds: 1 } });
    const versions = feed(tenant, ...["a", "b", "c", "d"].map(document));
    await committed(tenant.log, versions[1] ?? 0);
    await settle();
    expect(await operations(tenant.log)).toHaveLength(2);
    await tenant.clock.advance(499);
    expect(await operations(tenant.log)).toHaveLength(2);
    await tenant.clock.advance(1);
    await committed(tenant.log, versions[2] ?? 0);
    await tenant.clock.advance(500);
    await committed(tenant.log, versions[3] ?? 0);
    expect(await operations(tenant.log)).toEqual(versions.map((version) => `upsert ${version}`));
  });

  it("waits for no delete, and pays for none", async () => {
    const tenant = await startTenant({ quota: { documents_per_second: 1 } });
    const deletes = Array.from({ length: 20 }, (_, index) => ({ op: "delete", id: `${index}` }));
    const versions = feed(tenant, document("a"), ...deletes);
    await committed(tenant.log, versions.at(-1) ?? 0);
    expect(tenant.clock.sleeping).toBeLessThanOrEqual(1);
    expect(await operations(tenant.log)).toHaveLength(21);
  });

  it("stops at once, while it waits", async () => {
    const tenant = await startTenant({ quota: { documents_per_second: 0.001 } });
    const [first = 0, second] = feed(tenant, document("a"), document("b"));
    await committed(tenant.log, first);
    await tenant.system.stop();
    expect(await operations(tenant.log)).toEqual([`upsert ${first}`]);
    expect(await tenant.log.docs.lastVersion("acme" as never)).toBe(second);
  });
});

describe("a tenant with a quota of chunks", () => {
  it("has documents rejected as quota_exceeded before they are embedded, with a dead letter (I2)", async () => {
    let held = 9;
    const tenant = await startTenant({ quota: { stored_chunks: 10 }, heldChunks: () => held });
    const [first = 0] = feed(tenant, document("a"));
    await committed(tenant.log, first);
    held = 10;
    const [refused = 0, deleted = 0] = feed(tenant, document("b"), { op: "delete", id: "a" });
    await committed(tenant.log, deleted);
    expect(await operations(tenant.log)).toEqual([
      `upsert ${first}`,
      `reject ${refused}`,
      `delete ${deleted}`,
    ]);
    const rejected = (await records(tenant.log)).find(({ kind }) => kind === "reject");
    expect(rejected).toMatchObject({ reason: "quota_exceeded", documentId: "b" });
    expect(tenant.embedded).toEqual(["text of a"]);
    await expect
      .poll(() => tenant.log.deadLetters.list("acme", 9))
      .toMatchObject([{ version: refused, reason: "quota_exceeded" }]);
    held = 9;
    const [again = 0] = feed(tenant, document("b"));
    await committed(tenant.log, again);
    expect(tenant.embedded).toEqual(["text of a", "text of b"]);
  });
});
