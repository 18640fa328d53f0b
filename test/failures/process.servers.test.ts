import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../ops/servers/ports.ts";
import { isGroupAlive } from "../../ops/servers/process-group.ts";
import type { Partition } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";
import { expectOneLine, runRole } from "../support/run-freshet.ts";

let site: Site;

beforeAll(async () => {
  site = await openSite();
});

afterAll(() => site.close());

const partitions = Array.from({ length: 8 }, (_, index) => index as Partition);

const holders = async (): Promise<readonly (string | null)[]> =>
  Promise.all(partitions.map((partition) => site.log.leases.holder(partition)));

describe("a process that can not start says so in one line and exits with 1", () => {
  it("when its port is in use, with its leases given back", async () => {
    const taken = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => taken.listen(port, "127.0.0.1", resolve));
    try {
      const run = runRole("engine", {
        ...site.env,
        FRESHET_NODE: "late",
        FRESHET_HTTP_PORT: String(port),
      });
      await expectOneLine(
        run,
        new RegExp(`^freshet: port ${port} on 127.0.0.1 is in use: .*FRESHET_HTTP_PORT`),
      );
      expect(await holders()).toEqual(partitions.map(() => null));
    } finally {
      await new Promise((resolve) => taken.close(resolve));
    }
  });

  it("when its configuration is wrong: a line for each variable, and no secret in it", async () => {
    const run = runRole("engine", {
      ...site.env,
      FRESHET_PARTITIONS: "many",
      FRESHET_API_KEYS: "short=demo",
    });
    expect(await run.ended).toBe(1);
    const lines = run.stderr().trimEnd().split("\n");
    expect(lines).toEqual([
      expect.stringMatching(/^freshet: FRESHET_API_KEYS: expected key=tenant pairs/),
      expect.stringMatching(/^freshet: FRESHET_PARTITIONS: expected a whole number.*"many"$/),
    ]);
    expect(run.stderr()).not.toContain("short");
  });

  it("and when a setting is misspelled it goes on, with a warning that names what was meant", async () => {
    const run = runRole("engine", {
      ...site.env,
      FRESHET_HTTP_PORT: "0",
      FRESHET_MERGE_AGE_M: "5",
      FRESHET_LOG_FORMAT: "json",
    });
    await run.says(/FRESHET_MERGE_AGE_M is no setting.*did you mean FRESHET_MERGE_AGE_MS\?/);
    run.signal("SIGTERM");
    expect(await run.ended).toBe(0);
  });

  it("when the log has another partition count, or the model is missing", async () => {
    const other = runRole("engine", { ...site.env, FRESHET_PARTITIONS: "4" });
    const bare = runRole("engine", {
      ...site.env,
      FRESHET_MODEL_DIR: site.nats.directory,
      FRESHET_MODEL_GRAPH: undefined,
    });
    await expectOneLine(other, /^freshet: .*partitions/);
    await expectOneLine(
      bare,
      /^freshet: no config\.json of an embedding model in .*: run ops\/start/,
    );
  });

  it("when its role is unknown: the usage, and exit code 2", async () => {
    const run = runRole("engines", site.env);
    expect(await run.ended).toBe(2);
    expect(run.stderr()).toMatch(/^Usage: /);
  });
});

describe("a clean stop", () => {
  it("exits with 0, leaves no process, and hands its leases to the next engine at once", async () => {
    const tenant = freshTenant("handed");
    const first = runRole("engine", {
      ...site.env,
      FRESHET_NODE: "first",
      FRESHET_HTTP_PORT: String(await freePort()),
    });
    await first.says(/engine listens on/);
    await expect
      .poll(holders, { timeout: 20_000 })
      .toEqual(partitions.map(() => expect.stringMatching(/^first\b/)));
    const payload = new TextEncoder().encode('{"id":"note","text":"The tap is in the yard."}');
    const { seq } = await site.log.docs.publish({ tenant, payload });
    await site.event(seq);
    first.signal("SIGTERM");
    expect(await first.ended).toBe(0);
    expect(isGroupAlive(first.pid)).toBe(false);
    expect(first.stderr()).not.toMatch(/\n\s+at /);
    expect(await holders()).toEqual(partitions.map(() => null));

    const second = await site.startEngine({ FRESHET_NODE: "second" });
    const client = httpClient(second.url);
    expect((await client.status()).partitions).toEqual({ total: 8, owned: 8, joining: 0 });
    const answer = await client.search(tenant, "where is the tap", seq);
    expect(answer.sources).toMatchObject([{ id: "note", version: seq, shard: "hot" }]);
    await second.stop();
  });

  it.each(["engine", "merge-worker"] as const)(
    "of an %s that waits for NATS does not wait on",
    async (role) => {
      const seen = Promise.withResolvers<void>();
      const silent = createServer((socket) => {
        socket.destroy();
        seen.resolve();
      });
      onTestFinished(() => void silent.close());
      const port = await freePort();
      await new Promise<void>((resolve) => silent.listen(port, "127.0.0.1", resolve));
      const run = runRole(role, { ...site.env, FRESHET_NATS_URL: `nats://127.0.0.1:${port}` });
      await seen.promise;
      const begunMs = performance.now();
      run.signal("SIGINT");
      expect(await run.ended).toBe(0);
      expect(performance.now() - begunMs).toBeLessThan(limits.natsConnectMs / 2);
      expect(run.stderr()).not.toContain("does not answer");
    },
  );

  it("of the merge worker exits with 0, on SIGINT as well", async () => {
    const worker = runRole("merge-worker", site.env);
    await worker.says(/merge worker polls/);
    worker.signal("SIGINT");
    expect(await worker.ended).toBe(0);
    expect(isGroupAlive(worker.pid)).toBe(false);
  });
});
