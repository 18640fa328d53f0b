import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/cold/weaviate-connection.ts";
import { limits } from "../../src/contract/limits.ts";
import type { TlsFiles } from "../../src/contract/links.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import {
  httpsServer,
  openTlsKit,
  type PairFiles,
  plainServer,
  type TlsKit,
} from "../support/tls-kit.ts";

let kit: TlsKit;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  kit = await openTlsKit();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => kit.close());

/** As much of Weaviate as a connection needs: ready, a version, and a gRPC that knows no call. */
async function weaviate(rest: PairFiles, grpc: PairFiles = rest, mutual = false) {
  const https = await httpsServer({ kit, pair: rest, mutual }, (_request, reply) => {
    reply.setHeader("content-type", "application/json");
    reply.end(JSON.stringify({ version: "1.35.2" }));
  });
  const channel = createSecureServer({ ...grpc }, (_request, reply) => {
    reply.writeHead(200, { "content-type": "application/grpc", "grpc-status": "12" });
    reply.end();
  });
  await new Promise<void>((resolve) => channel.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => https.close(),
    () => channel.close(),
  );
  const { port } = channel.address() as AddressInfo;
  return { url: `https://localhost:${https.port}`, grpc: `localhost:${port}` };
}

const files = (more?: Partial<TlsFiles>) => kit.files("FRESHET_WEAVIATE_TLS", more);

/** What came of a search, and what was logged meanwhile. */
async function search(link: { url: string; grpc: string; tls: TlsFiles | undefined }) {
  const lines: string[] = [];
  const write = (_fields: object, message: string) => void lines.push(message);
  const logger = { debug: write, info: write, warn: write, error: write };
  const connection = new Connection({ ...link, clock: systemClock, logger, apiKey: () => "k" });
  closing.push(() => connection.close());
  const work = connection.run((client) => client.collections.use("Any").query.fetchObjects());
  return {
    failure: await work.then(() => "none", String),
    lines,
    cause: await work.catch((e) => e),
  };
}

/** Connects, which asks over REST whether Weaviate is ready and of what version. */
async function probed(link: { url: string; grpc: string; tls: TlsFiles | undefined }) {
  const lines: string[] = [];
  const write = (_fields: object, message: string) => void lines.push(message);
  const logger = { debug: write, info: write, warn: write, error: write };
  const connection = new Connection({ ...link, clock: systemClock, logger, apiKey: () => "k" });
  closing.push(() => connection.close());
  await connection.run(async () => {});
  expect(lines).toEqual(["weaviate is connected"]);
}

describe("TLS to Weaviate", () => {
  it("is of REST's origin alone: no other request of the process trusts its CA (WT1)", async () => {
    const link = await weaviate(kit.good);
    await probed({ ...link, tls: files() });
    const { certFile, keyFile } = kit.client;
    const mutual = await weaviate(kit.good, kit.good, true);
    await probed({ ...mutual, tls: files({ certFile, keyFile }) });
    const other = await httpsServer({ kit, pair: kit.good }, (_request, reply) => reply.end());
    closing.push(() => other.close());
    await expect(fetch(`https://localhost:${other.port}`)).rejects.toThrow();
  });

  it.each<[string, () => Promise<Parameters<typeof search>[0]>, RegExp]>([
    [
      "a CA that signed something else",
      async () => ({ ...(await weaviate(kit.good)), tls: files({ caFile: kit.otherCaFile }) }),
      /unknown CA: .*FRESHET_WEAVIATE_TLS_CA_FILE/,
    ],
    [
      "a wrong name",
      async () => ({ ...(await weaviate(kit.wrongName)), tls: files() }),
      /other names \(DNS:elsewhere\.example\)/,
    ],
    [
      "an expired certificate",
      async () => ({ ...(await weaviate(kit.expired)), tls: files() }),
      /has expired: renew it/,
    ],
    [
      "no client certificate",
      async () => ({ ...(await weaviate(kit.good, kit.good, true)), tls: files() }),
      /client certificate.*FRESHET_WEAVIATE_TLS_CERT_FILE/,
    ],
    [
      "plain text there",
      async () => {
        const server = await plainServer();
        closing.push(() => server.close());
        const at = `localhost:${server.port}`;
        return { url: `https://${at}`, grpc: at, tls: files() };
      },
      /plain text: turn TLS on there/,
    ],
  ])("refuses %s with a sentence in the log", async (_what, link, why) => {
    const { failure, lines } = await search(await link());
    expect(failure).toMatch(/Weaviate does not answer/);
    await expect.poll(() => lines.join("\n"), { timeout: 2 * limits.tlsProbeMs }).toMatch(why);
  });
});
