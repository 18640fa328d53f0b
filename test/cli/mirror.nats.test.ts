import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseOperation } from "../../src/contract/document.ts";
import { type TenantId, tenantId, type Version } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { connectNatsLog, type NatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { countOf } from "../support/runs.ts";
import { serversOfFile } from "../support/side-by-side.ts";

const servers = serversOfFile().nats.url;
const partitions = 8;
const main = join(import.meta.dirname, "../../src/cli/main.ts");
/**
 * More of both take minutes: `FRESHET_TEST_MIRROR_FILES=10000 FRESHET_TEST_MIRROR_KILLS=10` and
 * this file alone.
 */
const files = countOf("FRESHET_TEST_MIRROR_FILES", 200);
const kills = countOf("FRESHET_TEST_MIRROR_KILLS", 3);

const patienceOfMirrorMs = 600_000 + (files - 200) * 100;

let folder: string;
let tenant: TenantId;
let log: NatsLog;
const running = new Set<ChildProcess>();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "freshet-mirror-"));
  mkdirSync(join(folder, "docs"));
  tenant = tenantId(`m${folder.slice(-6)}`);
  log = await connectNatsLog({ servers, partitions, clock: systemClock, logger: silentLogger });
});
afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly out: string;
    readonly err: string;
  }>;
}

function start(...args: readonly string[]): Run {
  const child = spawn(
    process.execPath,
    [main, "ingest", join(folder, "docs"), "--tenant", tenant, "--json", ...args],
    {
      env: {
        ...process.env,
        FRESHET_NATS_URL: servers,
        FRESHET_PARTITIONS: String(partitions),
        FRESHET_DATA_DIR: join(folder, "data"),
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  running.add(child);
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.on("close", (code) => {
      running.delete(child);
      resolve({ code, out, err });
    });
  });
  return { child, ended };
}

/** Repeatable: a failure says its seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const path = (name: string) => join(folder, "docs", name);

function filesNow(): Map<string, string> {
  const names = readdirSync(join(folder, "docs"), { recursive: true, withFileTypes: true });
  const found = names.filter((entry) => entry.isFile());
  return new Map(
    found.map((entry) => {
      const whole = join(entry.parentPath, entry.name);
      return [`wiki/${whole.slice(path("").length + 1)}`, readFileSync(whole, "utf8")];
    }),
  );
}

function put(name: string, text: string): void {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), text);
}

/** Edits, moves and deletions, some of them over each other. */
function disturb(random: (below: number) => number): void {
  const names = [...filesNow().keys()].map((name) => name.slice("wiki/".length));
  for (let times = 0; times < files / 10; times += 1) {
    const name = names[random(names.length)] as string;
    const other = `${random(9)}/${random(files)}.txt`;
    const kind = random(4);
    if (kind === 0) put(name, `edited ${random(1_000)}`);
    else if (kind === 1) put(other, `new ${random(1_000)}`);
    else if (kind === 2) rmSync(path(name), { force: true });
    else if (existsSync(path(name))) {
      mkdirSync(dirname(path(other)), { recursive: true });
      renameSync(path(name), path(other));
    }
  }
}

/** What DOCS says is live, with the texts: the truth that the engine makes visible. */
async function liveTexts(): Promise<Map<string, string>> {
  const live = new Map<string, string>();
  for (let after = 0 as Version; ; ) {
    const page = await log.docs.readTenant({ tenant, after, max: 1_000 });
    for (const { payload, version } of page) {
      after = version;
      const parsed = parseOperation(payload, log.documentTextBytesMax);
      if (!parsed.ok) throw parsed.error;
      const { operation } = parsed;
      if (operation.op === "delete") live.delete(operation.id);
      else live.set(operation.id, operation.text);
    }
    if (page.length === 0) return live;
  }
}

it(
  "makes the log equal to the folder, however often it is killed",
  async () => {
    const seed = Date.now() % 2 ** 31;
    const random = randomOf(seed);
    const args = ["--mirror", "--prefix", "wiki/", "--yes", "--no-wait"];
    const payload = Buffer.from('{"id":"neighbour","text":"stays"}');
    await log.docs.publish({ tenant, payload });
    for (let n = 0; n < files; n += 1) put(`${n % 9}/${n}.txt`, `text ${n}`);
    let wereKilled = 0;
    for (let round = 0; round < kills; round += 1) {
      const before = await log.docs.lastVersion(tenant);
      const { child, ended } = start(...args);
      // Killed once it publishes, after a random part of what there is to do.
      while (child.exitCode === null && (await log.docs.lastVersion(tenant)) === before) {
        await systemClock.sleep(5);
      }
      await systemClock.sleep(random(files / 5));
      child.kill("SIGKILL");
      if ((await ended).code === null) wereKilled += 1;
      disturb(random);
    }
    const { code, err, out } = await start(...args).ended;
    expect([code, err, seed]).toEqual([0, "", seed]);
    const live = await liveTexts();
    expect(live.get("neighbour")).toBe("stays");
    live.delete("neighbour");
    expect(new Map([...live].sort()), `seed ${seed}`).toEqual(new Map([...filesNow()].sort()));
    expect(JSON.parse(out)).toMatchObject({ mirror: { unnamed: 0, kept: 0 } });
    expect(wereKilled).toBeGreaterThan(0);
    if (files > 200)
      process.stderr.write(`${files} files, ${wereKilled} of ${kills} runs killed\n`);
    const again = JSON.parse((await start(...args).ended).out);
    expect(again).toMatchObject({ documents: 0, deleted: 0, mirror: { deletes: 0 } });
  },
  patienceOfMirrorMs,
);

it("that watches follows edits, moves and deletions until it is told to end", async () => {
  put("a.txt", "one");
  put("sub/b.txt", "two");
  const { child, ended } = start("--mirror", "--prefix", "wiki/", "--watch", "--no-wait");
  const until = async (wanted: Readonly<Record<string, string>>) => {
    let live: unknown;
    for (let tries = 0; tries < 300; tries += 1) {
      live = Object.fromEntries(await liveTexts());
      if (JSON.stringify(live) === JSON.stringify(wanted)) return;
      await systemClock.sleep(100);
    }
    expect(live).toEqual(wanted);
  };
  await until({ "wiki/a.txt": "one", "wiki/sub/b.txt": "two" });
  put("a.txt", "three");
  rmSync(path("sub"), { recursive: true });
  mkdirSync(path("new/deep"), { recursive: true });
  put("new/deep/c.txt", "four");
  await until({ "wiki/a.txt": "three", "wiki/new/deep/c.txt": "four" });
  renameSync(path("new"), path("moved"));
  await until({ "wiki/a.txt": "three", "wiki/moved/deep/c.txt": "four" });
  child.kill("SIGTERM");
  const { code, out } = await ended;
  expect(code).toBe(130);
  expect(out.trim().split("\n").length).toBeGreaterThan(2);
}, 120_000);
