/** `ops/start --nats 3`: the leader of the log is killed, and the run goes on. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "nats";
import { expect, it } from "vitest";
import { freePort } from "../../ops/servers/ports.ts";
import { isGroupAlive } from "../../ops/servers/process-group.ts";
import { readRunFile } from "../../src/cli/run-file.ts";
import { overHttp } from "../../src/client/index.ts";
import { inheritedEnvironment } from "../support/environment.ts";
import { runStart } from "../support/run-freshet.ts";
import { serversOfFile } from "../support/side-by-side.ts";

/** The nats-server of this name in this run, not what watches it. */
function processOf(dataDir: string, name: string): number {
  const config = join(dataDir, "nats-cluster", name, "nats.conf");
  const found = readdirSync("/proc").find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [program, ...parameters] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return /\/nats-server[^/]*$/.test(program ?? "") && parameters.includes(config);
    } catch {
      return false;
    }
  });
  return Number(found);
}

async function leaderOf(servers: string, stream: string): Promise<string> {
  const connection = await connect({ servers: servers.split(",") });
  try {
    const manager = await connection.jetstreamManager();
    const { cluster, config } = await manager.streams.info(stream);
    expect(config.num_replicas).toBe(3);
    return cluster?.leader ?? "";
  } finally {
    await connection.close();
  }
}

it("publishes and answers after the leader of the log was killed, and starts it again (I1)", async () => {
  const folder = mkdtempSync(join(tmpdir(), "freshet-nats-3-"));
  const corpus = join(folder, "corpus");
  const dataDir = join(folder, "data");
  mkdirSync(corpus);
  writeFileSync(join(corpus, "lamp.md"), "# The lamp\n\nThe lamp of the pier is lit at six.");
  writeFileSync(join(corpus, "bread.md"), "# The bread\n\nThe bakery sells rye on Tuesdays.");
  writeFileSync(join(corpus, "map.md"), "# The map\n\nThe library lends maps of the moor.");
  const { temporal, weaviate } = serversOfFile();
  const run = runStart(["--nats", "3", "--corpus", corpus], {
    ...inheritedEnvironment(),
    FRESHET_TEMPORAL_ADDRESS: temporal.address,
    FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
    FRESHET_WEAVIATE_URL: weaviate.url,
    FRESHET_WEAVIATE_GRPC: weaviate.grpc,
    FRESHET_WEAVIATE_API_KEY: weaviate.apiKey,
    FRESHET_EMBED_THREADS: "1",
    FRESHET_DATA_DIR: dataDir,
    // The default one may be that of another file's run.
    FRESHET_HTTP_PORT: String(await freePort()),
    FRESHET_SKIP_INSTALL: "1",
  });
  try {
    await run.says(/running; Ctrl-C stops everything/);
    const { urls } = readRunFile(dataDir) ?? { urls: { http: "", nats: "" } };
    expect(urls.nats.split(",")).toHaveLength(3);
    expect(run.stdout()).toContain(`NATS         ${urls.nats}`);
    const leader = await leaderOf(urls.nats, "CHUNKS");
    process.kill(processOf(dataDir, leader), "SIGKILL");

    const retries = { attemptsMax: 20 };
    const client = overHttp({ url: urls.http, tenant: "demo", retries });
    const text = "The ferry to the island leaves at 07:40 from pier three.";
    const { seq } = await client.publish({ id: "ferry", text });
    // An election takes some seconds, and the reader behind it notices by its heartbeats.
    const asked = { query: "When does the ferry leave?", min_seq: seq, wait_ms: 30_000 };
    const answer = await client.ask(asked);
    expect(answer.sources[0]?.id).toBe("ferry");
    await run.says(new RegExp(`${leader}.*starting it again, the others go on`));
    await expect.poll(() => processOf(dataDir, leader), { timeout: 30_000 }).toBeGreaterThan(0);
    run.signalGroup("SIGINT");
    expect(await run.ended).toBe(0);
    for (const name of ["nats-1", "nats-2", "nats-3"]) expect(processOf(dataDir, name)).toBeNaN();
  } finally {
    if (isGroupAlive(run.pid)) run.signalGroup("SIGKILL");
    await run.ended.catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  }
});
