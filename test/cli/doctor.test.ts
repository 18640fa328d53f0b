/** What the doctor makes of facts; its run against real servers is in doctor.servers.test.ts. */

import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { lineOf } from "../../src/cli/doctor/ask.ts";
import { checkFolders, checkKeys, checkModel, checkSecrets } from "../../src/cli/doctor/files.ts";
import { fail, findingLines, ok, warn, worst } from "../../src/cli/doctor/finding.ts";
import {
  isAtLeast,
  judgeClock,
  judgeCopies,
  judgeDisk,
  judgeNats,
  judgeShards,
  judgeTemporal,
  offsetByDate,
} from "../../src/cli/doctor/judge.ts";
import { checkQuotas, unknownSettings } from "../../src/cli/doctor/settings.ts";
import { readClientConfig } from "../../src/config/config.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { StreamFacts } from "../../src/contract/inspection.ts";

const folder = mkdtempSync(join(tmpdir(), "freshet-doctor-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stream: StreamFacts = {
  ...{ name: "DOCS", isThere: true, bytes: 10, bytesMax: 100, replicas: 1, partitions: 8 },
  differs: [],
};
const payload = { payloadBytesMax: 4_194_304, documentTextBytesMax: 262_144 };
const wanted = { partitions: 8, replicas: 1 };
const natsWith = (...streams: StreamFacts[]) =>
  judgeNats(
    {
      ...{ version: "2.15.1", ...payload },
      jetStream: { storedBytes: 1, storedBytesMax: -1 },
      streams,
      clockOffsetMs: 3,
    },
    wanted,
  );

describe("a fault of NATS", () => {
  it("is told in our words, not by the code of what they were made of", () => {
    const cause = Object.assign(new Error("TIMEOUT"), { code: "TIMEOUT" });
    const why = "nats at nats://a:1 refuses the connection: maximum connections exceeded";
    expect(lineOf(new FreshetError("log_unavailable", why, { cause }))).toBe(why);
    expect(lineOf(new Error("fetch failed", { cause }))).toBe("TIMEOUT");
  });
});

describe("collections of Weaviate", () => {
  it("of several copies are failures when they are Freshet's, and others are none of its business", () => {
    const withCopies = (name: string, factor: number) => ({
      ...{ class: name, replicationConfig: { factor, asyncEnabled: false } },
    });
    const classes = [
      withCopies("FreshetChunk", 3),
      withCopies("FreshetMarker_0123456789abcdef", 2),
      withCopies("FreshetMarker", 1),
      withCopies("Films", 3),
      { class: "FreshetChunk_fedcba9876543210" },
    ];
    expect(judgeCopies({ classes })).toMatchObject([
      {
        level: "fail",
        what: "collection FreshetChunk",
        found: expect.stringContaining("3 copies"),
      },
      { level: "fail", what: "collection FreshetMarker_0123456789abcdef" },
    ]);
    expect(judgeCopies({ error: "no schema" })).toEqual([]);
  });

  it("whose tenants Weaviate made read-only on a full disk are failures, with what ends it", () => {
    const shards = [
      { name: "acme", status: "READONLY", vectorQueueSize: 0 },
      { name: "globex", status: "READY" },
      { name: "initech", status: "READONLY" },
    ];
    expect(judgeShards("FreshetChunk", shards)).toMatchObject([
      {
        level: "fail",
        what: "collection FreshetChunk",
        found: expect.stringMatching(/^2 tenants .*acme/),
        mend: expect.stringContaining("restart Weaviate"),
      },
    ]);
    expect(judgeShards("FreshetChunk", shards.slice(1, 2))).toEqual([]);
    expect(judgeShards("FreshetChunk", { error: "no such collection" })).toEqual([]);
  });
});

describe("a version", () => {
  it.each([
    ["2.15.1", "2.15.0", true],
    ["2.9.30", "2.15.0", false],
    ["v24.12.0", "24.12.0", true],
    ["1.35.0-rc.1", "1.35.0", true],
    ["unknown", "1.0.0", false],
  ])("%s against %s", (own, least, is) => expect(isAtLeast(own, least)).toBe(is));
});

describe("NATS", () => {
  it("is well with streams as Freshet makes them", () => {
    expect(worst(natsWith(stream))).toBe("ok");
  });

  const wrongs: readonly [string, Partial<StreamFacts>, string][] = [
    ["is missing beside others", { isThere: false }, "fail"],
    ["is nearly full", { bytes: 96 }, "fail"],
    ["fills up", { bytes: 85 }, "warn"],
    ["has other partitions", { partitions: 16 }, "fail"],
    ["drops what is old", { differs: ['discard is "old" instead of "new"'] }, "fail"],
  ];
  it.each(wrongs)("with a stream that %s is %s", (_name, wrong, level) => {
    const findings = natsWith({ ...stream, name: "CHUNKS" }, { ...stream, ...wrong });
    expect(worst(findings)).toBe(level);
    expect(findings.find((one) => one.level === level)?.mend).toBeTruthy();
  });

  it("without JetStream, or without a log yet, says what to do", () => {
    const nothing = { version: "2.15.1", ...payload, streams: [], clockOffsetMs: undefined };
    expect(worst(judgeNats({ ...nothing, jetStream: undefined }, wanted))).toBe("fail");
    expect(worst(natsWith({ ...stream, isThere: false }))).toBe("warn");
  });

  it("of small messages is warned of, and of none that hold a document refused", () => {
    const facts = { version: "2.15.1", streams: [stream], clockOffsetMs: undefined };
    const jetStream = { storedBytes: 1, storedBytesMax: -1 };
    const of = (payloadBytesMax: number, documentTextBytesMax: number) =>
      worst(judgeNats({ ...facts, jetStream, payloadBytesMax, documentTextBytesMax }, wanted));
    expect([of(4_194_304, 262_144), of(1_048_576, 40_000), of(65_536, 0)]).toEqual([
      ...["ok", "warn", "fail"],
    ]);
  });
});

describe("Temporal", () => {
  const facts = { version: "1.29.1", namespace: "default", hasNamespace: true };
  it("wants its namespace, and a worker that polls", () => {
    const two = { workflows: 1, activities: 1 };
    expect(worst(judgeTemporal({ ...facts, pollers: two }))).toBe("ok");
    expect(worst(judgeTemporal({ ...facts, pollers: { ...two, activities: 0 } }))).toBe("warn");
    expect(worst(judgeTemporal({ ...facts, hasNamespace: false, pollers: two }))).toBe("fail");
  });
});

describe("a clock that is told by a reply's date", () => {
  const dateMs = 1_000_000;

  it("is not blamed for what the reply took, nor for whole seconds", () => {
    expect(offsetByDate({ dateMs, askedAtMs: dateMs - 4_000, answeredAtMs: dateMs + 20 })).toBe(0);
    expect(offsetByDate({ dateMs, askedAtMs: dateMs + 990, answeredAtMs: dateMs + 999 })).toBe(0);
  });

  it("is off by what no moment of the question explains", () => {
    const early = { dateMs, askedAtMs: dateMs + 7_000, answeredAtMs: dateMs + 7_010 };
    expect(offsetByDate(early)).toBe(-5_000);
    const late = { dateMs, askedAtMs: dateMs - 700, answeredAtMs: dateMs - 600 };
    expect(offsetByDate(late)).toBe(600);
  });
});

describe("settings", () => {
  it("that nothing reads are named with what was meant, others' variables are not", () => {
    const names = ["FRESHET_HTTP_PROT", "FRESHET_HTTP_PORT", "FRESHET_SKIP_INSTALL", "HTTP_PROT"];
    expect(unknownSettings(names)).toEqual([
      expect.objectContaining({
        level: "warn",
        what: "FRESHET_HTTP_PROT",
        mend: "did you mean FRESHET_HTTP_PORT?",
      }),
    ]);
    expect(unknownSettings(["FRESHET_NATS_CREDS_FLIE"])).toHaveLength(1);
    expect(unknownSettings(["FRESHET_WEAVIATE_METRICS_PORT", "FRESHET_SOURCE_SECRET_A"])).toEqual(
      [],
    );
  });

  it("that name a file of quotas which no engine would start with are failures", () => {
    const config = readClientConfig({ FRESHET_QUOTAS_FILE: "/nowhere/quotas.json" });
    expect(checkQuotas(config)).toEqual([
      expect.objectContaining({ level: "fail", what: "FRESHET_QUOTAS_FILE" }),
    ]);
    expect(checkQuotas(readClientConfig({}))).toEqual([]);
  });
});

describe("this machine", () => {
  it("has a clock and a disk that are judged by size", () => {
    expect([3, -600, 9_000].map((ms) => judgeClock("clock", ms).level)).toEqual([
      "ok",
      "warn",
      "fail",
    ]);
    const gib = 1024 ** 3;
    expect([50, 2, 0.1].map((free) => judgeDisk("disk", free * gib, 100 * gib).level)).toEqual([
      "ok",
      "warn",
      "fail",
    ]);
  });

  it("keeps its data folder and its secrets to itself, and says how to", async () => {
    chmodSync(folder, 0o755);
    const open = await checkFolders(folder, folder);
    expect(open[0]).toMatchObject({ level: "fail", mend: `chmod 700 ${folder}` });
    chmodSync(folder, 0o700);
    expect((await checkFolders(folder, folder))[0]).toMatchObject({ level: "ok" });
    const secret = join(folder, "receipt-key.pem");
    writeFileSync(secret, "x", { mode: 0o644 });
    const config = readClientConfig({});
    expect(await checkSecrets(config, folder)).toMatchObject([{ mend: `chmod 600 ${secret}` }]);
    chmodSync(secret, 0o600);
    expect(await checkSecrets(config, folder)).toMatchObject([{ level: "ok" }]);
  });

  it("has a model whose files are those that were installed", async () => {
    const config = readClientConfig({ FRESHET_MODEL_DIR: folder });
    expect(await checkModel(config)).toMatchObject([{ level: "fail" }]);
    for (const name of ["config.json", "tokenizer.json", "graph-fp32-1.onnx"]) {
      writeFileSync(join(folder, name), name);
      const sha256 = createHash("sha256").update(name).digest("hex");
      writeFileSync(join(folder, `${name}.stamp`), JSON.stringify({ sha256, bytes: 1 }));
    }
    expect(await checkModel(config)).toMatchObject([{ level: "ok" }]);
    writeFileSync(join(folder, "graph-fp32-1.onnx"), "bent");
    const [bent] = await checkModel(config);
    expect(bent).toMatchObject({
      level: "fail",
      found: expect.stringContaining("graph-fp32-1.onnx"),
    });
  });

  it("has keys that nobody needs on loopback, and a token beside keys", async () => {
    expect(await checkKeys(readClientConfig({}), 0)).toMatchObject([{ level: "ok" }]);
    const env = { FRESHET_API_KEYS: "a-secret-key-0123456789=acme" };
    const findings = await checkKeys(readClientConfig(env), 0);
    expect(worst(findings)).toBe("warn");
    expect(JSON.stringify(findings)).not.toContain("a-secret-key");
    const none = readClientConfig({ FRESHET_KEY_STORE: join(folder, "none.json") });
    expect(worst(await checkKeys(none, 0))).toBe("fail");
  });
});

it("prints a line for each finding, below it what to do, and counts them", () => {
  const lines = findingLines([
    ok("a", "well"),
    warn("bb", "so so", "look"),
    fail("c", "bad", "mend"),
  ]);
  expect(lines).toEqual([
    "ok    a   well",
    "warn  bb  so so",
    "          → look",
    "fail  c   bad",
    "          → mend",
    "1 ok, 1 warnings, 1 failures",
  ]);
});
