/** `freshet doctor` as a process: beside real servers, and where nothing answers. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type Environment, openSite, type Site } from "../support/engine-process.ts";
import { inheritedEnvironment } from "../support/environment.ts";
import { runCommand } from "../support/run-freshet.ts";

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

interface Report {
  readonly level: string;
  readonly findings: readonly {
    readonly level: string;
    readonly what: string;
    readonly found: string;
  }[];
}

async function doctor(env: Environment, ...flags: readonly string[]) {
  const run = runCommand(["doctor", "--json", ...flags], env);
  const code = await run.ended;
  return { code, report: JSON.parse(run.stdout()) as Report, said: run.stdout() + run.stderr() };
}

it("finds the log, the namespace and Weaviate of a site, and who polls for merges", async () => {
  const { report } = await doctor(site.env, "--timeout", "30");
  const levelOf = (what: string) => report.findings.find((one) => one.what === what)?.level;
  expect(levelOf("NATS")).toBe("ok");
  expect(levelOf("stream DOCS")).toBe("ok");
  expect(levelOf("clock of NATS")).toBe("ok");
  expect(levelOf("Temporal")).toBe("ok");
  // A worker of another test may have polled the namespace a moment ago.
  expect(["ok", "warn"]).toContain(levelOf("merge workers"));
  expect(levelOf("Weaviate")).toBe("ok");
  expect(levelOf("Weaviate gRPC")).toBe("ok");
  expect(levelOf("settings")).toBe("ok");
});

it("reaches servers of this machine past the proxy of the shell", async () => {
  const nowhere = "http://127.0.0.1:9";
  const env = { ...site.env, http_proxy: nowhere, HTTPS_PROXY: nowhere, NO_PROXY: "" };
  const { report } = await doctor(env, "--timeout", "30");
  const failed = report.findings.filter(({ level }) => level === "fail");
  expect(failed.map(({ what }) => what)).not.toContain("Temporal");
  expect(failed.map(({ what }) => what)).not.toContain("Weaviate gRPC");
});

it.each(["nobody", "another program"])("names Weaviate's gRPC where %s answers it", async (who) => {
  const rest = new URL(site.env["FRESHET_WEAVIATE_URL"] ?? "").host;
  const FRESHET_WEAVIATE_GRPC = who === "nobody" ? "127.0.0.1:9" : rest;
  const { code, report } = await doctor({ ...site.env, FRESHET_WEAVIATE_GRPC }, "--timeout", "30");
  const failed = report.findings.filter(({ level }) => level === "fail");
  expect(failed).toContainEqual(
    expect.objectContaining({
      what: "Weaviate gRPC",
      found: expect.stringContaining(FRESHET_WEAVIATE_GRPC),
    }),
  );
  expect(code).toBe(1);
});

it("comes to its end where nothing answers, names each wrong setting, and shows no secret", async () => {
  const secret = "a-secret-that-nobody-sees";
  const { code, report, said } = await doctor(
    {
      ...inheritedEnvironment(),
      FRESHET_NATS_URL: "nats://127.0.0.1:9",
      FRESHET_TEMPORAL_ADDRESS: "127.0.0.1:9",
      FRESHET_WEAVIATE_URL: "http://127.0.0.1:9",
      FRESHET_WEAVIATE_API_KEY: secret,
      FRESHET_EMBED_URL: "http://user:a-secret-that-nobody-sees@127.0.0.1:9/v1",
      FRESHET_API_KEYS: `${secret}`,
      FRESHET_MERGE_AGE_MS: "soon",
    },
    "--timeout",
    "2",
  );
  expect(code).toBe(1);
  expect(report.level).toBe("fail");
  const failed = report.findings.filter(({ level }) => level === "fail").map(({ what }) => what);
  for (const what of ["NATS", "Temporal", "Weaviate", "FRESHET_API_KEYS", "FRESHET_MERGE_AGE_MS"]) {
    expect(failed).toContain(what);
  }
  expect(said).not.toContain(secret);
});
