/** What `ops/start --secure` makes, and the front that gives Temporal its TLS. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { natsConfiguration } from "../../ops/servers/nats.ts";
import {
  openSecureFiles,
  readSecret,
  refuseForeignServers,
  refuseOtherCredentials,
  type SecureFiles,
  secureSettings,
  writeEnvironment,
} from "../../ops/servers/secure.ts";
import { startTlsFront, type TlsFront } from "../../ops/servers/tls-front.ts";
import { readConfig } from "../../src/config/config.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { openTlsKit, type TlsKit } from "../support/tls-kit.ts";

let folder: string;
let files: SecureFiles;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "freshet-secure-"));
  files = await openSecureFiles(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the files of a secure run", () => {
  it("are their owner's alone, and the CA's key is not among them", () => {
    const directory = join(folder, "secure");
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const authority = readFileSync(files.caFile, "utf8");
    expect(authority).toContain("BEGIN CERTIFICATE");
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).mode & 0o077, name).toBe(0);
    }
    const keys = readdirSync(directory).filter((name) => name.endsWith(".key"));
    expect(keys.sort()).toEqual(["client.key", "server.key"]);
  });

  it("keep passwords and keys over a restart, with new certificates", async () => {
    const before = { key: readSecret(files.apiKeyFile), cert: readSecret(files.serverCertFile) };
    const again = await openSecureFiles(folder);
    expect(readSecret(again.apiKeyFile)).toBe(before.key);
    expect(readSecret(again.serverCertFile)).not.toBe(before.cert);
  });

  it("are a configuration that an engine takes, with TLS on every link and the trail on", () => {
    const servers = {
      FRESHET_NATS_URL: "tls://127.0.0.1:1",
      FRESHET_WEAVIATE_URL: "https://127.0.0.1:2",
    };
    const config = readConfig({ ...secureSettings(files), ...servers });
    const links = [config.nats.tls, config.temporal.tls, config.weaviate.tls, config.http.tls];
    for (const tls of links) expect(tls).toBeDefined();
    expect(config.http.apiKeys?.().get(readSecret(files.apiKeyFile))).toBe("demo");
    expect(config.audit.key?.()).toHaveLength(64);
  });

  it("are what a shell can source", () => {
    writeEnvironment(files, { FRESHET_NATS_URL: "tls://127.0.0.1:4222" });
    const lines = readFileSync(files.environmentFile, "utf8").trimEnd().split("\n");
    for (const line of lines) expect(line).toMatch(/^export FRESHET_\w+="[^"$`\\]*"$/);
    expect(lines).toContain('export FRESHET_NATS_URL="tls://127.0.0.1:4222"');
  });

  it("make a server of NATS that asks for a certificate and a password", () => {
    const shared = { port: 1, monitorPort: 2, storeDir: "/a", secure: files };
    const text = natsConfiguration(shared);
    expect(text).toContain("verify: true");
    expect(text).toContain(readSecret(files.natsPasswordFile));
    expect(text).toContain('https: "127.0.0.1:2"');
    expect(natsConfiguration({ ...shared, secure: undefined })).not.toMatch(/tls|password:|https:/);
  });

  it("are no credentials for the servers of others", () => {
    expect(() => refuseForeignServers({ FRESHET_NATS_URL: "nats://elsewhere:4222" })).toThrow(
      /unset FRESHET_NATS_URL, or leave --secure away/,
    );
    refuseForeignServers({ FRESHET_NATS_URL: "" });
  });

  it.each([
    "FRESHET_API_KEYS",
    "FRESHET_API_KEYS_FILE",
    "FRESHET_API_KEY",
    "FRESHET_OPERATOR_TOKEN",
    "FRESHET_HTTP_TLS_CERT_FILE",
    "FRESHET_HTTP_TLS_CLIENT_CA_FILE",
    "FRESHET_API_TLS_CA_FILE",
    "FRESHET_NATS_CREDS_FILE",
    "FRESHET_NATS_TOKEN",
    "FRESHET_NATS_REPLY_NKEY_SEED_FILE",
    "FRESHET_TEMPORAL_API_KEY",
    "FRESHET_WEAVIATE_OIDC_SECRET_FILE",
  ])("stand for no %s of one's own, which is named before a server starts", (name) => {
    expect(() => refuseOtherCredentials({ [name]: "mine" }, files)).toThrow(
      new RegExp(`unset ${name}, or`),
    );
    refuseOtherCredentials({ [name]: "", FRESHET_KEY_STORE: "keys.json" }, files);
  });

  it("may be in the environment already, as in a shell that sourced it", () => {
    refuseOtherCredentials({ ...secureSettings(files), FRESHET_NATS_TLS_FIRST: "on" }, files);
  });
});

describe("the front of Temporal", () => {
  let kit: TlsKit;
  let front: TlsFront;
  const asked: string[] = [];
  /** As much of a frontend as a ping needs, in plain text. */
  const behind = createServer((request, reply) => {
    asked.push(String(request.headers[":path"]));
    request.resume();
    reply.writeHead(200, { "content-type": "application/grpc" });
    reply.addTrailers({ "grpc-status": "0" });
    reply.write(Buffer.alloc(5));
    reply.end();
  });
  const sessions = new Set<{ destroy(): void }>();
  behind.on("session", (session) => sessions.add(session));

  beforeAll(async () => {
    kit = await openTlsKit();
    await new Promise<void>((resolve) => behind.listen(0, "127.0.0.1", resolve));
    front = await startTlsFront(files, behind.address() as AddressInfo);
  });
  afterAll(async () => {
    await front.close();
    for (const session of sessions) session.destroy();
    behind.close();
    kit.close();
  });

  async function ping(tls: Partial<Record<"caFile" | "certFile" | "keyFile", string>>) {
    const own = { settings: "FRESHET_TEMPORAL_TLS", certFile: undefined, keyFile: undefined };
    const client = connectTemporal({
      ...{ address: front.address, namespace: "n", clock: systemClock },
      ...(Object.keys(tls).length === 0 ? {} : { tls: { ...own, caFile: files.caFile, ...tls } }),
    });
    try {
      await client.ping();
    } finally {
      await client.close();
    }
  }
  const own = () => ({ certFile: files.clientCertFile, keyFile: files.clientKeyFile });

  it("lets a client of its CA through", async () => {
    await ping({ caFile: files.caFile, ...own() });
    expect(asked.length).toBeGreaterThan(0);
  });

  // Side by side: a client tries again for some seconds before it says why it cannot.
  it.concurrent.each<[string, () => Parameters<typeof ping>[0], RegExp]>([
    ["another CA", () => ({ ...own(), caFile: kit.otherCaFile }), /unknown CA/],
    ["no client certificate", () => ({ caFile: files.caFile }), /FRESHET_TEMPORAL_TLS_CERT_FILE/],
    [
      "a client certificate of another CA",
      () => ({ certFile: kit.strangeClient.certFile, keyFile: kit.strangeClient.keyFile }),
      /client certificate/,
    ],
    ["plain text", () => ({}), /asks for TLS: turn it on here/],
  ])(
    "refuses %s, and lets nothing of it through",
    async (_what, tls, why) => {
      const before = asked.length;
      await expect(ping(tls())).rejects.toThrow(why);
      expect(asked.length).toBe(before);
    },
    90_000,
  );
});
