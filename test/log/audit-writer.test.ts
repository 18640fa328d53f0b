import { afterEach, describe, expect, it } from "vitest";
import type { AuditEntry } from "../../src/contract/audit.ts";
import { documentDigest, openBlock } from "../../src/contract/audit-chain.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import type { AuditLog } from "../../src/log/audit-port.ts";
import { AuditWriter, type AuditWriterOptions } from "../../src/log/guard/audit-writer.ts";
import { MemoryAuditLog } from "../../src/log/memory/audit.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { acme, checkOf, publishOf } from "./audit-kit.ts";

const clock = createManualClock();
const writers: AuditWriter[] = [];
afterEach(async () => {
  await Promise.all(writers.splice(0).map((writer) => closed(writer)));
});

/** A stop may wait for a log that is away, by the clock of the test. */
async function closed(writer: AuditWriter): Promise<boolean> {
  const closing = writer.close();
  await clock.advance(2 * limits.auditStopMs);
  return closing;
}

function writerOn(log: AuditLog, options: Partial<AuditWriterOptions> = {}) {
  const metrics = countingMetrics();
  const writer = new AuditWriter({
    ...{
      log,
      chain: "node-1",
      writer: `${writers.length}`,
      key: undefined,
      clock,
      logger: silentLogger,
      metrics,
    },
    ...options,
  });
  writers.push(writer);
  return { writer, metrics };
}

async function entriesOf(log: MemoryAuditLog): Promise<readonly AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const { data } of log.read()) {
    const opened = openBlock(data, undefined);
    if (opened.kind === "block") entries.push(...opened.block.entries);
  }
  return entries;
}

describe("the writer of the audit trail", () => {
  it("stores within a flush what was recorded, equal events as one entry with counts", async () => {
    const log = new MemoryAuditLog();
    const { writer } = writerOn(log);
    for (let i = 0; i < 5; i += 1) writer.record(publishOf("key-1"));
    writer.record({ ...publishOf("key-1"), accepted: 3, refused: 1 });
    writer.record({ ...publishOf("key-1"), outcome: "overloaded" });
    await clock.advance(limits.auditFlushMs);
    expect(await entriesOf(log)).toMatchObject([
      { operation: "start" },
      { tenant: "acme", credential: "key-1", times: 6, accepted: 3, refused: 1, outcome: "ok" },
      { outcome: "overloaded", times: 1 },
    ]);
    expect(await checkOf(log)).toMatchObject({ ok: true });
  });

  it("stores a block once whose acknowledgement was lost, also where others went on behind it (AE2, AE3)", async () => {
    const log = new MemoryAuditLog();
    const { writer: other } = writerOn(log, { writer: "other" });
    const link = { isCut: false };
    const reach = <Value>(value: Promise<Value>): Promise<Value> =>
      link.isCut ? Promise.reject(new FreshetError("log_unavailable")) : value;
    const behindLink: AuditLog = {
      ensure: () => reach(log.ensure()),
      tail: (chain) => reach(log.tail(chain)),
      read: (chain) => log.read(chain),
      holdings: () => reach(log.holdings()),
      async append(block) {
        const seq = await log.append(block);
        link.isCut = block.expectedLast === 1;
        return reach(Promise.resolve(seq));
      },
    };
    await clock.advance(limits.auditFlushMs);
    const { writer } = writerOn(behindLink, { writer: "cut off", marksEnds: false });
    writer.record(publishOf("key-1"));
    await clock.advance(limits.auditFlushMs);
    expect(link.isCut).toBe(true);
    for (const key of ["key-2", "key-3"]) {
      other.record(publishOf(key));
      await clock.advance(limits.auditFlushMs);
    }
    link.isCut = false;
    writer.record(publishOf("key-4"));
    await clock.advance(10 * limits.auditRetryMaxMs);
    const named = (await entriesOf(log)).map(({ credential }) => credential);
    const keys = ["key-1", "key-2", "key-3", "key-4"];
    expect(named.filter((credential) => credential.startsWith("key-"))).toEqual(keys);
    expect(await checkOf(log)).toMatchObject({ ok: true });
  });

  it("names documents by a digest under the key, and without one not at all", async () => {
    const [plain, sealed] = [new MemoryAuditLog(), new MemoryAuditLog()];
    const key = "a key of the audit trail, 32 chars";
    const document = "contract-of-mr-smith" as DocumentId;
    const event = { ...publishOf("key-1"), document };
    writerOn(plain).writer.record(event);
    writerOn(sealed, { key }).writer.record(event);
    await clock.advance(limits.auditFlushMs);
    expect((await entriesOf(plain))[1]).not.toHaveProperty("document");
    expect((await entriesOf(sealed))[1]).toMatchObject({
      document: documentDigest(key, acme, document),
    });
    for (const log of [plain, sealed]) {
      for await (const { data } of log.read()) {
        expect(new TextDecoder().decode(data)).not.toContain("smith");
      }
    }
    expect(await checkOf(sealed, { key })).toMatchObject({ ok: true });
  });

  it("records without waiting while the log is away, and says in the chain what had no room (AE1)", async () => {
    const log = new MemoryAuditLog();
    const { writer, metrics } = writerOn(log, { pendingMax: 10 });
    await clock.advance(limits.auditFlushMs);
    log.setAway(true);
    for (let i = 0; i < 8; i += 1) writer.record(publishOf(`key-${i}`));
    await clock.advance(limits.auditFlushMs);
    for (let i = 0; i < 25; i += 1) writer.record(publishOf(`key-${i}`));
    await clock.advance(60_000);
    expect(metrics.counted("audit_entries_lost_total")).toBe(15);
    log.setAway(false);
    await clock.advance(limits.auditRetryMaxMs + limits.auditFlushMs);
    const { chains, ok } = await checkOf(log);
    expect({ ok, lost: chains[0]?.lost }).toEqual({ ok: true, lost: 15 });
    expect((await entriesOf(log)).filter(({ operation }) => operation === "publish")).toHaveLength(
      18,
    );
  });

  it("stores a block once whose acknowledgement was lost (AE2)", async () => {
    const log = new MemoryAuditLog();
    const append = log.append.bind(log);
    let lose = true;
    log.append = async (block) => {
      const seq = await append(block);
      if (!lose) return seq;
      lose = false;
      throw new Error("the answer was lost");
    };
    const { writer } = writerOn(log);
    writer.record(publishOf("key-1"));
    await clock.advance(3 * limits.auditFlushMs);
    expect(await entriesOf(log)).toHaveLength(2);
    expect(await checkOf(log)).toMatchObject({ ok: true });
  });

  it("continues the chain of the process before, and tells a stop from an end without one (AE3, AE4)", async () => {
    const log = new MemoryAuditLog();
    const { writer } = writerOn(log);
    await clock.advance(limits.auditFlushMs);
    expect(await closed(writer)).toBe(true);
    writerOn(log);
    await clock.advance(limits.auditFlushMs);
    expect((await checkOf(log)).chains).toMatchObject([{ number: 3, blocks: 3, cuts: 0 }]);
    // Another process under the name, while the first one neither stopped nor knows of it.
    writerOn(log).writer.record(publishOf("key-2"));
    await clock.advance(limits.auditFlushMs);
    const report = await checkOf(log);
    expect(report).toMatchObject({ ok: true, chains: [{ number: 4, cuts: 1 }] });
  });

  it("writes one chain in turns with a process of the same name (AE3)", async () => {
    const log = new MemoryAuditLog();
    const pair = [writerOn(log).writer, writerOn(log).writer];
    for (let round = 0; round < 5; round += 1) {
      for (const writer of pair) writer.record(publishOf(`round-${round}`));
      await clock.advance(limits.auditFlushMs);
    }
    await clock.advance(3 * limits.auditFlushMs);
    const report = await checkOf(log);
    expect(report.problems).toEqual([]);
    expect((await entriesOf(log)).filter(({ operation }) => operation === "publish")).toHaveLength(
      10,
    );
  });

  it("stops in its time while the log is away, and says that something is missing", async () => {
    const log = new MemoryAuditLog();
    const { writer } = writerOn(log);
    log.setAway(true);
    writer.record(publishOf("key-1"));
    expect(await closed(writer)).toBe(false);
  });

  it("cuts a flood into blocks of a bounded size", async () => {
    const log = new MemoryAuditLog();
    const { writer } = writerOn(log);
    for (let i = 0; i < 3 * limits.auditBlockEntriesMax; i += 1) writer.record(publishOf(`k${i}`));
    await clock.advance(4 * limits.auditFlushMs);
    for await (const { data } of log.read()) {
      expect(data.byteLength).toBeLessThan(limits.auditBlockEntriesMax * limits.auditEntryBytesMax);
    }
    expect(await entriesOf(log)).toHaveLength(3 * limits.auditBlockEntriesMax + 1);
  });
});
