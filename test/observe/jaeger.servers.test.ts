/**
 * A document and a question across processes, as Jaeger shows them. Jaeger is none of the servers
 * that set-up fetches: the test runs where `jaeger` (v2) is on PATH.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Observation, onPath, startObservation } from "../../ops/servers/observe.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { eventually } from "../support/promises.ts";

const publishers = "4bf92f3577b34da6a3ce929d0e0e4736";
const askers = ["0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319d"] as const;
const secret = "hunter2 zebra";

/** As `/api/traces/<id>` gives it. */
interface JaegerTrace {
  readonly spans: readonly {
    readonly spanID: string;
    readonly operationName: string;
    readonly processID: string;
    readonly references: readonly { readonly refType: string; readonly spanID: string }[];
  }[];
  readonly processes: Readonly<
    Record<string, { readonly serviceName: string; readonly tags?: readonly object[] }>
  >;
}

describe.skipIf(onPath(process.env, "jaeger") === undefined)("in Jaeger", () => {
  const said: string[] = [];
  let dataDir: string;
  let observation: Observation;
  let site: Site;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "freshet-jaeger-"));
    const env = { PATH: process.env["PATH"] ?? "" };
    observation = await startObservation({ dataDir, env, say: (line) => said.push(line) });
    const { OTEL_EXPORTER_OTLP_ENDPOINT } = observation.env;
    expect(OTEL_EXPORTER_OTLP_ENDPOINT, said.join("\n")).toBeDefined();
    site = await openSite({ OTEL_EXPORTER_OTLP_ENDPOINT, FRESHET_MERGE_SIZE_CHUNKS: "1" });
  });
  afterAll(async () => {
    await site.close();
    await observation.stop();
    rmSync(dataDir, { recursive: true });
  });

  /** Undefined: Jaeger has none of it yet. */
  async function traceOf(id: string): Promise<JaegerTrace | undefined> {
    const jaeger = observation.shown.find(([name]) => name === "Jaeger")?.[1];
    const response = await fetch(`${jaeger}/api/traces/${id}`);
    if (response.status === 404) return undefined;
    return ((await response.json()) as { readonly data: readonly JaegerTrace[] }).data[0];
  }

  /** `name < parent`, sorted. */
  async function treeOf(id: string): Promise<readonly string[]> {
    const { spans = [] } = (await traceOf(id)) ?? {};
    const named = new Map(spans.map(({ spanID, operationName }) => [spanID, operationName]));
    return spans
      .map(({ operationName, references }) => {
        const parent = references.find(({ refType }) => refType === "CHILD_OF")?.spanID ?? "";
        return `${operationName} < ${named.get(parent)}`;
      })
      .sort();
  }

  it("a document and a question that a peer answers are whole traces without content", async () => {
    const tenant = freshTenant("jaeger");
    const [one, two] = await Promise.all([
      site.startEngine({ FRESHET_NODE: "one" }),
      site.startEngine({ FRESHET_NODE: "two" }),
      site.startMergeWorker(),
    ]);
    const document = { id: "doc-alpha", text: `The code of the gate is ${secret}.` };
    const at = { tenant, path: "/v1/documents", trace: publishers };
    const { seq } = (await post(one, at, document)) as { seq: number };
    await site.event(seq);
    await eventually(async () =>
      expect(await treeOf(publishers)).toEqual([
        "append < document",
        "apply < document",
        "document < publish",
        "embed < document",
        "embed batch < embed",
        "prepare < document",
        "publish < undefined",
      ]),
    );
    const question = { query: `what is ${secret}?`, mode: "search", cache: false };
    // The tenant lives in one of both, so that the other asks its peer.
    for (const [index, engine] of [one, two].entries()) {
      const trace = askers[index] ?? "";
      await post(engine, { tenant, path: "/answer", trace }, question);
    }
    await eventually(async () => {
      const trees = await Promise.all(askers.map(treeOf));
      const [asked = []] = trees.filter((tree) => tree.some((each) => /^ask peer/.test(each)));
      expect(asked).toContain("ask peer < question");
      expect(asked).toContain("answer peer < ask peer");
      for (const stage of ["redact", "embed", "search hot", "fuse"]) {
        expect(asked).toContain(`${stage} < answer peer`);
        expect(trees.filter((tree) => tree.includes(`${stage} < question`))).toHaveLength(1);
      }
    });
    const shown = JSON.stringify(await Promise.all([publishers, ...askers].map(traceOf)));
    expect(shown).toContain("freshet-engine");
    for (const word of ["hunter2", "zebra", "doc-alpha", "gate"]) expect(shown).not.toContain(word);
  });
});

async function post(
  engine: FreshetProcess,
  { tenant, path, trace }: { tenant: TenantId; path: string; trace: string },
  body: object,
): Promise<unknown> {
  const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
  const response = await fetch(`${engine.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant": tenant, traceparent },
    body: JSON.stringify(body),
  });
  expect(response.status, await response.clone().text()).toBeLessThan(300);
  return response.json();
}
