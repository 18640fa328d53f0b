import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TlsFiles } from "../../src/contract/links.ts";
import { probeTls } from "../../src/runtime/tls-probe.ts";
import {
  httpsServer,
  type Listening,
  openTlsKit,
  plainServer,
  type TlsKit,
} from "../support/tls-kit.ts";

let kit: TlsKit;
const servers: Listening[] = [];

beforeAll(async () => {
  kit = await openTlsKit();
});
afterAll(async () => {
  for (const server of servers.splice(0)) await server.close();
  kit.close();
});

async function opened(listening: Promise<Listening>): Promise<Listening> {
  const server = await listening;
  servers.push(server);
  return server;
}

function probe({ port }: Listening, tls: TlsFiles | undefined): Promise<string | undefined> {
  const link = { where: "the server", settings: "FRESHET_NATS_TLS", tls };
  return probeTls({ ...link, host: "localhost", port, timeoutMs: 500 });
}

const show = (pair: keyof Pick<TlsKit, "good" | "wrongName" | "expired">, mutual = false) =>
  opened(httpsServer({ kit, pair: kit[pair], mutual }, (_request, reply) => reply.end()));

describe("what TLS has against a server", () => {
  const files = (more?: Partial<TlsFiles>) => kit.files("FRESHET_NATS_TLS", more);

  it("is nothing where both sides fit", async () => {
    expect(await probe(await show("good"), files())).toBeUndefined();
    const { certFile, keyFile } = kit.client;
    expect(await probe(await show("good", true), files({ certFile, keyFile }))).toBeUndefined();
  });

  it("is a CA that signed something else, or none that is known", async () => {
    const sentence = /^the server shows a certificate of an unknown CA: .*FRESHET_NATS_TLS_CA_FILE/;
    const server = await show("good");
    expect(await probe(server, files({ caFile: kit.otherCaFile }))).toMatch(sentence);
    expect(await probe(server, files({ caFile: undefined }))).toMatch(sentence);
  });

  it("is a certificate for other names, unless that name was expected", async () => {
    const server = await show("wrongName");
    expect(await probe(server, files())).toMatch(
      /other names \(DNS:elsewhere\.example\).*FRESHET_NATS_TLS_SERVER_NAME/,
    );
    expect(await probe(server, files({ serverName: "elsewhere.example" }))).toBeUndefined();
  });

  it("is a certificate that has expired", async () => {
    expect(await probe(await show("expired"), files())).toMatch(/has expired: renew it/);
  });

  it("is the client certificate that is missing, or of another CA", async () => {
    const server = await show("good", true);
    expect(await probe(server, files())).toMatch(
      /wants a client certificate: set FRESHET_NATS_TLS_CERT_FILE and FRESHET_NATS_TLS_KEY_FILE/,
    );
    const { certFile, keyFile } = kit.strangeClient;
    expect(await probe(server, files({ certFile, keyFile }))).toMatch(
      /refuses the client certificate/,
    );
  });

  it("is plain text on one side only", async () => {
    expect(await probe(await opened(plainServer()), files())).toMatch(/plain text: turn TLS on/);
    expect(await probe(await show("good"), undefined)).toMatch(/asks for TLS/);
    expect(await probe(await opened(plainServer()), undefined)).toBeUndefined();
  });

  it("is a file that is not there, or no certificate", async () => {
    const server = await show("good");
    expect(await probe(server, files({ caFile: "/nowhere/ca.pem" }))).toBe(
      "FRESHET_NATS_TLS_CA_FILE: cannot read /nowhere/ca.pem (ENOENT)",
    );
    const { certFile } = kit.client;
    expect(await probe(server, files({ certFile, keyFile: kit.good.keyFile }))).toMatch(
      /do not belong together/,
    );
  });

  it("is nothing that TLS could know where there is no server", async () => {
    const server = await show("good");
    await server.close();
    expect(await probe(server, files())).toBeUndefined();
  });
});
