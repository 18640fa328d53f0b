import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, nkeys } from "nats";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { freePort } from "../../ops/servers/ports.ts";
import { type RunningServer, startServer } from "../../ops/servers/supervise.ts";
import type { Partition, Version } from "../../src/contract/ids.ts";
import type { TlsFiles } from "../../src/contract/links.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import { connectionOptions, type NatsAccess } from "../../src/log/nats/access.ts";
import { openConnection } from "../../src/log/nats/connection.ts";
import { logError } from "../../src/log/nats/errors.ts";
import { connectNatsLog } from "../../src/log/nats/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { natsProgram } from "../support/private-nats.ts";
import { openTlsKit, type PairFiles, type TlsKit } from "../support/tls-kit.ts";

let kit: TlsKit;
let program: string;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  kit = await openTlsKit();
  program = await natsProgram();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => kit.close());

interface Started {
  readonly port: number;
  readonly configFile: string;
  readonly process: RunningServer;
}

/** A nats-server with lines of configuration of a test's own. */
async function server(lines: string, fixedPort?: number): Promise<Started> {
  const directory = mkdtempSync(join(tmpdir(), "freshet-access-"));
  const port = fixedPort ?? (await freePort());
  const configFile = join(directory, "nats.conf");
  writeFileSync(
    configFile,
    `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${JSON.stringify(directory)} }\n${lines}\n`,
  );
  const process_ = await startServer({
    name: "nats-server",
    program,
    parameters: ["--config", configFile],
    env: plainEnvironment(process.env),
    logFile: join(directory, "log"),
    cwd: directory,
    readyTimeoutMs: 10_000,
    graceS: 5,
    isReady: () => answers(port),
  });
  closing.push(async () => {
    await process_.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return { port, configFile, process: process_ };
}

async function answers(port: number): Promise<boolean> {
  const { connect: dial } = await import("node:net");
  return await new Promise((resolve) => {
    const socket = dial(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

const logged: string[] = [];
const write = (_fields: object, message: string) => void logged.push(message);
const logger = { debug: write, info: write, warn: write, error: write };

async function open(access: Partial<NatsAccess> & { servers: string }) {
  const context = await openConnection(
    { connectMs: 5_000, ...access },
    { clock: systemClock, logger, metrics: silentMetrics },
  );
  closing.push(() => context.connection.close());
  await context.jsm.getAccountInfo();
  return context;
}

const tlsBlock = ({ certFile, keyFile }: PairFiles, more = "") =>
  `tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${kit.caFile}", ${more} }`;
const files = (more?: Partial<TlsFiles>) => kit.files("FRESHET_NATS_TLS", more);
const refused = (why: RegExp) =>
  expect.objectContaining({ code: "log_unavailable", message: expect.stringMatching(why) });

describe("TLS to NATS", () => {
  it("works with its CA, for a name and for an address that the certificate has (NY2)", async () => {
    const { port } = await server(tlsBlock(kit.good));
    await open({ servers: `tls://localhost:${port}`, tls: files() });
    await open({ servers: `tls://127.0.0.1:${port}`, tls: files() });
  });

  it("works with a client certificate, and before the first word", async () => {
    const { certFile, keyFile } = kit.client;
    const { port } = await server(tlsBlock(kit.good, "verify: true, handshake_first: true"));
    const tls = files({ certFile, keyFile });
    await open({ servers: `tls://localhost:${port}`, tls, tlsFirst: true });
  });

  it.each(["localhost", "127.0.0.1"])(
    "refuses what is wrong with a sentence that says what to do: %s",
    async (host) => {
      const [good, elsewhere, expired, mutual] = await Promise.all([
        server(tlsBlock(kit.good)),
        server(tlsBlock(kit.wrongName)),
        server(tlsBlock(kit.expired)),
        server(tlsBlock(kit.good, "verify: true")),
      ]);
      const at = ({ port }: Started) => `tls://${host}:${port}`;
      const refuses = (who: Started, tls: TlsFiles | undefined, why: RegExp) =>
        expect(open({ servers: at(who), ...(tls && { tls }) })).rejects.toEqual(refused(why));
      const unknown = /unknown CA: .*FRESHET_NATS_TLS_CA_FILE/;
      const otherNames = /other names \(DNS:elsewhere\.example\).*FRESHET_NATS_TLS_SERVER_NAME/;
      const noClient = /wants a client certificate: set FRESHET_NATS_TLS_CERT_FILE/;
      const { certFile, keyFile } = kit.strangeClient;
      // At once: the client says of each only after seconds that it got no connection.
      await Promise.all([
        refuses(good, undefined, unknown),
        refuses(good, files({ caFile: kit.otherCaFile }), unknown),
        refuses(elsewhere, files(), otherNames),
        open({ servers: at(elsewhere), tls: files({ serverName: "elsewhere.example" }) }),
        refuses(expired, files(), /has expired: renew it/),
        refuses(mutual, files(), noClient),
        refuses(mutual, files({ certFile, keyFile }), /client certificate/),
      ]);
    },
  );

  it("refuses a server without TLS, which the client by itself would take (NY2)", async () => {
    const { port } = await server("");
    await expect(open({ servers: `tls://localhost:${port}`, tls: files() })).rejects.toEqual(
      refused(/speaks plain text: turn TLS on there/),
    );
  });

  it("names a file that is not there", async () => {
    const tls = files({ caFile: "/nowhere/ca.pem" });
    await expect(open({ servers: "tls://localhost:1", tls })).rejects.toEqual(
      refused(/^FRESHET_NATS_TLS_CA_FILE: cannot read \/nowhere\/ca\.pem \(ENOENT\)$/),
    );
  });
});

describe("who Freshet is to NATS", () => {
  it("is a user with a password, or whoever holds a token", async () => {
    const user = await server(`authorization { user: engine, password: "right" }`);
    const servers = `nats://127.0.0.1:${user.port}`;
    await open({ servers, user: "engine", password: () => "right" });
    const refusal = refused(/refuses the credentials/);
    await expect(open({ servers, user: "engine", password: () => "wrong" })).rejects.toEqual(
      refusal,
    );
    await expect(open({ servers })).rejects.toEqual(refusal);
    const token = await server(`authorization { token: "right" }`);
    await open({ servers: `nats://127.0.0.1:${token.port}`, token: () => "right" });
  });

  it("is an nkey, also from a credentials file's shape only when it is one", async () => {
    const pair = nkeys.createUser();
    const seed = new TextDecoder().decode(pair.getSeed());
    const { port } = await server(`authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`);
    await open({ servers: `nats://127.0.0.1:${port}`, nkeySeed: () => seed });
    const noCreds = join(kit.directory, "no.creds");
    writeFileSync(noCreds, seed);
    await expect(open({ servers: `nats://127.0.0.1:${port}`, credsFile: noCreds })).rejects.toEqual(
      refused(/^FRESHET_NATS_CREDS_FILE: .* is no credentials file/),
    );
  });

  it("may change while it runs: a refused password is asked for again until it fits (NY1, NY3)", async () => {
    logged.length = 0;
    const first = await server(`authorization { user: engine, password: "first" }`);
    let password = "first";
    const servers = `nats://127.0.0.1:${first.port}`;
    const { connection } = await open({ servers, user: "engine", password: () => password });
    await first.process.stop();
    await server(`authorization { user: engine, password: "second" }`, first.port);
    await expect
      .poll(() => logged, { timeout: 10_000 })
      .toContain("nats refuses the credentials, or they have expired");
    // Refused some times more, and told once: this may last a night.
    await systemClock.sleep(1_500);
    const lines = (of: RegExp) => logged.filter((line) => of.test(line));
    expect(lines(/refuses the credentials/)).toHaveLength(1);
    expect(lines(/connection lost/)).toHaveLength(1);
    expect(connection.isClosed()).toBe(false);
    password = "second";
    await expect
      .poll(
        () =>
          connection.rtt().then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
  });

  it("stays what it was while its credentials file is being replaced", () => {
    const file = join(kit.directory, "engine.creds");
    const creds = (seed: string) =>
      `-----BEGIN NATS USER JWT-----\neyJ\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
    const seedOf = () => new TextDecoder().decode(nkeys.createUser().getSeed());
    writeFileSync(file, creds(seedOf()));
    const { authenticator } = connectionOptions({ servers: "nats://a", credsFile: file });
    if (typeof authenticator !== "function") throw new Error("there is one authenticator");
    const before = authenticator("nonce");
    writeFileSync(file, "half a fi");
    expect(authenticator("nonce")).toEqual(before);
    writeFileSync(file, creds(seedOf()));
    expect(authenticator("nonce")).not.toEqual(before);
  });
});

describe("a user who may not do all that Freshet does", () => {
  /** Everything but some subjects. */
  const lacking = (publish: readonly string[], subscribe: readonly string[] = ["none"]) =>
    `authorization { users: [ { user: engine, password: "right", permissions: {
      publish: { deny: ${JSON.stringify(publish)} }, subscribe: { deny: ${JSON.stringify(subscribe)} }
    } } ] }`;
  const as = ({ port }: Started) => ({
    ...{ servers: `nats://127.0.0.1:${port}`, user: "engine", password: () => "right" },
  });

  it("is told which subject is missing, as it stands in a list of permissions (NC5)", async () => {
    logged.length = 0;
    const denied = ["$JS.API.STREAM.INFO.DOCS", "$JS.API.CONSUMER.INFO.>", "events.a"];
    const started = await server(lacking(denied, ["query.a"]));
    const { connection, jsm } = await open(as(started));
    const why = async (call: Promise<unknown>) =>
      logError(await call.catch((thrown: unknown) => thrown)).message;
    expect(await why(jsm.streams.info("DOCS"))).toContain("publish to $JS.API.STREAM.INFO.DOCS:");
    expect(await why(jsm.consumers.info("DOCS", "x7Qa"))).toContain(
      "publish to $JS.API.CONSUMER.INFO.DOCS.*:",
    );
    // Nobody waits for these: without a line in the log they would be lost unseen.
    for (let sent = 0; sent < 3; sent += 1) connection.publish("events.a");
    connection.subscribe("query.a", { callback: () => {} });
    const lines = () => logged.filter((line) => line.includes("does not let Freshet's user"));
    await expect.poll(() => lines().length, { timeout: 10_000 }).toBe(4);
    await connection.flush();
    expect(lines().join("\n")).toMatch(/publish to events\.a:[^]*subscribe to query\.a:/);
    expect(lines()).toHaveLength(4);
  });

  it.each(["$JS.API.STREAM.INFO.DOCS", "$KV.freshet_manifests.>", "$JS.API.STREAM.CREATE.HEADS"])(
    "opens no log, and is not kept waiting for what no attempt changes: %s (NC5)",
    async (subject) => {
      const started = await server(lacking([subject]));
      const opened = connectNatsLog({
        ...{ ...as(started), partitions: 1, clock: systemClock, connectMs: 60_000 },
      });
      await expect(opened).rejects.toEqual(refused(/does not let Freshet's user publish to \$/));
    },
    30_000,
  );
});

describe("a NATS that is set up for less than Freshet needs", () => {
  const account = (limits: string) =>
    `accounts { A { jetstream { ${limits} }, users: [ { user: engine, password: "right" } ] } }`;

  it.each([
    [
      "JetStream is off",
      "accounts { A { users: [ { user: engine, password: right } ] } }",
      /turn it on/,
    ],
    ["too few streams", account("max_streams: 2, max_mem: 0, max_file: 1G"), /max_streams/],
  ])("says in the message what to change there: %s", async (_what, lines, why) => {
    const { port } = await server(lines);
    const opened = connectNatsLog({
      ...{ servers: `nats://127.0.0.1:${port}`, user: "engine", password: () => "right" },
      ...{ partitions: 1, clock: systemClock, connectMs: 1_000 },
    });
    await expect(opened).rejects.toEqual(refused(why));
  });

  it("says how much room the smallest log takes where there is less", async () => {
    const { port } = await server(account("max_mem: 0, max_file: 64M, max_streams: 20"));
    const opened = connectNatsLog({
      ...{ servers: `nats://127.0.0.1:${port}`, user: "engine", password: () => "right" },
      ...{ partitions: 1, clock: systemClock, connectMs: 30_000 },
    });
    await expect(opened).rejects.toMatchObject({
      code: "overloaded",
      message: expect.stringMatching(/take \d+ MiB at least: raise max_file_store/),
    });
  });

  it("says that no document fits its max_payload, or how much fits", async () => {
    const small = await server("max_payload: 65536");
    const link = ({ port }: Started) => ({
      ...{ servers: `nats://127.0.0.1:${port}`, partitions: 1, clock: systemClock, logger },
    });
    await expect(connectNatsLog(link(small))).rejects.toEqual(refused(/65536 bytes only/));
    logged.length = 0;
    const log = await connectNatsLog(link(await server("")));
    closing.push(() => log.close());
    expect(logged.join()).toContain("documents must be smaller: raise max_payload");
  });

  it("says that it takes no more connections", async () => {
    const { port } = await server("max_connections: 1");
    const servers = `nats://127.0.0.1:${port}`;
    await open({ servers });
    await expect(open({ servers, connectMs: 2_000 })).rejects.toEqual(
      refused(/refuses the connection: maximum connections exceeded/i),
    );
  }, 20_000);

  it("is said to let nobody read where consumers are bounded, instead of looking like no news", async () => {
    const { port } = await server(
      account("max_mem: 0, max_file: 10G, max_streams: 20, max_consumers: 1"),
    );
    logged.length = 0;
    const told: object[] = [];
    const warn = (fields: object, message: string) => void told.push({ ...fields, message });
    const log = await connectNatsLog({
      ...{ servers: `nats://127.0.0.1:${port}`, user: "engine", password: () => "right" },
      ...{ partitions: 1, clock: systemClock, logger: { ...logger, warn } },
    });
    closing.push(() => log.close());
    const jsm = await log.connection.jetstreamManager();
    await jsm.consumers.add("DOCS", { durable_name: "others" });
    const stop = new AbortController();
    closing.push(async () => stop.abort());
    const all = { partition: 0 as Partition, from: 1 as Version, signal: stop.signal };
    void log.docs.read(all)[Symbol.asyncIterator]().next();
    await expect
      .poll(() => told, { timeout: 20_000 })
      .toContainEqual(
        expect.objectContaining({
          message: "the log cannot be read, trying again",
          reason: expect.stringMatching(/max_consumers/),
        }),
      );
  }, 30_000);

  it("makes smaller streams where the account bounds the size of one", async () => {
    const { port } = await server(
      account("max_mem: 0, max_file: 100G, disk_max_stream_bytes: 300M, max_streams: 20"),
    );
    const log = await connectNatsLog({
      ...{ servers: `nats://127.0.0.1:${port}`, user: "engine", password: () => "right" },
      ...{ partitions: 1, clock: systemClock, connectMs: 30_000 },
    });
    closing.push(() => log.close());
    const { config } = await (await log.connection.jetstreamManager()).streams.info("DOCS");
    expect(config.max_bytes).toBeLessThanOrEqual(300_000_000);
  });
});

describe("servers that the cluster names", () => {
  it("are taken by default, and left alone when that is off", async () => {
    const [clusterA, clusterB] = [await freePort(), await freePort()];
    const cluster = (name: string, own: number, other: number) =>
      `server_name: ${name}\ncluster { name: c, listen: "127.0.0.1:${own}", routes: ["nats-route://127.0.0.1:${other}"] }`;
    const [a, b] = [await freePort(), await freePort()];
    const start = (lines: string, port: number) => server(lines.replace("jetstream", ""), port);
    const one = start(`${cluster("a", clusterA, clusterB)}\n`, a);
    const two = start(`${cluster("b", clusterB, clusterA)}\n`, b);
    await Promise.all([one, two]);
    const updates = async (gossip: boolean) => {
      const servers = `nats://127.0.0.1:${a}`;
      const connection = await connect(connectionOptions({ servers, gossip }));
      closing.push(() => connection.close());
      const { servers: known } = (connection as unknown as { protocol: Known }).protocol;
      return () => known.getServers().length;
    };
    const withGossip = await updates(true);
    await expect.poll(withGossip, { timeout: 10_000 }).toBe(2);
    expect((await updates(false))()).toBe(1);
  });
});

interface Known {
  readonly servers: { getServers(): readonly unknown[] };
}
