import { expect, it } from "vitest";
import { resolveAddresses, runFileFor } from "../../src/cli/addresses.ts";
import { readRunFile } from "../../src/cli/run-file.ts";

const run = {
  urls: { http: "http://127.0.0.1:1", nats: "nats://127.0.0.1:2" },
  temporal: { address: "127.0.0.1:3", namespace: "freshet" },
  weaviate: { url: "http://127.0.0.1:4", grpc: "127.0.0.1:5", api_key: "of-the-run" },
};

it("what runs here is used where nothing is configured, Weaviate too", () => {
  const { http, nats, temporal, weaviate } = resolveAddresses({}, {}, run);
  expect([http, nats, temporal.address, weaviate?.url, weaviate?.apiKey?.()]).toEqual([
    "http://127.0.0.1:1",
    "nats://127.0.0.1:2",
    "127.0.0.1:3",
    "http://127.0.0.1:4",
    "of-the-run",
  ]);
});

it("a configured Weaviate is not taken for that of the run", () => {
  const env = { FRESHET_WEAVIATE_URL: "http://127.0.0.1:9" };
  const { weaviate } = resolveAddresses({}, env, run);
  expect([weaviate?.url, weaviate?.apiKey]).toEqual(["http://127.0.0.1:9", undefined]);
});

it("a port that is set says nothing of TLS: a certificate, a CA or what runs there does", () => {
  const port = { FRESHET_HTTP_PORT: "8443" };
  const at = (env: Readonly<Record<string, string>>, http = run.urls.http) =>
    resolveAddresses({}, { ...port, ...env }, { ...run, urls: { ...run.urls, http } }).http;
  expect(at({})).toBe("http://127.0.0.1:8443");
  expect(at({ FRESHET_API_TLS_CA_FILE: "/ca.pem" })).toBe("https://127.0.0.1:8443");
  expect(at({}, "https://127.0.0.1:8443")).toBe("https://127.0.0.1:8443");
  expect(at({}, "https://127.0.0.1:8444")).toBe("http://127.0.0.1:8443");
});

it("a run of somebody else is named, unless it was said where things are", () => {
  const isHis = () => {
    throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
  };
  const read = (folder: string) => readRunFile(folder, isHis);
  const env = { FRESHET_DATA_DIR: "/srv/his" };
  expect(() => runFileFor({}, env, read)).toThrow(/^\/srv\/his\/run\.json .* not yours to read/);
  expect(runFileFor({ url: "http://127.0.0.1:1" }, env, read)).toBeUndefined();
  expect(runFileFor({}, { ...env, FRESHET_HTTP_PORT: "8787" }, read)).toBeUndefined();
  const isGone = () => {
    throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
  };
  expect(readRunFile("/srv/his", isGone)).toBeUndefined();
});
