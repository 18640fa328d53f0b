import { writeFileSync } from "node:fs";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TlsFiles } from "../../src/contract/links.ts";
import { connectTemporal, type TemporalOptions } from "../../src/merges/temporal/client.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { openTlsKit, type PairFiles, plainServer, type TlsKit } from "../support/tls-kit.ts";

let kit: TlsKit;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  kit = await openTlsKit();
});
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  kit.close();
});

/** As much of a frontend as a ping needs: it answers each call with an empty message. */
async function frontend(pair: PairFiles, mutual = false) {
  const seen: (string | undefined)[] = [];
  const asks = mutual ? { ca: kit.ca, requestCert: true, rejectUnauthorized: true } : {};
  const server: Http2SecureServer = createSecureServer({ ...pair, ...asks }, (request, reply) => {
    seen.push(request.headers.authorization);
    request.resume();
    reply.writeHead(200, { "content-type": "application/grpc" });

    reply.addTrailers({ "grpc-status": "0" });
    reply.write(Buffer.alloc(5));
    reply.end();
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { address: `localhost:${(server.address() as AddressInfo).port}`, seen };
}

async function ping(options: Partial<TemporalOptions> & { address: string }): Promise<void> {
  const client = connectTemporal({ namespace: "n", clock: systemClock, ...options });
  try {
    await client.ping();
  } finally {
    await client.close();
  }
}

const files = (more?: Partial<TlsFiles>) => kit.files("FRESHET_TEMPORAL_TLS", more);
const told = (asked: Promise<unknown>, why: RegExp) => expect(asked).rejects.toThrow(why);
const patientMs = 90_000;

describe("TLS to Temporal", () => {
  it("works with its CA, a client certificate, and a key that is read for each call", async () => {
    const { address, seen } = await frontend(kit.good, true);
    const { certFile, keyFile } = kit.client;
    await ping({ address, tls: files({ certFile, keyFile }), apiKey: () => "the-key" });
    expect(seen).toContain("Bearer the-key");
  });

  it("takes the name that the certificate should have", async () => {
    const { address } = await frontend(kit.wrongName);
    await ping({ address, tls: files({ serverName: "elsewhere.example" }) });
  });

  it("comes from a profile of Temporal's own configuration file as well", async () => {
    const { address, seen } = await frontend(kit.good);
    const file = join(kit.directory, "temporal.toml");
    writeFileSync(
      file,
      `[profile.prod]\naddress = "${address}"\nnamespace = "n"\napi_key = "of-the-profile"\n[profile.prod.tls]\nserver_ca_cert_path = "${kit.caFile}"\n`,
    );
    await ping({ address: "nowhere:1", profile: { name: "prod", file } });
    expect(seen).toContain("Bearer of-the-profile");
    await told(
      ping({ address: "nowhere:1", profile: { name: "other", file } }),
      /^FRESHET_TEMPORAL_PROFILE: cannot use other of /,
    );
  });

  // Side by side: a client tries again for some seconds before it says why it cannot.
  it.concurrent.each<
    [string, () => Promise<Partial<TemporalOptions> & { address: string }>, RegExp]
  >([
    [
      "a CA that signed something else",
      async () => ({ ...(await frontend(kit.good)), tls: files({ caFile: kit.otherCaFile }) }),
      /^temporal at localhost:\d+ shows a certificate of an unknown CA: .*FRESHET_TEMPORAL_TLS_CA_FILE/,
    ],
    [
      "a wrong name",
      async () => ({ ...(await frontend(kit.wrongName)), tls: files() }),
      /other names \(DNS:elsewhere\.example\).*FRESHET_TEMPORAL_TLS_SERVER_NAME/,
    ],
    [
      "an expired certificate",
      async () => ({ ...(await frontend(kit.expired)), tls: files() }),
      /has expired: renew it/,
    ],
    [
      "no client certificate",
      async () => ({ ...(await frontend(kit.good, true)), tls: files() }),
      /client certificate.*FRESHET_TEMPORAL_TLS_CERT_FILE/,
    ],
    [
      "plain text there",
      async () => {
        const server = await plainServer();
        closing.push(() => server.close());
        return { address: `localhost:${server.port}`, tls: files() };
      },
      /plain text: turn TLS on there/,
    ],
    ["plain text here", async () => frontend(kit.good), /asks for TLS: turn it on here/],
  ])(
    "refuses %s with a sentence that says what to do",
    async (_what, options, why) => told(ping(await options()), why),
    patientMs,
  );
});
