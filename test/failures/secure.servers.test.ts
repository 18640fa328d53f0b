/** `ops/start --secure`: the whole run with TLS and keys, and what its real servers refuse. */
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JobReport } from "../../ops/main-job/report.ts";
import { makeAuthority } from "../../ops/servers/certificates.ts";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { freePort } from "../../ops/servers/ports.ts";
import { resolveAddresses } from "../../src/cli/addresses.ts";
import { connectAudit, connectMerges } from "../../src/cli/connect.ts";
import { connectEngine } from "../../src/cli/http-client.ts";
import { Connection } from "../../src/cold/weaviate-connection.ts";
import { readClientConfig } from "../../src/config/config.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type Run, runStart } from "../support/run-freshet.ts";

const demo = tenantId("demo");
let folder: string;
let dataDir: string;
let otherCa: string;
let run: Run;
let env: Record<string, string>;
let report: JobReport;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "freshet-secure-"));
  const corpus = join(folder, "corpus");
  mkdirSync(corpus);
  const pages = {
    ferry: "The ferry leaves at 07:40 from pier three.",
    lamp: "The lamp is lit at six.",
    bread: "The bakery sells rye bread on Tuesdays.",
  };
  for (const [name, text] of Object.entries(pages)) {
    writeFileSync(join(corpus, `${name}.md`), `# The island's ${name}\n\n${text}`);
  }
  dataDir = join(folder, "data");
  otherCa = join(folder, "other-ca.pem");
  writeFileSync(otherCa, (await makeAuthority("another CA")).cert);
  const file = join(folder, "report.json");
  run = runStart(["--secure", "--corpus", corpus, "--report", file], {
    ...plainEnvironment(process.env),
    ...pathsOf(process.env),
    FRESHET_DATA_DIR: dataDir,
    // The default one may be that of another file's run.
    FRESHET_HTTP_PORT: String(await freePort()),
    // No model: answers are made of the sources.
    FRESHET_LLM_URL: "http://127.0.0.1:9/v1",
    FRESHET_LLM_MODEL: "none",
    FRESHET_SKIP_INSTALL: "1",
    // As on a machine behind a proxy: its CA is not Weaviate's.
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: otherCa,
  });
  await run.says(/running; Ctrl-C stops everything/);
  report = JSON.parse(readFileSync(file, "utf8"));
  env = exportsIn(readFileSync(join(dataDir, "secure", "environment"), "utf8"));
});

afterAll(async () => {
  run.signalGroup("SIGINT");
  expect(await run.ended).toBe(0);
  rmSync(folder, { recursive: true, force: true });
});

const pathsOf = ({ FRESHET_CACHE_DIR }: NodeJS.ProcessEnv) =>
  FRESHET_CACHE_DIR === undefined ? {} : { FRESHET_CACHE_DIR };

function exportsIn(text: string): Record<string, string> {
  const lines = [...text.matchAll(/^export (\w+)=(".*")$/gm)];
  return Object.fromEntries(lines.map(([, name, value = '""']) => [name, JSON.parse(value)]));
}

/** What `freshet` finds beside the run, with some of its settings changed. */
const addresses = (changed: Readonly<Record<string, string>> = {}) =>
  resolveAddresses({}, { ...env, ...changed });
const without = { FRESHET_NATS_TLS_CERT_FILE: "", FRESHET_NATS_TLS_KEY_FILE: "" };

async function toNats(changed: Readonly<Record<string, string>>) {
  const { audit, close } = await connectAudit(addresses(changed), 5_000);
  const holdings = await audit.holdings();
  await close();
  return holdings;
}

async function toTemporal(changed: Readonly<Record<string, string>>) {
  const client = await connectMerges(addresses(changed));
  await client.close();
}

const toHttp = (changed: Readonly<Record<string, string>>) =>
  connectEngine(addresses(changed), demo).status(new AbortController().signal);

/** What came of a search over REST and gRPC, and what the log says a moment later. */
async function toWeaviate(changed: Readonly<Record<string, string>>) {
  const lines: string[] = [];
  const write = (_fields: object, message: string) => void lines.push(message);
  const logger = { debug: write, info: write, warn: write, error: write };
  const { weaviate } = readClientConfig({ ...env, ...changed });
  const connection = new Connection({ ...weaviate, logger, clock: systemClock });
  try {
    const found = await connection.run(async (client) => {
      const [collection] = await client.collections.listAll();
      return collection !== undefined && client.collections.exists(collection.name);
    });
    return { failure: "none", found, lines };
  } catch (thrown) {
    return { failure: String(thrown), found: false, lines };
  } finally {
    connection.close();
  }
}

describe("a run with TLS and keys on every link", () => {
  it("answers with sources, from memory and from the cold shard", () => {
    expect(report.visible).toBe(3);
    expect(report.merged_chunks).toBeGreaterThan(0);
    expect(report.questions.length).toBeGreaterThan(0);
    for (const { expected_found, sources } of report.questions) {
      expect(expected_found).toBe(true);
      expect(sources.length).toBeGreaterThan(0);
    }
    expect(report.urls.http).toMatch(/^https:/);
    expect(report.urls.nats).toMatch(/^tls:/);
  });

  it("keeps what it made to its owner, and no key of the CA", () => {
    const directory = join(dataDir, "secure");
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).mode & 0o077, name).toBe(0);
      expect(name).not.toBe("ca.key");
    }
  });

  it("writes down who did what", async () => {
    expect((await toNats({}))?.lastSeq).toBeGreaterThan(0);
  });
});

describe("NATS of a secure run refuses", () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ["another CA", { FRESHET_NATS_TLS_CA_FILE: "OTHER" }, /unknown CA/],
    ["a client without a certificate", without, /client certificate.*FRESHET_NATS_TLS_CERT_FILE/],
    [
      "a wrong password",
      { FRESHET_NATS_PASSWORD: "wrong", FRESHET_NATS_PASSWORD_FILE: "" },
      /refuses the credentials/,
    ],
  ])("%s", async (_name, changed, why) => {
    await expect(toNats(filled(changed))).rejects.toThrow(why);
  });
});

describe("Temporal behind its front refuses", () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ["another CA", { FRESHET_TEMPORAL_TLS_CA_FILE: "OTHER" }, /unknown CA/],
    [
      "a client without a certificate",
      { FRESHET_TEMPORAL_TLS_CERT_FILE: "", FRESHET_TEMPORAL_TLS_KEY_FILE: "" },
      /client certificate.*FRESHET_TEMPORAL_TLS_CERT_FILE/,
    ],
    [
      "plain text",
      {
        FRESHET_TEMPORAL_TLS_CERT_FILE: "",
        FRESHET_TEMPORAL_TLS_KEY_FILE: "",
        FRESHET_TEMPORAL_TLS_CA_FILE: "",
      },
      /asks for TLS|no Temporal answers/,
    ],
  ])("%s", async (_name, changed, why) => {
    await expect(toTemporal(filled(changed))).rejects.toThrow(why);
  });

  it("nobody who has both", async () => {
    await toTemporal({});
  });
});

describe("Weaviate of a secure run refuses", () => {
  it("another CA, with a sentence in the log, and a wrong key", async () => {
    const stranger = await toWeaviate(filled({ FRESHET_WEAVIATE_TLS_CA_FILE: "OTHER" }));
    expect(stranger.failure).toMatch(/Weaviate does not answer/);
    const timeout = 2 * limits.tlsProbeMs;
    await expect.poll(() => stranger.lines.join(), { timeout }).toMatch(/unknown CA/);
    const wrong = { FRESHET_WEAVIATE_API_KEY_FILE: "", FRESHET_WEAVIATE_API_KEY: "wrong" };
    expect((await toWeaviate(wrong)).failure).not.toBe("none");
    expect(await toWeaviate({})).toMatchObject({ failure: "none", found: true });
  });

  it("plain text, on both of its ports", async () => {
    const { weaviate } = readClientConfig(env);
    await expect(fetch(`http://${new URL(weaviate.url).host}/v1/meta`)).resolves.toMatchObject({
      ok: false,
    });
    const plain = connect(`http://${weaviate.grpc}`);
    await expect(once(plain, "connect").then(() => once(plain, "close"))).resolves.toBeDefined();
  });
});

describe("HTTP of a secure run refuses", () => {
  it("another CA, a caller without a key, and plain text", async () => {
    await expect(toHttp(filled({ FRESHET_API_TLS_CA_FILE: "OTHER" }))).rejects.toThrow(
      /unknown CA|certificate/,
    );
    await expect(toHttp({ FRESHET_API_KEY_FILE: "" })).rejects.toThrow(/key|unauthorized/i);
    const plain = report.urls.http.replace("https:", "http:");
    const told = await fetch(`${plain}/healthz`);
    expect([told.status, await told.text()]).toEqual([400, expect.stringContaining("https://")]);
    expect(await toHttp({})).toMatchObject({ ready: true });
  });
});

const filled = (changed: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(changed).map(([name, value]) => [name, value === "OTHER" ? otherCa : value]),
  );
