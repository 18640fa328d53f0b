import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { fromFailure, toApplicationFailure } from "../../src/merges/temporal/failures.ts";
import { startMergeWorker } from "../../src/merges/temporal/worker.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { acme, createWorld } from "../activities/world.ts";
import { compiledDirectory } from "../support/environment.ts";
import { testSigner } from "../support/signer.ts";

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function options() {
  const address = `127.0.0.1:${await closedPort()}`;
  return { address, namespace: "freshet", clock: systemClock, logger: silentLogger };
}

describe("without Temporal", () => {
  it("every request fails with temporal_unavailable, and the client still closes", async () => {
    const client = connectTemporal(await options());
    const unavailable = { code: "temporal_unavailable", retryable: true };
    // Each waits for its own deadline; together they take no longer than one.
    await Promise.all([
      expect(client.ping()).rejects.toMatchObject(unavailable),
      expect(client.due(acme, "size")).rejects.toMatchObject(unavailable),
      expect(client.progress(acme)).rejects.toMatchObject(unavailable),
    ]);
    await client.close();
  });

  it("a worker keeps trying and can be shut down (MW1)", async () => {
    const lines: string[] = [];
    const logger = { ...silentLogger, warn: (_: unknown, message: string) => lines.push(message) };
    const { log, cold, ports } = createWorld();
    const { metrics } = ports;
    const worker = await startMergeWorker({
      sign: testSigner,
      ...{ ...(await options()), logger, log, cold, metrics },
      bundleDir: compiledDirectory(),
    });
    const running = worker.run();
    while (!lines.some((line) => line.includes("trying again"))) await systemClock.sleep(20);
    await worker.shutdown();
    await running;
  });

  it("a link to a workflow leads to its tenant", async () => {
    const client = connectTemporal(await options());
    expect(client.workflowUrl(acme, "http://127.0.0.1:8233/")).toBe(
      "http://127.0.0.1:8233/namespaces/freshet/workflows/merge%2Facme",
    );
    await client.close();
  });
});

describe("failures", () => {
  it("carry the code there and back", () => {
    const failure = toApplicationFailure(new FreshetError("cold_unavailable"));
    expect(failure.nextRetryDelay).toBeUndefined();
    // What only waits for others looks as often at first as later.
    const waiting = toApplicationFailure(new FreshetError("not_ready"));
    expect(waiting).toMatchObject({ nextRetryDelay: limits.eraseLookEveryMs });
    expect(failure).toMatchObject({ type: "cold_unavailable", nonRetryable: false });
    const outer = new Error("activity failed", { cause: failure });
    expect(fromFailure(outer)?.code).toBe("cold_unavailable");
    expect(fromFailure(new Error("other"))).toBeUndefined();
  });

  it.each(["broken_chain", "log_identity", "internal"] as const)(
    "of kind %s are not tried again as they are: the workflow decides",
    (code) => {
      expect(toApplicationFailure(new FreshetError(code)).nonRetryable).toBe(true);
    },
  );

  it("drop the text of unknown errors, which may quote a document (I10)", () => {
    const failure = toApplicationFailure(new TypeError("cannot parse: secret text"));
    expect(JSON.stringify([failure.message, failure.details, failure.cause])).not.toContain(
      "secret",
    );
  });
});
