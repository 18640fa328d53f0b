import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { connect as connectPlain, createServer as createPlain } from "node:net";
import { join } from "node:path";
import { connect, createServer as createTls } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { validFor } from "../../ops/servers/certificates.ts";
import type { Addresses } from "../../src/cli/addresses.ts";
import { connectEngine } from "../../src/cli/http-client.ts";
import type { TlsFiles } from "../../src/contract/links.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { plainOnTlsMessage, saysPlainOnTls } from "../../src/contract/plain-on-tls.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { type HttpBounds, type HttpServer, startHttp } from "../../src/gateway/http.ts";
import { type ListenerTls, watchCertificate } from "../../src/gateway/listener-tls.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { openTlsKit, type PairFiles, type TlsKit, tlsProxy } from "../support/tls-kit.ts";
import { FakeService } from "./fake-service.ts";

let kit: TlsKit;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  kit = await openTlsKit();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => kit.close());

async function listening(
  tls: ListenerTls | undefined,
  bounds: Partial<HttpBounds> = {},
): Promise<HttpServer> {
  const server = await startHttp({
    handler: createHandler({ service: new FakeService(), log: silentLogger, clock: systemClock }),
    credentials: {},
    log: silentLogger,
    metrics: { metricsText: async () => "", contentType: "text/plain", set: () => {} },
    version: "0.0.1",
    host: "127.0.0.1",
    port: 0,
    tls,
    bounds,
  });
  closing.push(() => server.close());
  return server;
}

const shows = ({ certFile, keyFile }: PairFiles, clientCaFile?: string): ListenerTls => ({
  ...{ certFile, keyFile, clientCaFile },
});

function ask(url: string, tls: TlsFiles | undefined): Promise<unknown> {
  const addresses: Addresses = {
    http: url,
    nats: "",
    temporal: { address: "", namespace: "" },
    temporalUi: undefined,
    partitions: 8,
    dataDir: "",
    api: { key: undefined, tls },
  };
  return connectEngine(addresses, "demo").isVisible("a", new AbortController().signal);
}

const files = (more?: Partial<TlsFiles>) => kit.files("FRESHET_API_TLS", more);
const answered = (asked: Promise<unknown>) => expect(asked).resolves.toBeTypeOf("boolean");
const told = (asked: Promise<unknown>, why: RegExp) => expect(asked).rejects.toThrow(why);

describe("the HTTP API over TLS", () => {
  it("answers the command line that has its CA, and says https in its address", async () => {
    const { url } = await listening(shows(kit.good));
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    await answered(ask(url, files()));
  });

  it("is refused by the command line with a sentence that says what to do", async () => {
    const good = await listening(shows(kit.good));
    const unknown = /unknown CA: .*FRESHET_API_TLS_CA_FILE/;
    await told(ask(good.url, undefined), unknown);
    await told(ask(good.url, files({ caFile: kit.otherCaFile })), unknown);
    await told(
      ask(good.url.replace("https:", "http:"), undefined),
      /this port takes TLS: begin the address with https:/,
    );
    const elsewhere = await listening(shows(kit.wrongName));
    await told(ask(elsewhere.url, files()), /other names \(DNS:elsewhere\.example\)/);
    const expired = await listening(shows(kit.expired));
    await told(ask(expired.url, files()), /has expired: renew it/);
    const plain = await listening(undefined);
    await told(ask(plain.url.replace("http:", "https:"), files()), /plain text: turn TLS on/);
  });

  it("with a CA for clients serves none without a certificate of it (GT3)", async () => {
    const { url } = await listening(shows(kit.good, kit.caFile));
    const { certFile, keyFile } = kit.client;
    await answered(ask(url, files({ certFile, keyFile })));
    await told(ask(url, files()), /client certificate: set FRESHET_API_TLS_CERT_FILE/);
    const strange = { certFile: kit.strangeClient.certFile, keyFile: kit.strangeClient.keyFile };
    await expect(ask(url, files(strange))).rejects.toThrow();
  });

  it("tells plain HTTP that the port takes TLS, and goes on (GP1)", async () => {
    const { url } = await listening(shows(kit.good, kit.caFile));
    const plain = url.replace("https:", "http:");
    const asked = await fetch(`${plain}/healthz`);
    expect(asked.status).toBe(400);
    expect(await asked.json()).toMatchObject({
      code: "invalid_request",
      detail: plainOnTlsMessage,
    });
    const sent = await fetch(`${plain}/v1/documents`, {
      method: "POST",
      body: "a".repeat(1_000_000),
    });
    expect(saysPlainOnTls(await sent.text())).toBe(true);
    const { certFile, keyFile } = kit.client;
    await answered(ask(url, files({ certFile, keyFile })));
  });

  it("takes a handshake that comes byte by byte (GP1)", async () => {
    const { url } = await listening(shows(kit.good));
    const slow = await slowLink(Number(new URL(url).port));
    closing.push(() => slow.close());
    await answered(ask(`https://localhost:${slow.port}`, files()));
  });

  it("closes with connections on which nothing was said, and those end by themselves (GP2)", async () => {
    const server = await listening(shows(kit.good), { headersMs: 200 });
    const port = Number(new URL(server.url).port);
    const silent = connectPlain(port, "127.0.0.1");
    await once(silent, "close");
    const other = await listening(shows(kit.good));
    const waits = connectPlain(Number(new URL(other.url).port), "127.0.0.1");
    const ended = once(waits, "close");
    await once(waits, "connect");
    await other.close();
    await ended;
  });

  it("does not start with a key of another certificate", async () => {
    const { certFile } = kit.good;
    await expect(listening({ certFile, keyFile: kit.client.keyFile })).rejects.toThrow(
      /^FRESHET_HTTP_TLS_CERT_FILE: .* do not belong together/,
    );
  });
});

describe("a renewed certificate", () => {
  it("is shown without a restart, and half of one changes nothing (GT1, GT2)", async () => {
    const [certFile, keyFile] = [join(kit.directory, "live.crt"), join(kit.directory, "live.key")];
    copyFileSync(kit.good.certFile, certFile);
    copyFileSync(kit.good.keyFile, keyFile);
    const server = createTls({ cert: kit.good.cert, key: kit.good.key }, (socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => server.close());
    const lines: string[] = [];
    const write = (_fields: object, message: string) => void lines.push(message);
    const log = { debug: write, info: write, warn: write, error: write };
    closing.push(watchCertificate(server, { tls: { certFile, keyFile }, log, everyMs: 20 }));
    const { port } = server.address() as { port: number };
    const before = await serialAt(port);

    const renewed = await kit.renew(["localhost", "127.0.0.1"]);
    writeFileSync(certFile, renewed.cert);
    await expect.poll(() => lines).toEqual(["the HTTP API keeps its old certificate"]);
    expect(await serialAt(port)).toBe(before);
    writeFileSync(keyFile, renewed.key);
    await expect.poll(() => serialAt(port)).toBe(new X509Certificate(renewed.cert).serialNumber);
  });
});

/** A way to the port on which each byte of a caller is a packet of its own. */
async function slowLink(port: number): Promise<{ readonly port: number; close(): void }> {
  const server = createPlain((from) => {
    const to = connectPlain({ port, host: "127.0.0.1", noDelay: true });
    from.on("data", (data: Buffer) => {
      for (const byte of data) to.write(Buffer.of(byte));
    });
    to.pipe(from);
    for (const socket of [from, to]) socket.on("error", () => {});
    from.on("close", () => to.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as { port: number }).port, close: () => void server.close() };
}

describe("a certificate that clients refuse", () => {
  function replacing(begin: PairFiles) {
    const [certFile, keyFile] = [join(kit.directory, "r.crt"), join(kit.directory, "r.key")];
    const write = ({ cert, key }: { readonly cert: string; readonly key: string }): void => {
      writeFileSync(certFile, cert);
      writeFileSync(keyFile, key);
    };
    write(begin);
    const lines: string[] = [];
    const say = (fields: object, message: string) =>
      void lines.push(`${message} ${JSON.stringify(fields)}`);
    const log = { debug: say, info: say, warn: say, error: say };
    const contexts: unknown[] = [];
    const server = createTls({ cert: begin.cert, key: begin.key });
    server.setSecureContext = (given) => void contexts.push(given.cert?.toString());
    let laterMs = 0;
    const nowMs = () => Date.now() + laterMs;
    const tls = { certFile, keyFile };
    closing.push(watchCertificate(server, { tls, log, everyMs: 10, nowMs }));
    return { write, lines, contexts, later: (ms: number) => void (laterMs += ms) };
  }

  it("is named when it is there from the start, and takes any other one", async () => {
    const { write, lines, contexts } = replacing(kit.expired);
    expect(lines).toEqual([expect.stringMatching(/clients refuse the HTTP API .*has expired/)]);
    write(kit.good);
    await expect.poll(() => contexts).toEqual([kit.good.cert]);
  });

  it("does not take the place of one that is good (GT2)", async () => {
    const { write, lines, contexts } = replacing(kit.good);
    write(kit.expired);
    await expect.poll(() => lines.filter((line) => line.includes("has expired"))).toHaveLength(1);
    expect(contexts).toEqual([]);
  });

  it("takes its place once it is valid (GT2)", async () => {
    const { write, lines, contexts, later } = replacing(kit.good);
    const dayMs = 86_400_000;
    const notBefore = new Date(Date.now() + dayMs);
    const next = await kit.renew(["localhost"], { ...validFor(5, Date.now()), notBefore });
    write(next);
    await expect.poll(() => lines.some((line) => line.includes("is not valid before"))).toBe(true);
    expect(contexts).toEqual([]);
    later(dayMs + 60_000);
    await expect.poll(() => contexts).toEqual([next.cert]);
  });
});

it.each([
  ["nothing", ""],
  ["half a certificate", "half"],
  ["a whole one and half of another", "whole and half"],
  ["no PEM", "hello"],
])("a file of client CAs that holds %s is none (GT2)", async (_, what) => {
  const half = kit.ca.slice(0, 200);
  const text = { half, "whole and half": `${kit.ca}\n${half}` }[what] ?? what;
  const file = join(kit.directory, "client-ca.crt");
  writeFileSync(file, text);
  await expect(listening(shows(kit.good, file))).rejects.toThrow(
    /^FRESHET_HTTP_TLS_CLIENT_CA_FILE: .*client-ca.crt holds no certificates/,
  );
  writeFileSync(file, `# ours\n${kit.ca}\n${kit.ca}`);
  await listening(shows(kit.good, file));
});

function serialAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "localhost", ca: kit.ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

it("a proxy that does the TLS may stand in front of a plain one", async () => {
  const { url } = await listening(undefined);
  const proxy = await tlsProxy({ kit, pair: kit.good }, { port: Number(new URL(url).port) });
  closing.push(() => proxy.close());
  await answered(ask(`https://localhost:${proxy.port}`, files()));
});
