import { afterEach, describe, expect, it } from "vitest";
import { type TenantId, tenantId } from "../../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../../src/contract/observation.ts";
import { isLost } from "../../../src/embedding/failures.ts";
import { createPreparationPool } from "../../../src/ingest/preparation/pool.ts";
import type { Preparation } from "../../../src/ingest/preparation/port.ts";
import { packPrepared, unpackPrepared } from "../../../src/ingest/preparation/protocol.ts";
import { type Prepared, preparePayload } from "../../../src/ingest/prepare-payload.ts";
import { createPreparer } from "../../../src/ingest/preparer.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { createMemoryTokenizer } from "../../../src/text/memory.ts";
import { testKey, testRedactor } from "../../support/redactor.ts";

const acme = tenantId("acme");
const other = tenantId("other");
const never = new AbortController().signal;
const documentTextBytesMax = 262_144;
const prepare = createPreparer({ tokenizer: createMemoryTokenizer(), redactor: testRedactor });

const open: Preparation[] = [];
afterEach(async () => {
  for (const pool of open.splice(0)) await pool.close();
});

interface SetUp {
  readonly threadsMax?: number;
  readonly deadlineMs?: number;
  readonly waitingPerTenantMax?: number;
  readonly workerUrl?: URL;
}

function openPool(options: SetUp = {}): Preparation {
  const pool = createPreparationPool({
    settings: { modelDir: "", ids: "keep" },
    workerUrl: options.workerUrl ?? new URL("./fixtures/prepare-worker.ts", import.meta.url),
    preparerOf: () => prepare,
    redactionKeyOf: () => testKey,
    clock: systemClock,
    metrics: silentMetrics,
    logger: silentLogger,
    limits: {
      threadsMax: options.threadsMax ?? 1,
      inlineBytesMax: 0,
      waitingPerTenantMax: options.waitingPerTenantMax ?? 100,
      deadlineMs: options.deadlineMs ?? 60_000,
      readyMs: 60_000,
    },
  });
  open.push(pool);
  return pool;
}

const payloadOf = (text: string, id = "d"): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ id, text, title: "A title" }));

function ask(pool: Preparation, text: string, { tenant = acme, id = "d", signal = never } = {}) {
  const named: string[] = [];
  const job = { tenant, payload: payloadOf(text, id), documentTextBytesMax };
  const done = pool.prepare({ ...job, named: (each) => named.push(each) }, signal);
  done.catch(() => {});
  return Object.assign(done, { named });
}

const long = Array.from({ length: 400 }, (_, n) => `Sentence ${n} mentions jane${n}@example.com.`);

/** Without the terms, which the thread adds. */
const withoutTerms = (prepared: Prepared): unknown =>
  prepared.kind === "prepared"
    ? {
        ...prepared,
        document: {
          ...prepared.document,
          chunks: prepared.document.chunks.map(({ terms: _, ...chunk }) => chunk),
        },
      }
    : prepared;

describe("documents that are prepared in threads", () => {
  it("become what they become on the main thread, and their ids are known first", async () => {
    const payload = payloadOf(long.join(" "));
    const here = await preparePayload(payload, { documentTextBytesMax, prepare, named: () => {} });
    const asked = ask(openPool(), long.join(" "));
    expect(withoutTerms(await asked)).toEqual(withoutTerms(here));
    expect(asked.named).toEqual(["d"]);
    if (here.kind !== "prepared") throw new Error("this document is fine");
    expect(here.document.chunks.length).toBeGreaterThan(10);
  });

  it("keep the caller's payload, of which they get a copy", async () => {
    const whole = new Uint8Array([...payloadOf("before"), ...payloadOf("Some text.")]);
    const payload = whole.subarray(payloadOf("before").length);
    const job = { tenant: acme, payload, documentTextBytesMax, named: () => {} };
    expect(await openPool().prepare(job, never)).toMatchObject({ kind: "prepared" });
    expect(payload.byteLength).toBeGreaterThan(0);
  });

  it("are refused or deleted there as here", async () => {
    const pool = openPool();
    const job = { tenant: acme, documentTextBytesMax, named: () => {} };
    const of = (body: string) =>
      pool.prepare({ ...job, payload: new TextEncoder().encode(body) }, never);
    expect(await of("{")).toMatchObject({ kind: "reject", reason: "invalid_json" });
    expect(await of('{"id":"d","op":"delete"}')).toEqual({ kind: "delete", documentId: "d" });
    await expect(ask(pool, "boom")).rejects.toMatchObject({ code: "internal" });
  });

  it.each([
    ["hangs", "hang"],
    ["ends its thread", "die"],
    ["takes all the thread's memory", "grow"],
  ])("a document that %s is lost, its neighbours of all tenants are prepared", async (_, text) => {
    const pool = openPool({ deadlineMs: 1_000 });
    const before = ask(pool, "One.");
    const bad = ask(pool, text, { id: "bad" });
    const after = [ask(pool, "Two."), ask(pool, "Three.", { tenant: other })];
    await expect(bad).rejects.toSatisfy(isLost);
    expect(bad.named).toEqual(["bad"]);
    for (const neighbour of [before, ...after])
      expect(await neighbour).toMatchObject({ kind: "prepared" });
  });

  it("a thread that does not start blames nobody, and another is tried for the next", async () => {
    const pool = openPool({ workerUrl: new URL("./fixtures/no-such-file.ts", import.meta.url) });
    for (const text of ["One.", "Two."])
      await expect(ask(pool, text)).rejects.toMatchObject({ code: "embedding_unavailable" });
  });

  it("take turns by tenant: many of one do not stand before the first of another", async () => {
    const pool = openPool();
    const order: string[] = [];
    const add = (tenant: TenantId, id: string): Promise<unknown> =>
      ask(pool, "Some text.", { tenant, id }).then(() => order.push(id));
    const all = ["a1", "a2", "a3", "a4"].map((id) => add(acme, id));
    await Promise.all([...all, add(other, "b1")]);
    expect(order).toEqual(["a1", "a2", "b1", "a3", "a4"]);
  });

  it("one tenant's queue has a bound, and another's has room then", async () => {
    const pool = openPool({ waitingPerTenantMax: 1 });
    const [running, waiting, refused] = [1, 2, 3].map(() => ask(pool, "Some text."));
    await expect(refused).rejects.toMatchObject({ code: "overloaded", retryable: true });
    expect(await ask(pool, "Some text.", { tenant: other })).toMatchObject({ kind: "prepared" });
    await Promise.all([running, waiting]);
  });

  it("a caller that goes is answered at once, waiting or in hand, and so are all at the end", async () => {
    const pool = openPool();
    const gone = new AbortController();
    const inHand = ask(pool, "hang", { signal: gone.signal });
    const waiting = ask(pool, "Some text.", { signal: gone.signal });
    const last = ask(pool, "Some text.");
    gone.abort();
    await expect(inHand).rejects.toMatchObject({ code: "cancelled" });
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    await pool.close();
    await expect(last).rejects.toMatchObject({ code: "cancelled" });
    await expect(ask(pool, "Some text.")).rejects.toMatchObject({ code: "cancelled" });
  });

  it("cross threads as a few arrays and come out whole", async () => {
    const payload = payloadOf(long.join("\n\n# A heading\n\n"));
    const here = await preparePayload(payload, { documentTextBytesMax, prepare, named: () => {} });
    const { packed, transfer } = packPrepared(here);
    const sent = structuredClone(packed, { transfer: [...transfer] });
    expect(transfer.every(({ byteLength }) => byteLength === 0)).toBe(true);
    expect(withoutTerms(unpackPrepared(sent))).toEqual(withoutTerms(here));
  });
});
