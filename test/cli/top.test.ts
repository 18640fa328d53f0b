/** `freshet top`: from a page of metrics to rows, and what a terminal gets to see. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { redraw, sampleTable } from "../../src/cli/top/draw.ts";
import { parsePage, sampleOf, sorted } from "../../src/cli/top/sample.ts";
import { runHere } from "../support/run-cli.ts";

const page = (visible: number, questions: number, extra = ""): string => `# HELP freshet_x y
freshet_operations_total{tenant="acme",outcome="visible"} ${visible}
freshet_operations_total{tenant="acme",outcome="rejected"} 3
freshet_operations_total{tenant="b\\"x",outcome="visible"} 1
freshet_questions_total{tenant="acme",outcome="answered"} ${questions}
freshet_visible_seconds_bucket{tenant="acme",le="1"} 99
freshet_oldest_waiting_timestamp_seconds{tenant="acme"} 95
freshet_ingest_lag_operations{tenant="acme"} 7
freshet_hot_chunks{tenant="acme"} 40
freshet_hot_bytes{tenant="acme"} 1048576
freshet_heads_bytes{tenant="acme"} 1048576
freshet_partitions_owned{partition="0"} 1
freshet_process_cpu_seconds_total ${visible / 20}
node_other_metric 5
${extra}`;

describe("a sample", () => {
  const before = parsePage(page(10, 4), 98_000);
  const now = parsePage(page(30, 5, 'freshet_embed_servers{state="serving"} 2\n'), 100_000);
  const merges = parsePage('freshet_merge_phase{tenant="acme",phase="write"} 1\n', 100_000);

  it("has the rates of the time between two pages, and what the newer one says", () => {
    const { node, tenants } = sampleOf(before, now, merges);
    expect(tenants.find(({ tenant }) => tenant === "acme")).toEqual({
      tenant: "acme",
      documents_per_s: 10,
      questions_per_s: 0.5,
      lag_operations: 7,
      lag_s: 5,
      hot_chunks: 40,
      unmerged_chunks: 0,
      memory_bytes: 2 * 1024 * 1024,
      dead_letters: 3,
      merge: "write",
    });
    expect(node).toMatchObject({ documents_per_s: 10, cpu: 0.5, partitions: 1, merges: 1 });
    expect(node.embed_servers).toEqual({ serving: 2, other: 0 });
  });

  it("takes a counter that fell for one that was started again", () => {
    const { node } = sampleOf(now, parsePage(page(2, 0), 102_000), undefined);
    expect(node).toMatchObject({ documents_per_s: 0, questions_per_s: 0, merges: null });
  });

  it("is sorted by its key, the largest first, and by name where that is equal", () => {
    const { tenants } = sampleOf(before, now, undefined);
    expect(sorted(tenants, "memory")[0]?.tenant).toBe("acme");
    expect(sorted(tenants, "tenant").map(({ tenant }) => tenant)).toEqual(["acme", 'b\\"x']);
  });

  it("fits the screen: lines are cut, and those without room are counted", () => {
    const lines = sampleTable(sampleOf(before, now, undefined), "documents");
    const drawn = redraw(lines, { columns: 20, rows: 4 });
    const shown = drawn.split("\r\n").slice(0, -1);
    expect(shown).toHaveLength(3);
    expect(shown.at(-1)).toContain("more");
    for (const each of shown)
      expect(each.replaceAll(/\u001b\[\w/g, "").length).toBeLessThanOrEqual(20);
  });
});

describe("the command", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function run(args: readonly string[], token?: string) {
    let visible = 0;
    const server = createServer((request, response) => {
      if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
        response.writeHead(401).end();
        return;
      }
      visible += 10;
      response.end(page(visible, 1));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return runHere(
      ["top", "--url", `http://127.0.0.1:${port}`, ...args.filter((each) => each !== "--live")],
      {
        enough: (said) => said.includes("docs/s"),
        ...(args.includes("--live") ? { screen: () => ({ columns: 80, rows: 20 }) } : {}),
      },
    );
  }

  it("prints one sample as NDJSON, the node first", async () => {
    const { code, out } = await run(["--once", "--json"]);
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split("\n")
      .map((each) => JSON.parse(each) as { kind: string });
    expect(lines.map(({ kind }) => kind)).toEqual(["node", "tenant", "tenant"]);
  });

  it("draws on a screen of its own, and gives the old one back when it is stopped", async () => {
    const { code, out } = await run(["--live"]);
    expect(code).toBe(0);
    expect(out.startsWith("\u001b[?1049h")).toBe(true);
    expect(out.endsWith("\u001b[?1049l")).toBe(true);
  });

  it("says which token is missing", async () => {
    const { code, err } = await run(["--once"], "the-token");
    expect([code, err]).toEqual([1, expect.stringContaining("FRESHET_OPERATOR_TOKEN_FILE")]);
  });
});
