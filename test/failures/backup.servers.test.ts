/**
 * The drill: a log that is in use is backed up, everything is destroyed, and it is restored on
 * fresh servers. An oracle knows what each tenant held at each sequence.
 */

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { type Servers, startServers } from "../../ops/servers/start-servers.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import { entriesOf } from "../../src/cli/commands/audit.ts";
import type { DocumentId, TenantId } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
import { type Environment, freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { type Client, httpClient } from "../support/http-service.ts";
import { mergeForGood } from "../support/merge-for-good.ts";
import { eventually } from "../support/promises.ts";
import { runCommand } from "../support/run-freshet.ts";

const quiet = freshTenant("quiet");
const busy = freshTenant("busy");
const hot = freshTenant("hot");
const folder = mkdtempSync(join(tmpdir(), "freshet-backup-"));
const store = join(folder, "store");
const question = "who keeps the lighthouse";

interface Operation {
  readonly tenant: TenantId;
  readonly seq: number;
  readonly id: string;
  /** Null: a delete. */
  readonly word: string | null;
}

interface Shown {
  readonly id: string;
  readonly seq: number;
  readonly tenants: readonly { readonly tenant: string; readonly seq: number; lacking: number }[];
  readonly written_bytes: number;
  readonly reused_parts: number;
}

const operations: Operation[] = [];
let site: Site;
let restored: Site | undefined;
let fresh: Servers | undefined;
let client: Client;
let backup: Shown;
let answersBefore: readonly unknown[];

beforeAll(async () => {
  site = await openSite({ FRESHET_AUDIT: "stream" });
  const [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  client = httpClient(engine.url);
}, 120_000);

afterAll(async () => {
  await restored?.close();
  await site.close();
  await fresh?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const wordOf = (n: number): string => `zq${n.toString(36)}word`;
let words = 0;

async function publish(tenant: TenantId, id: string, op: "upsert" | "delete" = "upsert") {
  words += 1;
  const word = op === "delete" ? null : wordOf(words);
  const text = `The lighthouse of ${id} is kept by ${word}, who lights it every evening.`;
  const document = op === "delete" ? { id, op } : { id, title: `Notes on ${id}`, text };
  const payload = new TextEncoder().encode(JSON.stringify(document));
  const { seq } = await site.log.docs.publish({ tenant, payload });
  operations.push({ tenant, seq, id, word });
  return seq;
}

async function seen(...seqs: readonly number[]): Promise<void> {
  await Promise.all(seqs.map((seq) => site.event(seq)));
}

/** What a tenant held at a sequence. */
function heldAt(tenant: TenantId, seq: number): ReadonlyMap<string, Operation> {
  const held = new Map<string, Operation>();
  for (const operation of operations) {
    if (operation.tenant !== tenant || operation.seq > seq) continue;
    if (operation.word === null) held.delete(operation.id);
    else held.set(operation.id, operation);
  }
  return held;
}

async function run(parameters: readonly string[], env: Environment) {
  // A command need not be told that the installation has a trail.
  const { FRESHET_AUDIT: _, ...untold } = env;
  const running = runCommand(["backup", ...parameters], untold);
  const code = await running.ended;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

/** What the trail says of backups, the newest last. */
async function audited(of: Site): Promise<readonly string[]> {
  const { entries } = await entriesOf({ audit: of.log.audit, key: undefined }, { max: 1_000 });
  const written = entries.filter(({ node }) => node === "cli");
  return written.flatMap(({ operation, times }) => Array<string>(times).fill(operation));
}

async function create(place: string, env: Environment = site.env): Promise<Shown> {
  const { code, stdout, stderr } = await run(["create", place, "--json"], env);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout) as Shown;
}

/** Asked until cold had its say: on a busy machine it may be late, which the answer says. */
async function wholeSources(of: Client, tenant: TenantId, asked: string) {
  let sources: Answer["sources"] = [];
  await eventually(async () => {
    const found = await of.search(tenant, asked);
    expect(found.coverage).toMatchObject({ hot: "complete" });
    expect(["complete", "empty"]).toContain(found.coverage.cold);
    ({ sources } = found);
  });
  return sources;
}

/** Ids, versions, texts and places: what a reader gets. */
async function answers(of: Client): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (const tenant of [quiet, hot]) {
    for (const { word } of heldAt(tenant, Number.MAX_SAFE_INTEGER).values()) {
      for (const asked of [question, `what does ${word} do every evening`]) {
        const sources = await wholeSources(of, tenant, asked);
        found.push(sources.map(({ shard: _, score, ...source }) => [score.toFixed(6), source]));
      }
    }
  }
  return found;
}

async function fill(): Promise<void> {
  const seqs: number[] = [];
  for (const of of ["north", "south", "east", "west"]) seqs.push(await publish(quiet, `q-${of}`));
  for (let n = 0; n < 20; n += 1) seqs.push(await publish(busy, `b-${n % 8}`));
  for (const of of ["one", "two"]) seqs.push(await publish(hot, `h-${of}`));
  await seen(...seqs);
  await mergeForGood(site, quiet);
  await mergeForGood(site, busy);
  // What is merged is in cold alone, as it is after the replay window.
  const stored = await site.log.manifests.get(quiet);
  if (stored === null) throw new Error("there is a manifest");
  await site.log.chunks.purge({ tenant: quiet, below: stored.manifest.to });
  await seen(await publish(quiet, "q-north"), await publish(quiet, "q-east", "delete"));
  await seen(await publish(quiet, "q-new"), await publish(hot, "h-one"));
}

it("is made while a publisher and merges go on, and again it writes only what is new", async () => {
  await fill();
  answersBefore = await answers(client);
  const stop = new AbortController();
  const publisher = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1) {
      await publish(busy, `b-${n % 11}`, n % 7 === 3 ? "delete" : "upsert");
      await sleep(80);
    }
  })();
  const merger = (async () => {
    while (!stop.signal.aborted) await site.merges.force(busy);
  })();
  const first = await create(store);
  backup = await create(store);
  stop.abort();
  await Promise.all([publisher, merger]);
  expect(backup.seq).toBeGreaterThan(first.seq);
  expect(backup.tenants.map(({ lacking }) => lacking)).toEqual([0, 0, 0]);
  expect(backup.reused_parts).toBeGreaterThan(0);
  expect(await audited(site)).toEqual(["backup_create", "backup_create"]);
  const later = operations.filter(({ seq }) => seq > backup.seq);
  expect(later.length).toBeGreaterThan(0);
  const verified = await run(["verify", store], site.env);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining("is whole") });
}, 240_000);

it("a backup that was cut off by kill -9 is none, and the next one is made", async () => {
  const place = join(folder, "cut-off");
  const running = runCommand(["backup", "create", place], site.env);
  while (partsIn(place) === 0) await sleep(1);
  running.signal("SIGKILL");
  await running.ended;
  const listed = await run(["list", place], site.env);
  expect(listed).toMatchObject({ code: 0, stdout: "no backups were completed\n" });
  const made = await create(place);
  expect((await run(["list", place], site.env)).stdout).toContain(made.id);
}, 60_000);

function partsIn(place: string): number {
  try {
    return readdirSync(join(place, "parts")).length;
  } catch {
    return 0;
  }
}

it("is not restored over a log, or while an engine runs", async () => {
  const beside = await run(["restore", store], site.env);
  expect(beside.code).toBe(1);
  expect(beside.stderr).toMatch(/an engine is running on nats:.*: stop it first/);
}, 30_000);

it("after everything was destroyed a restore that kill -9 cut off is begun again", async () => {
  const { deployment } = site.log;
  await site.close();
  fresh = await startServers({
    dataDir: join(folder, "fresh"),
    env: plainEnvironment(process.env),
    progress: silentProgress,
    want: { llm: false },
  });
  restored = await openSite({}, undefined, {
    servers: fresh,
    prepare: async (nats, env) => {
      const running = runCommand(["backup", "restore", store], env);
      await markOn(nats.url);
      running.signal("SIGKILL");
      expect(await running.ended).toBe("SIGKILL");
      const again = await run(["restore", store], env);
      expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/was cut off/) });
      expect(again.stdout).toContain(`${backup.id} is restored`);
      expect(again.stderr).not.toContain("audit trail");
      const third = await run(["restore", store], env);
      expect(third).toMatchObject({ code: 1, stderr: expect.stringMatching(/holds a log/) });
    },
  });
  expect(restored.log.deployment).not.toBe(deployment);
  // The second backup was made before it was written down, and the third try changed nothing.
  expect(await audited(restored)).toEqual(["backup_create", "backup_restore"]);
}, 180_000);

it("the same questions get the same answers, and nothing is there after the named sequence", async () => {
  const at = present(restored);
  const [engine] = await Promise.all([at.startEngine(), at.startMergeWorker()]);
  client = httpClient(engine.url);
  await eventually(async () => {
    const { tenants } = await client.status();
    expect(tenants.map(({ tenant }) => tenant).sort()).toEqual([quiet, busy, hot].sort());
  });
  expect(await answers(client)).toEqual(answersBefore);
  const end = backup.tenants.find(({ tenant }) => tenant === busy)?.seq ?? 0;
  const held = heldAt(busy, end);
  // What waited in DOCS is processed first.
  await eventually(async () => void (await client.search(busy, question, end)));
  for (const id of new Set(operations.filter((one) => one.tenant === busy).map((one) => one.id))) {
    const state = await client.document({ tenant: busy }, id as DocumentId);
    expect([id, state.status === "visible" ? state.seq : null]).toEqual([
      id,
      held.get(id)?.seq ?? null,
    ]);
  }
  const around = operations.filter(({ tenant, word }) => tenant === busy && word !== null);
  const before = around.filter(({ seq }) => seq <= end).slice(-30);
  const after = around.filter(({ seq }) => seq > end).slice(0, 30);
  expect(after.length).toBeGreaterThan(0);
  for (const { id, seq, word } of [...before, ...after]) {
    const { sources } = await client.search(busy, `what does ${word} do every evening`);
    const withIt = sources.filter(({ text }) => text.includes(`by ${word},`));
    const expected = held.get(id)?.seq === seq ? [{ id, version: seq }] : [];
    expect(withIt.map(({ id: of, version }) => ({ id: of, version }))).toEqual(expected);
  }
}, 240_000);

it("it goes on: new sequences lie above all that the lost log gave out, and merges run", async () => {
  const at = present(restored);
  const given = Math.max(...operations.map(({ seq }) => seq));
  const payload = new TextEncoder().encode(
    JSON.stringify({
      id: "q-after",
      text: "The lighthouse after the flood is kept by a newcomer.",
    }),
  );
  const { seq } = await at.log.docs.publish({ tenant: quiet, payload });
  expect(seq).toBeGreaterThan(given);
  await at.event(seq);
  for (const tenant of [quiet, busy, hot]) await mergeForGood(at, tenant);
  const { sources, coverage } = await client.search(quiet, "who is the newcomer", seq);
  expect(sources[0]).toMatchObject({ id: "q-after", version: seq });
  expect(coverage.cold).not.toBe("unavailable");
  const again = await create(store, at.env);
  expect(again.seq).toBeGreaterThanOrEqual(seq);
  expect((await run(["verify", store, again.id], at.env)).code).toBe(0);
}, 180_000);

/** Resolves when a restore is under way there. */
async function markOn(url: string): Promise<void> {
  const connection = await connect({ servers: url });
  const jsm = await connection.jetstreamManager();
  await eventually(async () => void (await jsm.streams.info("FRESHET_RESTORE")));
  await connection.close();
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("the test before this one failed");
  return value;
}
