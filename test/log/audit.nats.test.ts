import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { silentLogger } from "../../src/contract/observation.ts";
import { AuditWriter } from "../../src/log/guard/audit-writer.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { checkOf, publishOf } from "./audit-kit.ts";
import { describeAudit } from "./conformance-audit.ts";
import { connectTo } from "./nats-harness.ts";

describeAudit("NATS JetStream", async () => {
  const server = await startPrivateNats();
  const log = await connectTo(server);
  return {
    audit: log.audit,
    close: async () => {
      await log.close();
      await server[Symbol.asyncDispose]();
    },
  };
});

describe("the audit trail on a server", () => {
  let server: PrivateNats;
  let log: NatsLog;
  beforeAll(async () => {
    server = await startPrivateNats();
    log = await connectTo(server);
  });
  afterAll(async () => {
    await log.close();
    await server[Symbol.asyncDispose]();
  });

  const writerOf = (writer: string) => {
    const metrics = countingMetrics();
    const reports = { clock: systemClock, logger: silentLogger, metrics };
    const chain = "node";
    return {
      metrics,
      trail: new AuditWriter({ log: log.audit, chain, writer, key: undefined, ...reports }),
    };
  };

  it("is begun by an engine, and never by a process that only reads", async () => {
    const reader = await connectTo(server, { creates: false });
    expect(await reader.audit.ensure()).toBe(false);
    expect(await reader.audit.holdings()).toBeNull();
    expect(await log.audit.ensure()).toBe(true);
    expect(await reader.audit.ensure()).toBe(true);
    await reader.close();
  });

  it("lets nobody delete or purge a message through the server, nor allow it (AP2)", async () => {
    const { trail } = writerOf("one");
    trail.record(publishOf("key"));
    expect(await trail.close()).toBe(true);
    const { streams } = await log.connection.jetstreamManager();
    await expect(streams.deleteMessage("AUDIT", 1)).rejects.toThrow(/not permitted/);
    await expect(streams.purge("AUDIT")).rejects.toThrow(/not permitted/);
    await expect(streams.update("AUDIT", { deny_delete: false })).rejects.toThrow();
    await expect(streams.update("AUDIT", { deny_purge: false })).rejects.toThrow();
    expect(await checkOf(log.audit)).toMatchObject({ ok: true });
  });

  it("continues the chain of a process that was killed in the middle (AE3, I1)", async () => {
    const program = fileURLToPath(new URL("audit-writing.ts", import.meta.url));
    for (const name of ["first", "second"]) {
      const child = spawn(process.execPath, [program, server.url, name], { stdio: "pipe" });
      const exited = once(child, "exit");
      // Three blocks at least, and one on its way.
      await vi.waitUntil(
        async () => (await log.audit.tail("killed")).newest?.block.writer === name,
        {
          timeout: 30_000,
          interval: 50,
        },
      );
      const { newest } = await log.audit.tail("killed");
      const wanted = (newest?.block.number ?? 0) + 2;
      await vi.waitUntil(
        async () => ((await log.audit.tail("killed")).newest?.block.number ?? 0) >= wanted,
        { timeout: 30_000, interval: 7 },
      );
      child.kill("SIGKILL");
      await exited;
    }
    const report = await checkOf(log.audit);
    expect(report.problems).toEqual([]);
    const [killed] = report.chains.filter(({ chain }) => chain === "killed");
    expect(killed).toMatchObject({ cuts: 1, lost: 0 });
  });

  it("blocks nobody while the server is away, and stores all of it when it is back", async () => {
    const { trail, metrics } = writerOf("away");
    await server.kill();
    const startedMs = performance.now();
    for (let i = 0; i < 1_000; i += 1) trail.record(publishOf(`key-${i}`));
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    await server.restart();
    await vi.waitUntil(
      async () => {
        const report = await checkOf(log.audit).catch(() => undefined);
        return report?.chains.some(({ chain, entries }) => chain === "node" && entries >= 1_001);
      },
      { timeout: 60_000, interval: 200 },
    );
    expect(await trail.close()).toBe(true);
    expect(metrics.counted("audit_entries_lost_total")).toBe(0);
    expect(await checkOf(log.audit)).toMatchObject({ ok: true, problems: [] });
  });
});
