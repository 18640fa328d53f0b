/** What `freshet doctor` says of embed servers that listen, and of certificates in files. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkCertificates, judgeCertificate } from "../../src/cli/doctor/certificates.ts";
import { checkEmbedServers, judgeTogether } from "../../src/cli/doctor/embed-servers.ts";
import { readClientConfig } from "../../src/config/config.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { startEmbedHttp } from "../../src/gateway/embed-server.ts";
import type { HttpServer } from "../../src/gateway/http.ts";
import { createEmbeddingsHandler } from "../../src/gateway/openai/embeddings.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { openTlsKit, type TlsKit } from "../support/tls-kit.ts";

let tls: TlsKit;
let plain: HttpServer;
let secure: HttpServer;
const key = "a-key-of-embedding-0123";

beforeAll(async () => {
  tls = await openTlsKit();
  const embeddings = createEmbeddingsHandler({
    model: { name: "small", fingerprint: "f1", dimensions: 2, maxTokens: 8 },
    redacts: false,
    embed: async ({ texts }) => ({
      vectors: texts.map(() => Float32Array.of(1, 0)),
      tokens: texts.length,
    }),
  });
  const shared = {
    ...{ embeddings, log: silentLogger, metrics: createMetrics() },
    ...{ host: "127.0.0.1", port: 0 },
  };
  plain = await startEmbedHttp({ ...shared, credentials: {} });
  const { certFile, keyFile } = tls.good;
  const credentials = { apiKeys: () => new Map([[key, "embed" as never]]) };
  secure = await startEmbedHttp({ ...shared, credentials, tls: { certFile, keyFile } });
});
afterAll(async () => {
  await Promise.all([plain.close(), secure.close()]);
  tls.close();
});

const found = (env: Readonly<Record<string, string>>) =>
  checkEmbedServers({ config: readClientConfig(env), timeoutMs: 10_000 });

describe("an embed server", () => {
  it("is well where it says what it computes, in a pool and for another model", async () => {
    expect(await found({ FRESHET_EMBED_URL: `${plain.url}/v1` })).toMatchObject([
      { level: "ok", found: "small, 2 dimensions, f1" },
    ]);
    expect(await found({ FRESHET_EMBED_GENERATIONS: `small=${plain.url}/v1` })).toMatchObject([
      { level: "ok" },
    ]);
    expect(await found({ FRESHET_EMBED_GENERATIONS: `large=${plain.url}/v1` })).toMatchObject([
      { level: "fail", found: "computes small instead of large" },
    ]);
  });

  it("that an engine could not ask is a failure, though something answers there", async () => {
    expect(await found({ FRESHET_EMBED_URL: plain.url })).toMatchObject([
      { level: "fail", mend: expect.stringContaining("it ends with /v1") },
    ]);
    const overPlain = secure.url.replace("https:", "http:");
    expect(await found({ FRESHET_EMBED_URL: `${overPlain}/v1` })).toMatchObject([
      { level: "fail", found: "takes TLS", mend: "begin its address with https://" },
    ]);
  });

  it("whose TLS is not ours is told by the setting that helps, not by a start", async () => {
    const at = { FRESHET_EMBED_URL: `${secure.url}/v1`, FRESHET_EMBED_API_KEY: key };
    expect(await found(at)).toMatchObject([
      { level: "fail", mend: expect.stringContaining("FRESHET_EMBED_TLS_CA_FILE") },
    ]);
    const trusted = { ...at, FRESHET_EMBED_TLS_CA_FILE: tls.caFile };
    expect(await found(trusted)).toMatchObject([{ level: "ok" }]);
    const other = { ...trusted, FRESHET_EMBED_API_KEY: `${key}4` };
    expect(await found(other)).toMatchObject([
      { level: "fail", mend: "correct FRESHET_EMBED_API_KEY" },
    ]);
  });

  it("of another model than the others is a failure, of another precision a warning", () => {
    const [one, other] = [
      { model: "small", fingerprint: "f1" },
      { model: "small", fingerprint: "f2" },
    ];
    expect(judgeTogether([one, one])).toEqual([]);
    expect(judgeTogether([one, other])).toMatchObject([{ level: "warn" }]);
    expect(judgeTogether([one, { model: "large", fingerprint: "f3" }])).toMatchObject([
      { level: "fail", found: "compute with several models: small, large" },
    ]);
  });
});

describe("a certificate in a file", () => {
  const dayMs = 86_400_000;
  const year = { fromMs: 0, toMs: 365 * dayMs };

  it.each([
    [100, "ok"],
    [352, "warn"],
    [366, "fail"],
    [-1, "fail"],
  ] as const)("of a year is on day %i: %s", (day, level) => {
    expect(judgeCertificate("X", year, day * dayMs).level).toBe(level);
  });

  it("that lives for a day is not said to end soon while there is a quarter of it left", () => {
    const day = { fromMs: 0, toMs: dayMs };
    expect(judgeCertificate("X", day, 0.7 * dayMs).level).toBe("ok");
    expect(judgeCertificate("X", day, 0.8 * dayMs).level).toBe("warn");
  });

  it("is found by its setting, also where it is not there or has expired", () => {
    const { expired } = tls;
    const judged = checkCertificates(
      readClientConfig({
        FRESHET_EMBED_URL: "https://127.0.0.1:9/v1",
        FRESHET_EMBED_TLS_CERT_FILE: expired.certFile,
        FRESHET_EMBED_TLS_KEY_FILE: expired.keyFile,
        FRESHET_EMBED_TLS_CA_FILE: "/nowhere/ca.pem",
      }),
      Date.now(),
    );
    expect(judged).toMatchObject(
      [
        { what: "FRESHET_EMBED_TLS_CERT_FILE", level: "fail", found: /has expired/ },
        { what: "FRESHET_EMBED_TLS_CA_FILE", level: "fail", found: /is not there/ },
      ].map(({ found: says, ...rest }) => ({ ...rest, found: expect.stringMatching(says) })),
    );
  });
});
