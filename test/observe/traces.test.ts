import { execFile } from "node:child_process";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noSpan, silentTracer, spanned, traceparentOf } from "../../src/contract/tracing.ts";
import { type OpenTracer, openTracer } from "../../src/observe/traces.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";

let collector: OtlpReceiver;
let tracers: OpenTracer[];

beforeEach(async () => {
  collector = await startOtlpReceiver();
  tracers = [];
});
afterEach(async () => {
  for (const tracer of tracers) await tracer.close();
  await collector[Symbol.asyncDispose]();
});

function open(sampler = "parentbased_always_on", ratio = 1): OpenTracer {
  const tracer = openTracer({
    ...{ url: `${collector.url}/v1/traces`, sampler, ratio },
    ...{ service: "freshet-test", node: "node-1", version: "0.0.0" },
  });
  tracers.push(tracer);
  return tracer;
}

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const sampled = `00-${traceId}-00f067aa0ba902b7-01`;
const unsampled = `00-${traceId}-00f067aa0ba902b7-00`;

describe("traces over OTLP", () => {
  it("send spans with parents, kinds, links and errors when they are closed", async () => {
    const tracer = open();
    const root = tracer.start("question", { traceparent: sampled });
    const other = tracer.start("document");
    const child = root.child("search cold", { "db.system.name": "weaviate" });
    child.link([other]);
    child.end("cold_unavailable");
    root.end();
    await tracer.close();
    expect(collector.tree(traceId)).toEqual([
      "freshet-test: question < undefined",
      "freshet-test: search cold < question",
    ]);
    const sent = collector.spans.find(({ name }) => name === "search cold");
    expect(sent?.kind).toBe(3);
    expect(sent?.attributes).toEqual({
      "db.system.name": "weaviate",
      "error.type": "cold_unavailable",
    });
    expect(sent?.links).toMatchObject([{ traceId: other.traceId }]);
    const question = collector.spans.find(({ name }) => name === "question");
    expect(question?.parentId).toBe("00f067aa0ba902b7");
  });

  it("let through no attribute that is unknown or more than one word (I10, TR1)", async () => {
    const tracer = open();
    const words = ["a whole sentence", "über", "", "x".repeat(129), Number.NaN];
    for (const value of words) tracer.start("document").set({ "freshet.tenant": value as never });
    const leaking = { "freshet.question": "hunter2", "freshet.tenant": "acme" };
    const span = tracer.start("document", { attributes: leaking });
    span.set({ "freshet.outcome": "a whole sentence" });
    span.end();
    await tracer.close();
    expect(collector.spans.map(({ attributes }) => attributes)).toEqual([
      { "freshet.tenant": "acme" },
    ]);
    expect(collector.bodies.join("")).not.toMatch(/hunter2|sentence/);
  });

  it("carry on a trace that is not sampled and send nothing of it (TR2)", async () => {
    const tracer = open();
    const root = tracer.start("question", { traceparent: unsampled });
    const child = root.child("chat");
    expect([root.traceparent, child.traceparent]).toEqual([unsampled, unsampled]);
    expect(child.traceId).toBeUndefined();
    child.end();
    root.end();
    await tracer.close();
    expect(collector.spans).toEqual([]);
  });

  it.each([
    ["parentbased_always_off", 1, 0, 0],
    ["always_off", 1, 0, 0],
    ["always_on", 1, 400, 400],
    ["parentbased_traceidratio", 0.25, 60, 140],
    ["traceidratio", 0, 0, 0],
  ])("record by the sampler %s at %f", async (sampler, ratio, min, max) => {
    const tracer = open(sampler, ratio);
    for (let index = 0; index < 400; index += 1) {
      const root = tracer.start("document");
      const child = root.child("append");
      expect(child.traceparent?.slice(-2)).toBe(root.traceparent?.slice(-2));
      child.end();
      root.end();
    }
    await tracer.close();
    const roots = collector.spans.filter(({ name }) => name === "document");
    expect(roots.length).toBeGreaterThanOrEqual(min);
    expect(roots.length).toBeLessThanOrEqual(max);
    expect(collector.spans).toHaveLength(2 * roots.length);
  });

  it("record a whole trace or nothing of it, in whatever process its spans begin", async () => {
    const [first, second] = [open("parentbased_traceidratio", 0.5), open("parentbased_always_on")];
    for (let index = 0; index < 64; index += 1) {
      const root = first.start("publish");
      second.start("document", { traceparent: root.traceparent }).end();
      root.end();
    }
    await Promise.all([first.close(), second.close()]);
    const traces = Map.groupBy(collector.spans, (span) => span.traceId);
    for (const spans of traces.values()) expect(spans).toHaveLength(2);
    expect(traces.size).toBeGreaterThan(8);
    expect(traces.size).toBeLessThan(56);
  });

  it("hold up no stop for a collector that is away (TR3)", async () => {
    const tracer = openTracer({
      ...{ url: "http://127.0.0.1:9/v1/traces", sampler: "always_on", ratio: 1 },
      ...{ service: "freshet-test", node: "node-1", version: "0.0.0" },
    });
    for (let index = 0; index < 10_000; index += 1) tracer.start("document").end();
    const begun = performance.now();
    await tracer.close();
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe("the context of a trace", () => {
  it("is taken in the form that W3C gives it, and in no other", () => {
    expect(traceparentOf(sampled)).toBe(sampled);
    const zeros = "0".repeat(32);
    for (const bad of [
      undefined,
      "",
      `01${sampled.slice(2)}`,
      `00-${zeros}-${"a".repeat(16)}-01`,
    ]) {
      expect(traceparentOf(bad)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(traceparentOf(text)).toBeUndefined();
        expect(traceparentOf(`${sampled}${text}`)).toBe(text === "" ? sampled : undefined);
      }),
    );
  });

  it("costs nothing where nothing is traced: one object stands for every span", async () => {
    const span = silentTracer.start("question", { traceparent: sampled });
    expect(span.child("chat")).toBe(noSpan);
    expect(span.traceparent).toBeUndefined();
    expect(await spanned(span, () => 7)).toBe(7);
  });

  it("loads no part of OpenTelemetry's SDK with the engine or the merge worker", async () => {
    const script = `
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
      await import("./src/compose/engine.ts");
      await import("./src/compose/serving.ts");
      await import("./src/compose/merges.ts");
      const sdk = loaded.filter((url) => /opentelemetry.(sdk|exporter|otlp|resources)/.test(url));
      console.log(JSON.stringify({ modules: loaded.length, sdk }));`;
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
    const { modules, sdk } = JSON.parse(stdout) as { modules: number; sdk: string[] };
    expect(modules).toBeGreaterThan(100);
    expect(sdk).toEqual([]);
  });
});
