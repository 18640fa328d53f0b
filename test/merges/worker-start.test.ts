import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { whyOf } from "../../src/merges/temporal/worker-failure.ts";
import { compiledDirectory } from "../support/environment.ts";

const worker = fileURLToPath(new URL("../../src/merges/temporal/worker.ts", import.meta.url));
/**
 * Only what a start looks at before it fails: the profile, which is in no file. The workflows come
 * first; making their script anew would be three quarters of the test.
 */
const script = `
  const { startMergeWorker } = await import(${JSON.stringify(worker)});
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const clock = { monotonicMs: () => 0, nowMs: () => 0 };
  const profile = { name: "nobody", file: "/dev/null" };
  const bundleDir = ${JSON.stringify(compiledDirectory())};
  // As main.ts does: what is thrown is said, and nothing exits the process.
  const failed = (thrown) => {
    console.error(thrown.message);
    process.exitCode = 1;
  };
  const options = { address: "a:1", namespace: "n", profile, bundleDir, logger, clock };
  await startMergeWorker(options).catch(failed);
`;
const patientMs = 120_000;

it(
  "a merge worker whose start fails ends, so that what supervises it sees that",
  async () => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script]);
    let said = "";
    child.stderr.on("data", (piece: Buffer) => {
      said += piece.toString();
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), patientMs - 20_000);
    const [code] = await once(child, "close");
    clearTimeout(timer);
    expect(said).toContain("FRESHET_TEMPORAL_PROFILE: cannot use nobody of /dev/null");
    expect(code).toBe(1);
  },
  patientMs,
);

const place = { address: "temporal.example:7233", namespace: "merges" };

it("a merge worker without Temporal says why, and nothing that a vendor quotes", () => {
  const named = (name: string, more: object = {}) =>
    Object.assign(new Error("with-a-secret"), { name, ...more });
  const grpc = (code: number) => named("ServiceError", { code, details: "", metadata: {} });
  const said = [
    named("TransportError"),
    grpc(5),
    grpc(7),
    grpc(13),
    named("Error"),
    new FreshetError("temporal_unavailable", "the Temporal namespace lacks search attributes: A=B"),
    new Error("FRESHET_TEMPORAL_TLS_CA_FILE: cannot read /ca.pem (ENOENT)"),
  ].map((thrown) => whyOf(thrown, place));
  expect(said).toEqual([
    expect.stringMatching(/^temporal at temporal\.example:7233 does not answer/),
    expect.stringMatching(/has no namespace merges: .*FRESHET_TEMPORAL_NAMESPACE$/),
    "temporal at temporal.example:7233 refuses the credentials",
    undefined,
    undefined,
    "the Temporal namespace lacks search attributes: A=B",
    "FRESHET_TEMPORAL_TLS_CA_FILE: cannot read /ca.pem (ENOENT)",
  ]);
});
