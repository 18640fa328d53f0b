/** `freshet blame`, `freshet watch` and `--as-of` over HTTP, with the engine behind it in memory. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLogger } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { type HttpServer, startHttp } from "../../src/gateway/http.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { HistoryEngine, historyTenant } from "../support/history-engine.ts";
import { runHere } from "../support/run-cli.ts";

const query = "Where does the crane stand?";
let history: HistoryEngine;
let http: HttpServer;

beforeAll(async () => {
  history = new HistoryEngine(3);
  const { service } = history.engine;
  const metrics = createMetrics();
  http = await startHttp({
    handler: createHandler({ service, log: silentLogger, clock: systemClock }),
    credentials: { apiKeys: undefined },
    ...{ log: silentLogger, metrics, version: "0.0.1", host: "127.0.0.1", port: 0 },
  });
  await history.publish({ id: "old", text: "The crane stands in the north hall." });
  for (let count = 0; count < 6; count += 1) {
    await history.publish({ id: `other-${count}`, text: `A ferry sails at ${count}.` });
  }
  await history.publish({ id: "old", text: "The crane stands in the south hall now." });
  await history.publish({ op: "delete", id: "other-0" });
});
afterAll(async () => {
  await http.close();
  await history.stop();
});

/** @param enough ends it as Ctrl-C would */
function run(args: readonly string[], enough?: (out: string) => boolean) {
  const tenant = args.includes("--tenant") ? [] : ["--tenant", historyTenant];
  return runHere([...args, "--url", http.url, ...tenant], enough === undefined ? {} : { enough });
}

describe("freshet blame", () => {
  it("names the operation, its document and what came and went", async () => {
    const change = history.seqs.at(-2);
    const { code, out } = await run(["blame", query, "-k", "1"]);
    expect(code).toBe(0);
    expect(out).toContain(`${change}  visible  old`);
    expect(out).toContain(`  + old@${change}#0\n  - old@${history.seqs[0]}#0`);
    expect(out).toMatch(/9 operations, \d+ searches/);
  });

  it("refuses a range that holds no operation, instead of finding nothing in it", async () => {
    for (const [from, to] of [
      [9, 3],
      [7, 7],
    ]) {
      const { code, err } = await run(["blame", query, "--from", `${from}`, "--to", `${to}`]);
      expect(code).toBe(2);
      expect(err).toContain("--to is larger");
    }
  });

  it("says so where no operation lies in the range, instead of that nothing has changed", async () => {
    const newest = String(history.seqs.at(-1));
    for (const range of [
      ["--from", newest],
      ["--to", "1"],
    ]) {
      const { code, out } = await run(["blame", query, ...range]);
      expect(code).toBe(0);
      expect(out).toContain("no operation lies in this range");
    }
  });

  it("looks only between two operations, and says the same as JSON", async () => {
    const [from, to] = [history.seqs[1], history.seqs[5]];
    const range = ["--from", String(from), "--to", String(to), "-k", "1", "--json"];
    const { out } = await run(["blame", query, ...range]);
    expect(JSON.parse(out)).toMatchObject({ operation: null, operations: 4, cut: false });
    const first = await run(["blame", query, "-k", "1", "--to", String(to), "--json"]);
    const { operation, added, removed } = JSON.parse(first.out);
    expect(operation).toMatchObject({ seq: history.seqs[0], id: "old" });
    expect([added, removed]).toEqual([[{ id: "old", version: history.seqs[0], chunk: 0 }], []]);
  });
});

describe("freshet watch", () => {
  it("tells the changes after an operation, and the rest when it begins after the last one told", async () => {
    const from = String((history.seqs[0] ?? 0) - 1);
    const watch = ["watch", query, "-k", "1", "--json"];
    const first = await run([...watch, "--from", from], (out) => out.includes("\n"));
    expect(first.code).toBe(130);
    const told = JSON.parse(first.out);
    expect(told).toMatchObject({ seq: history.seqs[0], status: "visible", removed: [] });
    const rest = await run([...watch, "--from", String(told.seq)], (out) => out.includes("\n"));
    expect(JSON.parse(rest.out)).toMatchObject({ seq: history.seqs.at(-2), id: "old" });
  });
});

it("a watch from what is no operation of the log says that", async () => {
  const { code, err } = await run(["watch", query, "--from", `${2 ** 45}`]);
  expect(code).toBe(2);
  expect(err).toContain("is no seq of this log");
});

it("a tenant without operations has nothing to watch or to blame", async () => {
  for (const command of ["watch", "blame"]) {
    const { code, err } = await run([command, query, "--tenant", "nobody"]);
    expect([code, err]).toEqual([1, expect.stringContaining("no operations yet")]);
  }
});

describe("--as-of and --max-staleness-ms", () => {
  it("search the tenant as it was, and as it has to be", async () => {
    const first = String(history.seqs[0]);
    const then = await run(["search", query, "--as-of", first, "--json"]);
    expect(JSON.parse(then.out)).toMatchObject({ as_of: history.seqs[0] });
    const now = await run(["search", query, "--max-staleness-ms", "0", "--json"]);
    expect(JSON.parse(now.out)).toMatchObject({ visible_seq: history.seqs.at(-1) });
    const soon = new Date(Date.now() + 60_000).toISOString();
    const asOfNow = await run(["search", query, "--as-of", soon, "--json"]);
    expect(JSON.parse(asOfNow.out)).toMatchObject({ as_of: history.seqs.at(-1) });
  });

  it.each([
    [["--as-of", "yesterday"], "the seq of an operation, or a time"],
    [["--as-of", "0"], "the seq of an operation, or a time"],
    [["--max-staleness-ms", "-1"], "a whole number from 0 to"],
  ])("refuse what is neither: %j", async (args, says) => {
    const { code, err } = await run(["search", query, ...args]);
    expect([code, err]).toEqual([2, expect.stringContaining(says)]);
  });
});
