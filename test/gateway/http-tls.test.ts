import { X509Certificate } from "node:crypto";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Addresses } from "../../src/cli/addresses.ts";
import { connectEngine } from "../../src/cli/http-client.ts";
import type { TlsFiles } from "../../src/contract/links.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { type HttpServer, startHttp } from "../../src/gateway/http.ts";
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

async function listening(tls: ListenerTls | undefined): Promise<HttpServer> {
  const server = await startHttp({
    handler: createHandler({ service: new FakeService(), log: silentLogger, clock: systemClock }),
    credentials: {},
    log: silentLogger,
    metrics: { metricsText: async () => "", contentType: "text/plain", set: () => {} },
    version: "0.0.1",
    host: "127.0.0.1",
    port: 0,
    tls,
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
      /asks for TLS: turn it on here \(https:/,
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
    const { createServer } = await import("node:tls");
    const server = createServer({ cert: kit.good.cert, key: kit.good.key }, (socket) =>
      socket.end(),
    );
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
