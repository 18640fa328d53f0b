/**
 * An engine listens seconds after its port was chosen: by then another run on this machine may have
 * taken it.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startFreshet } from "../../ops/main-job/processes.ts";
import { freePort } from "../../ops/servers/ports.ts";
import { type Servers, startServers } from "../../ops/servers/start-servers.ts";
import { logPath } from "../../ops/servers/supervise.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import { serversOfFile } from "../support/side-by-side.ts";

const clean: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of clean.splice(0).reverse()) await step();
});

interface Place {
  readonly dataDir: string;
  readonly servers: Servers;
  readonly env: Record<string, string | undefined>;
}

async function place(): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), "freshet-engine-port-"));
  clean.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const { temporal, weaviate } = serversOfFile();
  const env = {
    ...process.env,
    FRESHET_HTTP_PORT: undefined,
    FRESHET_TEMPORAL_ADDRESS: temporal.address,
    FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
    FRESHET_WEAVIATE_URL: weaviate.url,
    FRESHET_WEAVIATE_GRPC: weaviate.grpc,
    FRESHET_WEAVIATE_API_KEY: weaviate.apiKey,
  };
  const want = { llm: false };
  const servers = await startServers({ dataDir, env, progress: silentProgress, want });
  clean.push(() => servers.stop());
  return { dataDir, servers, env };
}

async function modelFiles() {
  const all = { nats: false, temporal: false, weaviate: false, embedding: true, llm: false };
  const { embedding } = await ensureTools({
    env: process.env,
    progress: silentProgress,
    want: all,
  });
  if (embedding === undefined) throw new Error("the embedding model is missing");
  return embedding;
}

/** Takes the port as soon as the engine is being started, long before it listens. */
async function takeOnceBegun({ dataDir }: Place, port: number): Promise<Server> {
  await expect.poll(() => existsSync(logPath(dataDir, "engine")), { interval: 5 }).toBe(true);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  clean.push(() => server.close());
  return server;
}

test("an engine whose port was taken meanwhile listens on another one", async () => {
  const at = await place();
  const [model, httpPort] = [await modelFiles(), await freePort()];
  const onDeath = (): void => undefined;
  const starting = startFreshet({ ...at, model, httpPort, onDeath });
  await takeOnceBegun(at, httpPort);
  const freshet = await starting;
  clean.push(() => freshet.stop());
  expect(freshet.httpUrl).not.toBe(`http://127.0.0.1:${httpPort}`);
  expect((await fetch(`${freshet.httpUrl}/readyz`)).status).toBe(200);
});

test.each(["::1", "::", "localhost", "127.0.0.2"])(
  "an engine that listens on %s is found there, and not on 127.0.0.1 only",
  async (host) => {
    const at = await place();
    const [model, httpPort] = [await modelFiles(), await freePort()];
    const keys = { FRESHET_API_KEYS: "0123456789abcdef0123456789abcdef=demo" };
    const open = host === "::" ? { ...keys, FRESHET_HTTP_PLAIN_TEXT: "anywhere" } : {};
    const env = { ...at.env, ...open, FRESHET_HTTP_HOST: host };
    const freshet = await startFreshet({ ...at, env, model, httpPort, onDeath: () => undefined });
    clean.push(() => freshet.stop());
    expect((await fetch(`${freshet.httpUrl}/healthz`)).status).toBe(200);
  },
);

test("an engine whose port was asked for and taken meanwhile says so in one line", async () => {
  const at = await place();
  const [model, port] = [await modelFiles(), await freePort()];
  const env = { ...at.env, FRESHET_HTTP_PORT: String(port) };
  const starting = startFreshet({ ...at, env, model, onDeath: () => undefined });
  const refused = expect(starting).rejects.toThrow(
    `port ${port} (FRESHET_HTTP_PORT) is in use: stop what listens there, or set FRESHET_HTTP_PORT to a free port`,
  );
  await takeOnceBegun(at, port);
  await refused;
});
