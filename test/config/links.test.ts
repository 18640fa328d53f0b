import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ConfigError, readClientConfig, readConfig } from "../../src/config/config.ts";
import { secretFromFile } from "../../src/config/secrets.ts";
import { settings } from "../../src/config/settings.ts";

const directory = mkdtempSync(join(tmpdir(), "freshet-secrets-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function fileWith(text: string): string {
  files += 1;
  const file = join(directory, `secret-${files}`);
  writeFileSync(file, text);
  return file;
}

function complaints(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

const userSeed = `SU${"A".repeat(56)}`;

describe("a secret in a file", () => {
  it("is read without the line end that editors add", () => {
    const config = readConfig({ FRESHET_WEAVIATE_API_KEY_FILE: fileWith("the-key\n") });
    expect(config.weaviate.apiKey?.()).toBe("the-key");
  });

  it("is read again when it has changed, and kept while it is broken (KF1, KF2)", () => {
    const file = fileWith("first");
    let nowMs = 0;
    const schema = z.string().regex(/^[a-z]+$/);
    const secret = secretFromFile({ name: "X", schema, file, nowMs: () => nowMs });
    expect(secret()).toBe("first");
    writeFileSync(file, "second");
    expect(secret()).toBe("first");
    nowMs += 1_000;
    expect(secret()).toBe("second");
    writeFileSync(file, "NOT ALLOWED");
    nowMs += 1_000;
    expect(secret()).toBe("second");
    rmSync(file);
    nowMs += 1_000;
    expect(secret()).toBe("second");
    writeFileSync(file, "third");
    nowMs += 1_000;
    expect(secret()).toBe("third");
  });

  it("is read again also where the new one has its size, inode and time of change", async () => {
    const file = fileWith("first");
    const builtAt = new Date("2026-01-01T00:00:00Z");
    utimesSync(file, builtAt, builtAt);
    let nowMs = 0;
    const secret = secretFromFile({ name: "X", schema: z.string(), file, nowMs: () => nowMs });
    expect(secret()).toBe("first");
    const before = statSync(file).ctimeMs;
    await expect
      .poll(() => {
        writeFileSync(file, "other");
        utimesSync(file, builtAt, builtAt);
        return statSync(file).ctimeMs;
      })
      .toBeGreaterThan(before);
    nowMs += 1_000;
    expect(secret()).toBe("other");
  });

  it("of API keys brings new tenants without a restart", async () => {
    const file = fileWith("0123456789abcdef=acme");
    const { apiKeys } = readConfig({ FRESHET_API_KEYS_FILE: file }).http;
    expect([...(apiKeys?.().values() ?? [])]).toEqual(["acme"]);
    writeFileSync(file, "0123456789abcdef=acme,fedcba9876543210=globex");
    await expect
      .poll(() => [...(apiKeys?.().values() ?? [])], { timeout: 5_000 })
      .toEqual(["acme", "globex"]);
  });

  it("that cannot be read ends an engine's start with its name, and never with its content", () => {
    expect(complaints({ FRESHET_LLM_API_KEY_FILE: "/nowhere/key" })).toEqual([
      "FRESHET_LLM_API_KEY_FILE: cannot read /nowhere/key (ENOENT)",
    ]);
    const [line] = complaints({ FRESHET_OPERATOR_TOKEN_FILE: fileWith("two words") });
    expect(line).toMatch(/^FRESHET_OPERATOR_TOKEN_FILE: .* should hold/);
    expect(line).not.toContain("words");
  });

  it("that the command line does not need may be unreadable to it", () => {
    const config = readClientConfig({ FRESHET_REDACTION_KEY_FILE: "/nowhere/key" });
    expect(() => config.redactionKey?.()).toThrow(/^FRESHET_REDACTION_KEY_FILE: cannot read/);
  });
});

describe("links that make no sense", () => {
  const cert = () => fileWith("pem");

  it.each<[string, () => Readonly<Record<string, string>>]>([
    [
      "FRESHET_NATS_TOKEN_FILE: FRESHET_NATS_TOKEN is set as well",
      () => ({ FRESHET_NATS_TOKEN: "t", FRESHET_NATS_TOKEN_FILE: cert() }),
    ],
    ["FRESHET_NATS_TLS_KEY_FILE: set it too", () => ({ FRESHET_NATS_TLS_CERT_FILE: cert() })],
    ["FRESHET_HTTP_TLS_CERT_FILE: set it too", () => ({ FRESHET_HTTP_TLS_KEY_FILE: cert() })],
    [
      "FRESHET_NATS_TOKEN: FRESHET_NATS_CREDS_FILE is set as well",
      () => ({ FRESHET_NATS_CREDS_FILE: cert(), FRESHET_NATS_TOKEN: "t" }),
    ],
    [
      "FRESHET_NATS_REPLY_NKEY_SEED: FRESHET_NATS_REPLY_CREDS_FILE is set as well",
      () => ({ FRESHET_NATS_REPLY_CREDS_FILE: cert(), FRESHET_NATS_REPLY_NKEY_SEED: userSeed }),
    ],
    [
      "FRESHET_NATS_REPLY_CREDS_FILE: cannot read",
      () => ({ FRESHET_NATS_REPLY_CREDS_FILE: "/no" }),
    ],
    ["FRESHET_NATS_USER: set it too", () => ({ FRESHET_NATS_PASSWORD: "p" })],
    ["FRESHET_NATS_PASSWORD_FILE: set it too", () => ({ FRESHET_NATS_USER: "u" })],
    [
      "FRESHET_WEAVIATE_URL: FRESHET_WEAVIATE_TLS_* is set",
      () => ({ FRESHET_WEAVIATE_TLS_CA_FILE: cert() }),
    ],
    [
      "FRESHET_WEAVIATE_GRPC: 1 of them, and 2 in FRESHET_WEAVIATE_URL",
      () => ({ FRESHET_WEAVIATE_URL: "http://a:8080,http://b:8080" }),
    ],
    [
      "FRESHET_WEAVIATE_URL: all start with https://, or none does",
      () => ({
        FRESHET_WEAVIATE_URL: "http://a:8080,https://b:8080",
        FRESHET_WEAVIATE_GRPC: "a:50051,b:50051",
      }),
    ],
    [
      "FRESHET_TEMPORAL_TLS: set it to on",
      () => ({ FRESHET_TEMPORAL_API_KEY: "k", FRESHET_TEMPORAL_TLS: "off" }),
    ],
    [
      "FRESHET_TEMPORAL_TLS: it is off and FRESHET_TEMPORAL_TLS_* is set",
      () => ({ FRESHET_TEMPORAL_TLS: "off", FRESHET_TEMPORAL_TLS_CA_FILE: cert() }),
    ],
    [
      "FRESHET_HTTP_TLS_CERT_FILE: set it too, FRESHET_HTTP_TLS_CLIENT_CA_FILE is of no use alone",
      () => ({ FRESHET_HTTP_TLS_CLIENT_CA_FILE: cert() }),
    ],
    [
      "FRESHET_OIDC_ISSUER: set it too, FRESHET_OIDC_AUDIENCE is of no use alone",
      () => ({ FRESHET_OIDC_AUDIENCE: "freshet" }),
    ],
    [
      "FRESHET_NATS_TLS_CA_FILE: cannot read /nowhere/ca.pem (ENOENT)",
      () => ({ FRESHET_NATS_TLS_CA_FILE: "/nowhere/ca.pem" }),
    ],
  ])("are refused by name: %s", (sentence, env) => {
    expect(complaints(env())).toEqual([expect.stringContaining(sentence)]);
  });

  it.each(Object.keys(settings))("say one line for each junk value of %s, and end", (name) => {
    const junk = ["", "junk", "-1", "a b", "://", "http://", "http://a,http://b", ",", "\u0000"];
    for (const value of [...junk, "x".repeat(9_000)]) {
      // Anything but a ConfigError fails here.
      const lines = complaints({ [name]: value });
      for (const line of lines) expect(line).toMatch(/^(FRESHET|OTEL)_\w+(: | is )./);
      expect(new Set(lines.map((line) => line.split(/\W/, 1)[0])).size).toBe(lines.length);
    }
  });

  it.each([
    ["FRESHET_WEAVIATE_URL", "weaviate.example:8080"],
    ["FRESHET_WEAVIATE_GRPC", "weaviate.example"],
    ["FRESHET_WEAVIATE_GRPC", "weaviate.example:99999"],
    ["FRESHET_TEMPORAL_ADDRESS", "temporal.example:0"],
    ["FRESHET_RERANK_URL", "http://a.example,http://b.example"],
    ["FRESHET_PARSER_URL", "http://me:hunter2@parser.example"],
    ["FRESHET_EMBED_URL", "http://me:hunter2@embed.example"],
    ["FRESHET_NATS_URL", "nats://a.example,http://b.example"],
    ["FRESHET_LLM_API_KEY", "two\nlines"],
    ["FRESHET_WEAVIATE_API_KEY", "kö"],
  ])("refuse %s=%s at the start, not when it is used", (name, value) => {
    const lines = complaints({ [name]: value });
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^${name}: expected `))]);
    expect(lines[0]).not.toContain("hunter2");
  });

  it("take several servers of NATS, those after the first also without a scheme", () => {
    const { nats } = readConfig({ FRESHET_NATS_URL: "nats://a:4222, b:4222" });
    expect(nats.url).toBe("nats://a:4222,nats://b:4222");
  });

  it("take a token of an identity provider as the key of the command line", () => {
    const token = `eyJ${"a".repeat(2_500)}.${"b".repeat(400)}`;
    expect(readClientConfig({ FRESHET_API_KEY: token }).api.key?.()).toBe(token);
  });

  it("say nothing of what is missing where it is there and wrong", () => {
    const oidc = { FRESHET_OIDC_ISSUER: "id.example", FRESHET_OIDC_AUDIENCE: "freshet" };
    expect(complaints(oidc)).toEqual([
      expect.stringContaining("FRESHET_OIDC_ISSUER: expected one"),
    ]);
  });

  it("hold a password in a URL, which is never repeated", () => {
    const [line] = complaints({ FRESHET_NATS_URL: "nats://me:hunter2@nats.example:4222" });
    expect(line).toMatch(/^FRESHET_NATS_URL: .*FRESHET_NATS_USER/);
    expect(line).not.toContain("hunter2");
  });
});

describe("TLS of a link", () => {
  it("is a must for tls:// and with any TLS setting, and not asked for otherwise", () => {
    const tlsOf = (env: Readonly<Record<string, string>>) => readConfig(env).nats.tls;
    expect(tlsOf({})).toBeUndefined();
    expect(tlsOf({ FRESHET_NATS_URL: "tls://nats.example" })).toBeDefined();
    expect(tlsOf({ FRESHET_NATS_TLS_FIRST: "on" })).toBeDefined();
    expect(tlsOf({ FRESHET_NATS_TLS_SERVER_NAME: "nats" })?.serverName).toBe("nats");
  });

  it("is on for Temporal with a key, and what its switch says otherwise", () => {
    const tlsOf = (env: Readonly<Record<string, string>>) => readConfig(env).temporal.tls;
    expect(tlsOf({})).toBeUndefined();
    expect(tlsOf({ FRESHET_TEMPORAL_API_KEY: "k" })).toBeDefined();
    expect(tlsOf({ FRESHET_TEMPORAL_TLS: "on" })).toBeDefined();
    const caFile = fileWith("pem");
    expect(tlsOf({ FRESHET_TEMPORAL_TLS_CA_FILE: caFile })?.caFile).toBe(caFile);
  });

  it("is a must for HTTP off loopback, unless a proxy does it", () => {
    const open = {
      FRESHET_HTTP_HOST: "0.0.0.0",
      FRESHET_API_KEYS: "0123456789abcdef=acme",
    };
    expect(complaints(open)).toEqual([
      expect.stringMatching(/^FRESHET_HTTP_TLS_CERT_FILE: .*FRESHET_HTTP_PLAIN_TEXT=anywhere$/),
    ]);
    expect(complaints({ ...open, FRESHET_HTTP_PLAIN_TEXT: "anywhere" })).toEqual([]);
    const pair = {
      FRESHET_HTTP_TLS_CERT_FILE: fileWith("pem"),
      FRESHET_HTTP_TLS_KEY_FILE: fileWith("pem"),
    };
    expect(complaints({ ...open, ...pair })).toEqual([]);
  });
});
