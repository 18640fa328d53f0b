import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, readConfig } from "../../src/config/config.ts";
import { settings, settingsTable } from "../../src/config/settings.ts";

function complaints(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

const key = "0123456789abcdef";

describe("configuration", () => {
  it("is complete without any variable", () => {
    const config = readConfig({});
    expect(config.nats.url).toBe("nats://127.0.0.1:4222");
    expect(config.http).toEqual({ host: "127.0.0.1", port: 8787, hosts: [], mcpWrites: false });
    expect(config.partitions).toBe(8);
    expect(config.languageModels).toEqual([]);
    expect(config.node).toMatch(/-8787$/);
  });

  it("takes an empty variable for an unset one", () => {
    expect(readConfig({ FRESHET_HTTP_PORT: "  " }).http.port).toBe(8787);
  });

  it("says in one line for each bad value which variable, what is expected and what it got", () => {
    const lines = complaints({
      FRESHET_NATS_URL: "127.0.0.1:4222",
      FRESHET_HTTP_PORT: "99999",
      FRESHET_PARTITIONS: "1.5",
      FRESHET_LOG_LEVEL: "loud",
    });
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^FRESHET_NATS_URL: expected URLs that .*got "127\.0\.0\.1:4222"$/);
    expect(lines[1]).toMatch(/^FRESHET_HTTP_PORT: expected a whole number from 0 to 65535, got/);
    for (const line of lines) expect(line).not.toContain("\n");
  });

  it.each(["0", "-1", "1e3", " ", "2147483648000"])(
    "refuses %j partitions or takes the default",
    (value) => {
      if (value.trim() === "") expect(readConfig({ FRESHET_PARTITIONS: value }).partitions).toBe(8);
      else expect(complaints({ FRESHET_PARTITIONS: value })).toHaveLength(1);
    },
  );

  it("refuses to listen beyond loopback without keys, and does with them", () => {
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "1270.0.0.1"]) {
      const env = { FRESHET_HTTP_HOST: host, FRESHET_HTTP_PLAIN_TEXT: "anywhere" };
      expect(complaints(env)).toEqual([
        expect.stringMatching(
          /^FRESHET_HTTP_HOST is reachable from outside: set FRESHET_KEY_STORE/,
        ),
      ]);
      for (const opens of [
        { FRESHET_API_KEYS: `${key}=acme` },
        { FRESHET_KEY_STORE: "keys.json" },
        { FRESHET_OIDC_ISSUER: "https://issuer.example", FRESHET_OIDC_AUDIENCE: "freshet" },
      ]) {
        expect(complaints({ ...env, ...opens })).toEqual([]);
      }
    }
    for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
      expect(complaints({ FRESHET_HTTP_HOST: host })).toEqual([]);
    }
  });

  it("takes no issuer without the audience that its tokens must be meant for", () => {
    expect(complaints({ FRESHET_OIDC_ISSUER: "https://issuer.example" })).toEqual([
      expect.stringMatching(/^FRESHET_OIDC_AUDIENCE: /),
    ]);
  });

  it("reads keys with their tenants", () => {
    const { apiKeys } = readConfig({ FRESHET_API_KEYS: `${key}=acme, ${key}2=globex` }).http;
    expect([...(apiKeys?.() ?? [])]).toEqual([
      [key, "acme"],
      [`${key}2`, "globex"],
    ]);
  });

  it("takes a key with = in it, as base64 ends, and no key twice", () => {
    const { apiKeys } = readConfig({ FRESHET_API_KEYS: `${key}==acme` }).http;
    expect([...(apiKeys?.() ?? [])]).toEqual([[`${key}=`, "acme"]]);
    // The last tenant would silently get what was meant for the first.
    expect(complaints({ FRESHET_API_KEYS: `${key}=acme,${key}=globex` })).toHaveLength(1);
  });

  it("reads the operator's token and the deployment's names, and never repeats the token", () => {
    const { http } = readConfig({
      FRESHET_OPERATOR_TOKEN: "operator-token",
      FRESHET_HTTP_HOSTS: "freshet.example, freshet.internal",
    });
    expect(http.operatorToken?.()).toBe("operator-token");
    expect(http.hosts).toEqual(["freshet.example", "freshet.internal"]);
    const [line] = complaints({ FRESHET_OPERATOR_TOKEN: "two words" });
    expect(line).toMatch(/^FRESHET_OPERATOR_TOKEN: expected/);
    expect(line).not.toContain("words");
  });

  it.each([key, `${key}=`, `${key}=a.b`, "short=acme", `${key}=acme,`, `${key}=a=`])(
    "never repeats a key that it refuses: %s",
    (value) => {
      const lines = complaints({ FRESHET_API_KEYS: value });
      expect(lines).toHaveLength(1);
      expect(lines[0]).not.toContain("short");
      expect(lines[0]).not.toContain(key);
    },
  );

  it("wants the name of the model that an endpoint should run", () => {
    expect(complaints({ FRESHET_LLM_URL: "http://127.0.0.1:1/v1" })[0]).toMatch(
      /^FRESHET_LLM_MODEL:/,
    );
    expect(
      readConfig({ FRESHET_LLM_URL: "http://127.0.0.1:1/v1", FRESHET_LLM_MODEL: "m" })
        .languageModels,
    ).toMatchObject([{ url: "http://127.0.0.1:1/v1", name: "m", model: "m", apiKey: undefined }]);
  });

  it("embeds on the CPU in this process unless it is told otherwise", () => {
    expect(readConfig({}).embedding).toEqual({
      modelDir: undefined,
      graph: undefined,
      threads: undefined,
      remote: undefined,
      generations: new Map(),
      link: { apiKey: undefined, tls: undefined },
      provider: "cpu",
      fallback: "none",
      precision: "auto",
      dimensions: undefined,
    });
    const told = readConfig({
      FRESHET_EMBED_PROVIDER: "tensorrt",
      FRESHET_EMBED_PRECISION: "fp16",
      FRESHET_EMBED_URL: "http://127.0.0.1:1/v1",
      FRESHET_EMBED_API_KEY: "k",
      FRESHET_EMBED_DIMENSIONS: "1024",
    });
    expect(told.embedding).toMatchObject({
      provider: "tensorrt",
      precision: "fp16",
      dimensions: 1_024,
      remote: { url: "http://127.0.0.1:1/v1", model: undefined },
      link: { apiKey: expect.any(Function) },
    });
    for (const [name, value] of [
      ["FRESHET_EMBED_PROVIDER", "gpu"],
      ["FRESHET_EMBED_PRECISION", "int4"],
      ["FRESHET_EMBED_URL", "127.0.0.1:1"],
      ["FRESHET_EMBED_DIMENSIONS", "0"],
    ] as const) {
      expect(complaints({ [name]: value })).toEqual([expect.stringMatching(`^${name}: expected`)]);
    }
    const [line] = complaints({ FRESHET_EMBED_API_KEY: "hidden words" });
    expect(line).toMatch(/^FRESHET_EMBED_API_KEY: expected/);
    expect(line).not.toContain("hidden");
  });

  it("takes embed servers of each model that tenants are re-embedded by", () => {
    const servers = "bge=http://a:1/v1, http://b:2/v1;e5=nats:freshet.embed.e5";
    const { generations } = readConfig({ FRESHET_EMBED_GENERATIONS: servers }).embedding;
    expect([...generations]).toEqual([
      ["bge", { url: "http://a:1/v1,http://b:2/v1" }],
      ["e5", { subject: "freshet.embed.e5" }],
    ]);
    const wrong = [
      "bge",
      "bge=",
      "bge=ftp://a",
      "../bge=http://a",
      "e5=nats:*",
      "b=nats:a;b=nats:c",
    ];
    for (const value of wrong) {
      expect(complaints({ FRESHET_EMBED_GENERATIONS: value })).toEqual([
        expect.stringContaining("FRESHET_EMBED_GENERATIONS: expected model=address pairs"),
      ]);
    }
  });

  it("reads the weights of tenants, and refuses what is no share", () => {
    expect(readConfig({}).tenantWeights).toEqual(new Map());
    const { tenantWeights } = readConfig({ FRESHET_TENANT_WEIGHTS: "acme=3, globex=100" });
    expect([...tenantWeights]).toEqual([
      ["acme", 3],
      ["globex", 100],
    ]);
    for (const value of ["acme", "acme=0", "acme=101", "acme=1.5", "a.b=1", "a=1=2", "a=1,"]) {
      expect(complaints({ FRESHET_TENANT_WEIGHTS: value })).toHaveLength(1);
    }
    expect(complaints({ FRESHET_TENANT_WEIGHTS: "acme=1,acme=2" })).toHaveLength(1);
  });

  it("describes every setting in one table row", () => {
    const rows = settingsTable().split("\n").slice(2);
    expect(rows).toHaveLength(Object.keys(settings).length);
    for (const row of rows)
      expect(row).toMatch(/^\| `(FRESHET|OTEL)_[A-Z_]+` \| (`.+`)? \| .+ \|$/);
  });

  it("is documented by the guide's table, word for word", () => {
    const path = join(import.meta.dirname, "../../ops/guides/configuration.md");
    const guide = readFileSync(path, "utf8");
    const rows = guide.split("\n").filter((line) => /^\| `(FRESHET|OTEL)_/.test(line));
    expect(rows).toEqual(settingsTable().split("\n").slice(2));
  });

  it("has defaults that its own schemas accept", () => {
    for (const { fallback, schema } of Object.values(settings)) {
      if (fallback !== undefined) expect(schema.safeParse(fallback).success).toBe(true);
    }
  });
});
