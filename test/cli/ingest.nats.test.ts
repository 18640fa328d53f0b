import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { DocumentId, TenantId, Version } from "../../src/contract/ids.ts";
import { partitionOf, tenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { connectNatsLog, type NatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { runHere } from "../support/run-cli.ts";
import { serversOfFile } from "../support/side-by-side.ts";

const servers = serversOfFile().nats.url;
const partitions = 8;
let folder: string;
let tenant: TenantId;
let log: NatsLog;
let stop: AbortController;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "freshet-ingest-"));
  mkdirSync(join(folder, "corpus"));
  tenant = tenantId(`t${folder.slice(-6)}`);
  stop = new AbortController();
  log = await connectNatsLog({ servers, partitions, clock: systemClock, logger: silentLogger });
});
afterEach(async () => {
  stop.abort();
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Says of each document that it became visible, as the tenant's owner would. */
async function sayVisible(): Promise<void> {
  const partition = partitionOf(tenant, log.partitions);
  const from = ((await log.docs.lastSequence()) + 1) as Version;
  for await (const operation of log.docs.read({ partition, from, signal: stop.signal })) {
    const { id } = JSON.parse(Buffer.from(operation.payload).toString()) as { id: DocumentId };
    log.events.publish(tenant, { id, seq: operation.version, status: "visible", ms: 1 });
  }
}

const run = (...args: readonly string[]) =>
  runHere([...args, "--tenant", tenant], {
    env: {
      FRESHET_NATS_URL: servers,
      FRESHET_PARTITIONS: String(partitions),
      FRESHET_DATA_DIR: join(folder, "data"),
    },
    stdin: '{"id":"from-stdin","text":"a"}\n{"id":"b"}\n',
    signal: stop.signal,
  });

it("stores files in the log, hears that they are visible, and skips them when nothing changed", async () => {
  const engine = sayVisible();
  for (let n = 0; n < 100; n += 1) writeFileSync(join(folder, "corpus", `${n}.md`), `# T${n}\n\nx`);
  writeFileSync(join(folder, "corpus/b.bin"), "x");
  const args = ["ingest", join(folder, "corpus"), "--json"];
  const first = await run(...args);
  expect([first.code, first.err]).toEqual([0, ""]);
  expect(JSON.parse(first.out)).toMatchObject({ documents: 100, visible: 100, skipped: 1 });
  expect(JSON.parse((await run(...args)).out)).toMatchObject({ documents: 0, unchanged: 100 });
  const stored = await log.docs.readTenant({ tenant, after: 0 as Version, max: 200 });
  expect(
    new Set(stored.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).id)).size,
  ).toBe(100);
  stop.abort();
  await engine;
});

it("reads standard input, and need not wait", async () => {
  const { code, out } = await run("ingest", "-", "--no-wait");
  expect(out).toMatch(/^1 documents published, 0 unchanged, 1 skipped in/);
  expect(code).toBe(0);
});
