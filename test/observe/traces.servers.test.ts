/** One trace through publisher, engine, Temporal, merge worker and back, in a real collector. */
import { headers } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { eventually } from "../support/promises.ts";

let site: Site;
let collector: OtlpReceiver;
beforeAll(async () => {
  collector = await startOtlpReceiver();
  site = await openSite({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    FRESHET_MERGE_SIZE_CHUNKS: "1",
  });
});
afterAll(async () => {
  await site.close();
  await collector[Symbol.asyncDispose]();
});

const publishers = "4bf92f3577b34da6a3ce929d0e0e4736";
const askers = "0af7651916cd43dd8448eb211c80319c";
const natsAskers = "1bf7651916cd43dd8448eb211c80319d";
const caller = (traceId: string): string => `00-${traceId}-00f067aa0ba902b7-01`;
const secret = "hunter2 zebra";

it("a document, questions and a merge are whole traces over two processes, without content", async () => {
  const tenant = freshTenant("traced");
  const [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  const post = async (path: string, body: object, traceId: string): Promise<unknown> => {
    const response = await fetch(`${engine.url}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-tenant": tenant,
        traceparent: caller(traceId),
      },
      body: JSON.stringify(body),
    });
    expect(response.status, await response.clone().text()).toBeLessThan(300);
    return response.json();
  };
  const document = { id: "doc-alpha", text: `The code of the gate is ${secret}.` };
  const { seq } = (await post("/v1/documents", document, publishers)) as { seq: number };
  await site.event(seq);
  await eventually(() =>
    expect(collector.tree(publishers)).toEqual([
      "freshet-engine: append < document",
      "freshet-engine: apply < document",
      "freshet-engine: document < publish",
      "freshet-engine: embed < document",
      "freshet-engine: embed batch < embed",
      "freshet-engine: prepare < document",
      "freshet-engine: publish < undefined",
    ]),
  );
  // The engine asks for the merge by itself; what it asked for is one trace through Temporal.
  const steps = (): readonly string[] => {
    const request = collector.spans.find(({ name }) => name === "merge request");
    return collector.spans
      .filter(({ name, traceId }) => name === "merge step" && traceId === request?.traceId)
      .filter(({ parentId, service }) => parentId === request?.spanId && service.endsWith("worker"))
      .map(({ attributes }) => String(attributes["freshet.merge.step"]));
  };
  await eventually(() => {
    expect(steps()).toContain("planMerge");
    expect(steps()).toContain("commitMerge");
  });
  const question = { query: `what is ${secret}?`, mode: "search", cache: false };
  await eventually(async () => {
    await post("/answer", question, askers);
    expect(collector.tree(askers)).toContain("freshet-engine: search cold < question");
  });
  for (const stage of ["redact", "embed", "search hot", "fuse"]) {
    expect(collector.tree(askers)).toContain(`freshet-engine: ${stage} < question`);
  }
  // The same over NATS, where the context is in the message's headers.
  const context = headers();
  context.set("traceparent", caller(natsAskers));
  await site.log.connection.request(`query.${tenant}`, JSON.stringify(question), {
    headers: context,
    timeout: 10_000,
  });
  await eventually(() =>
    expect(collector.tree(natsAskers)).toContain("freshet-engine: fuse < question"),
  );
  const page = await fetch(`${engine.url}/metrics`, {
    headers: { accept: "application/openmetrics-text" },
  });
  const text = await page.text();
  expect(text).toMatch(/^freshet_question_seconds_bucket\{.*\} \d+ # \{trace_id="[0-9a-f]{32}"\}/m);
  expect(text.trimEnd().endsWith("# EOF")).toBe(true);
  const said = collector.bodies.join("\n");
  for (const word of ["hunter2", "zebra", "doc-alpha", "gate"]) expect(said).not.toContain(word);
});
