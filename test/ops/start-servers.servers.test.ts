import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "nats";
import { afterEach, describe, expect, test } from "vitest";
import { isGroupAlive } from "../../ops/servers/process-group.ts";
import { startServers } from "../../ops/servers/start-servers.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import { startPrivateNats } from "../support/private-nats.ts";
import { serversOfFile } from "../support/side-by-side.ts";

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "freshet-servers-"));
  folders.push(folder);
  return folder;
};

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Weaviate and Temporal of the test run are used, so that a test starts NATS only. */
function environment(): Record<string, string | undefined> {
  const { temporal, weaviate } = serversOfFile();
  return {
    ...process.env,
    FRESHET_TEMPORAL_ADDRESS: temporal.address,
    FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
    FRESHET_WEAVIATE_URL: weaviate.url,
    FRESHET_WEAVIATE_GRPC: weaviate.grpc,
    FRESHET_WEAVIATE_API_KEY: weaviate.apiKey,
  };
}

function processesNaming(text: string): string[] {
  const all = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes(text));
}

describe("starting the servers", () => {
  test("uses configured servers, starts the missing one, and leaves no process behind", async () => {
    const dataDir = newFolder();
    const env = environment();
    const options = { dataDir, env, progress: silentProgress, want: { llm: false } };
    const servers = await startServers(options);
    expect(servers.weaviate.url).toBe(env["FRESHET_WEAVIATE_URL"]);
    expect(Object.keys(servers.logs)).toEqual(["nats-server"]);
    expect(processesNaming(dataDir).length).toBeGreaterThan(0);
    // The servers' own files may be read by everybody: texts, tenants. The folder keeps others out.
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    await servers.stop();
    expect(processesNaming(dataDir)).toEqual([]);
  });

  test("keeps data and ports over a restart, and refuses a second run on the same data", async () => {
    const dataDir = newFolder();
    const options = {
      dataDir,
      env: environment(),
      progress: silentProgress,
      want: { llm: false },
    };
    const first = await startServers(options);
    await expect(startServers(options)).rejects.toThrow(/another run .* uses/);
    await writeStream(first.nats.url);
    await first.stop();
    const second = await startServers(options);
    expect(second.nats.url).toBe(first.nats.url);
    expect(await messagesStored(second.nats.url)).toBe(1);
    await second.stop();
  });

  test("reports a server that dies unasked with the end of its log", async () => {
    const dataDir = newFolder();
    let died: (message: string) => void = () => undefined;
    const death = new Promise<string>((resolve) => {
      died = resolve;
    });
    const servers = await startServers({
      dataDir,
      env: environment(),
      progress: silentProgress,
      want: { llm: false },
      onDeath: (end) => died(end.message),
    });
    const state: unknown = JSON.parse(readFileSync(join(dataDir, "servers.json"), "utf8"));
    const [group] = (state as { groups: number[] }).groups;
    if (group === undefined) throw new Error("no group noted");
    process.kill(-group, "SIGKILL");
    const message = await death;
    expect(message).toContain("nats-server ended by SIGKILL");
    expect(message).toContain("Server is ready");
    await servers.stop();
    expect(isGroupAlive(group)).toBe(false);
  });

  test("says in one line which port is in use", async () => {
    await using other = await startPrivateNats();
    const port = new URL(other.url).port;
    const options = {
      dataDir: newFolder(),
      env: { ...environment(), FRESHET_NATS_PORT: port },
      progress: silentProgress,
      want: { llm: false },
    };
    await expect(startServers(options)).rejects.toThrow(
      `port ${port} (FRESHET_NATS_PORT) is in use: stop what listens there, ` +
        "or set FRESHET_NATS_PORT to a free port",
    );
  });

  test("leaves no server when its parent is killed with SIGKILL", async () => {
    const dataDir = newFolder();
    const script = new URL("../support/run-nats-then-die.ts", import.meta.url).pathname;
    expect(() => execFileSync(process.execPath, [script, dataDir], { stdio: "pipe" })).toThrow();
    await expect.poll(() => processesNaming(dataDir), { timeout: 20_000 }).toEqual([]);
  });

  test("a private server keeps what it acked over kill -9", async () => {
    await using server = await startPrivateNats();
    await writeStream(server.url);
    await server.kill();
    await server.restart();
    expect(await messagesStored(server.url)).toBe(1);
  });
});

async function writeStream(url: string): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: "KEPT", subjects: ["kept"] });
  await connection.jetstream().publish("kept", "x");
  await connection.close();
}

async function messagesStored(url: string): Promise<number> {
  const connection = await connect({ servers: url });
  const manager = await connection.jetstreamManager();
  const { state } = await manager.streams.info("KEPT");
  await connection.close();
  return state.messages;
}
