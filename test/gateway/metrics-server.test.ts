import { afterEach, describe, expect, it } from "vitest";
import { type MetricsServer, startMetricsServer } from "../../src/gateway/metrics-server.ts";
import { createMetrics, type PromMetrics } from "../../src/observe/metrics.ts";

const open: { server?: MetricsServer; metrics?: PromMetrics } = {};
afterEach(async () => {
  await open.server?.close();
  open.metrics?.close();
});

async function start(operatorToken?: string, keys = false, host = "127.0.0.1"): Promise<string> {
  const metrics = createMetrics();
  open.metrics = metrics;
  const token = operatorToken === undefined ? undefined : () => operatorToken;
  const place = { host, port: 0, hosts: [], keys, operatorToken: token };
  open.server = await startMetricsServer({ ...place, metrics });
  return open.server.url;
}

describe("the metrics of a process without an API", () => {
  it("are shown on an address of IPv6, too, under a URL that can be used", async () => {
    const url = await start(undefined, false, "::1");
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+\/metrics$/);
    expect((await fetch(url)).status).toBe(200);
  });

  it("are shown at one path, in the form that is asked for", async () => {
    const url = await start();
    open.metrics?.observe("cold_write_seconds", 0.2);
    const plain = await fetch(url);
    expect(plain.headers.get("content-type")).toContain("text/plain");
    expect(await plain.text()).toContain('freshet_cold_write_seconds_bucket{le="0.2"} 1');
    const accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    const modern = await fetch(url, { headers: { accept } });
    expect(modern.headers.get("content-type")).toContain("application/openmetrics-text");
    expect((await modern.text()).endsWith("# EOF\n")).toBe(true);
    expect((await fetch(url.replace("/metrics", "/other"))).status).toBe(404);
    expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(404);
  });

  it("take the operator's token where there is one, and only that where keys are", async () => {
    const url = await start("t".repeat(32), true);
    expect((await fetch(url)).status).toBe(401);
    const headers = { authorization: `Bearer ${"t".repeat(32)}` };
    expect((await fetch(url, { headers })).status).toBe(200);
  });

  it("say which address cannot be listened on", async () => {
    const url = new URL(await start());
    const place = { host: "127.0.0.1", port: Number(url.port), hosts: [], keys: false };
    const metrics = open.metrics as PromMetrics;
    await expect(
      startMetricsServer({ ...place, operatorToken: undefined, metrics }),
    ).rejects.toThrow(/in use/);
  });
});
