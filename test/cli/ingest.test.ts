import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { IngestLog } from "../../src/cli/ingest/feed.ts";
import {
  type IngestOptions,
  type IngestProgress,
  ingestCorpus,
} from "../../src/cli/ingest/ingest.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentStatus } from "../../src/contract/events.ts";
import { type TenantId, tenantId, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { systemClock } from "../../src/runtime/clock.ts";

const demo = tenantId("demo");
let folder: string;
let seenPath: string;
let memory: MemoryLog;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-ingest-"));
  seenPath = join(folder, "ingested-demo.json");
  memory = createMemoryLog();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Engine {
  readonly log: IngestLog;
  readonly payloads: { id: string; text?: string }[];
  /** Most publishes at once. */
  most: number;
  /** What becomes of a document; undefined: nothing is heard of it. */
  fate: (id: string) => DocumentStatus | undefined;
}

/**
 * The memory log with an engine behind it that tells each document's fate at once, before the ack.
 */
function engine(log: MemoryLog = memory): Engine {
  const payloads: Engine["payloads"] = [];
  /** As the tenant's owner knows what was sent before. */
  const ids = new Set<string>();
  let running = 0;
  const made: Engine = {
    payloads,
    most: 0,
    fate: () => "visible",
    log: {
      documentTextBytesMax: 1_000,
      deployment: log.deployment,
      chunks: log.chunks,
      manifests: log.manifests,
      docs: {
        lastSequence: () => log.docs.lastSequence(),
        readTenant: (options) => log.docs.readTenant(options),
        open: (operation) => log.docs.open(operation),
        async publish(message) {
          running += 1;
          made.most = Math.max(made.most, running);
          await new Promise(setImmediate);
          try {
            const result = await log.docs.publish(message);
            const document = JSON.parse(Buffer.from(message.payload).toString()) as { id: string };
            const { messageId = "" } = message;
            if (ids.has(messageId)) {
              const status = "superseded";
              log.events.publish(message.tenant, { id: null, seq: result.seq, status, ms: 1 });
              return result;
            }
            ids.add(messageId);
            payloads.push(document);
            tell(message.tenant, document.id, result.seq);
            return result;
          } finally {
            running -= 1;
          }
        },
      },
      events: {
        async subscribe(tenant, onEvent) {
          return log.hooks.onEvent((published) => {
            if (published.tenant === tenant) onEvent(published.event);
          });
        },
      },
    },
  };
  const tell = (tenant: TenantId, id: string, seq: Version) => {
    const status = made.fate(id);
    if (status !== undefined) log.events.publish(tenant, { id, seq, status, ms: 1 });
  };
  return made;
}

const ingest = (
  { log }: Engine,
  documents: readonly { id: string; text?: string; op?: string }[],
  options: Partial<IngestOptions> = {},
) =>
  ingestCorpus({
    documents,
    tenant: demo,
    log,
    clock: systemClock,
    signal: new AbortController().signal,
    seenPath,
    stallMs: 50,
    ...options,
  });

const some = (count: number, text = "text") =>
  Array.from({ length: count }, (_, index) => ({ id: `d${index}`, text }));

describe("an import", () => {
  it("publishes every document and waits until each is dealt with", async () => {
    const to = engine();
    to.fate = (id) => (id === "d3" ? "rejected" : "visible");
    const summary = await ingest(to, some(10));
    expect(summary).toMatchObject({ documents: 10, visible: 9, rejected: 1, unheard: 0 });
    expect(to.payloads).toHaveLength(10);
  });

  it("has several in flight, but never more than the bound", async () => {
    const to = engine();
    await ingest(to, some(1_000));
    expect(to.most).toBeGreaterThan(1);
    expect(to.most).toBeLessThanOrEqual(limits.ingestInFlightMax);
  });

  it("publishes documents of one id in their order (IN1)", async () => {
    const to = engine();
    const texts = Array.from({ length: 30 }, (_, index) => String(index));
    await ingest(
      to,
      texts.map((text) => ({ id: "same", text })),
    );
    expect(to.payloads.map(({ text }) => text)).toEqual(texts);
  });

  it("does not count events of other publishers or of documents that it did not send", async () => {
    const to = engine();
    to.fate = (id) => {
      memory.events.publish(demo, { id: "other", seq: 7, status: "rejected", ms: 1 });
      return id === "d0" ? undefined : "visible";
    };
    const summary = await ingest(to, some(3));
    expect(summary).toMatchObject({ visible: 2, rejected: 0, unheard: 1 });
  });

  it.each([
    ["goes on waiting while an engine says that it is at work", true, 0],
    ["ends where none does", false, 3],
  ])("%s", async (_what, working, unheard) => {
    const to = engine();
    to.fate = () => undefined;
    let asked = 0;
    const isAtWork = async () => {
      asked += 1;
      const last = await to.log.docs.lastSequence();
      const late = asked === 3 ? to.payloads : [];
      for (const [index, { id }] of late.entries()) {
        const seq = (last - index) as Version;
        memory.events.publish(demo, { id, seq, status: "visible", ms: 1 });
      }
      return working;
    };
    const summary = await ingest(to, some(3), { isAtWork });
    expect(summary).toMatchObject({ visible: 3 - unheard, unheard });
    expect(asked).toBe(working ? 3 : 1);
  });

  it("ends in time although an engine says for ever that it is at work", async () => {
    const to = engine();
    to.fate = () => undefined;
    const summary = await ingest(to, some(1), { stallMs: 5, isAtWork: async () => true });
    expect(summary).toMatchObject({ unheard: 1 });
  });

  it("that is not to wait ends when everything is stored", async () => {
    const to = engine();
    to.fate = () => undefined;
    const summary = await ingest(to, some(3), { wait: false, stallMs: 60_000 });
    expect(summary).toMatchObject({ documents: 3, visible: 0, unheard: 3 });
  });

  it("leaves out what the engine would refuse, with the reason", async () => {
    const documents = [
      { id: "a", text: " " },
      { id: "b", text: "x".repeat(2_000) },
      { id: "c", text: "ok" },
    ];
    const summary = await ingest(engine(), documents);
    expect(summary).toMatchObject({ documents: 1, skipped: { invalid: 1, size: 1 } });
  });

  it("reports its progress", async () => {
    const seen: IngestProgress[] = [];
    await ingest(engine(), some(5), { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toMatchObject({ documents: 5, visible: 5, lag: 0 });
  });

  it("waits for a log that is away for a moment", async () => {
    const to = engine();
    memory.hooks.setAvailable(false);
    const run = ingest(
      {
        ...to,
        log: { ...to.log, docs: { ...to.log.docs, lastSequence: async () => 0 as Version } },
      },
      some(1),
    );
    setTimeout(() => memory.hooks.setAvailable(true), 20);
    expect(await run).toMatchObject({ documents: 1, visible: 1 });
  });

  it("says that it waits while the log is full, and goes on (I11)", async () => {
    const to = engine();
    let refusals = 0;
    const publish: IngestLog["docs"]["publish"] = async (message) => {
      refusals += 1;
      if (refusals <= 2) throw new FreshetError("overloaded", "the log is full");
      return to.log.docs.publish(message);
    };
    const told: string[] = [];
    const log = { ...to.log, docs: { ...to.log.docs, publish } };
    const summary = await ingest({ ...to, log }, some(1), {
      onWaiting: ({ message }) => told.push(message),
    });
    expect(summary).toMatchObject({ documents: 1, visible: 1 });
    expect(told).toEqual(["the log is full", "the log is full"]);
  });

  it("that is aborted publishes no more and rejects", async () => {
    const to = engine();
    const stop = new AbortController();
    async function* endless() {
      for (let index = 0; ; index += 1) {
        if (index === 20) stop.abort(new Error("interrupted"));
        yield { id: `d${index}`, text: "t" };
      }
    }
    await expect(ingest(to, [], { documents: endless(), signal: stop.signal })).rejects.toThrow(
      "interrupted",
    );
    expect(to.payloads.length).toBeLessThanOrEqual(20);
  });
});

describe("an import that is repeated", () => {
  it("sends nothing that is unchanged, and everything when forced", async () => {
    const to = engine();
    await ingest(to, some(5));
    expect(await ingest(to, some(5))).toMatchObject({ documents: 0, unchanged: 5, visible: 0 });
    const changed = [...some(4), { id: "d4", text: "new" }];
    expect(await ingest(to, changed)).toMatchObject({ documents: 1, unchanged: 4, visible: 1 });
    expect(await ingest(to, changed, { force: "1" })).toMatchObject({ documents: 5, visible: 5 });
    expect(await ingest(to, changed, { force: "2" })).toMatchObject({ documents: 5, visible: 5 });
  });

  it("stores nothing twice when its memory was lost (IN2)", async () => {
    const to = engine();
    await ingest(to, some(5));
    rmSync(seenPath);
    expect(await ingest(to, some(5))).toMatchObject({ documents: 0, unchanged: 5 });
    expect(to.payloads).toHaveLength(5);
  });

  it("sends a content again that it had changed away from (I3)", async () => {
    const to = engine();
    for (const text of ["one", "two", "one"]) await ingest(to, [{ id: "a", text }]);
    expect(to.payloads.map(({ text }) => text)).toEqual(["one", "two", "one"]);
  });

  it("sends a document again that was rejected", async () => {
    const to = engine();
    to.fate = () => "rejected";
    await ingest(to, some(1));
    expect(await ingest(to, some(1), { force: "again" })).toMatchObject({ rejected: 1 });
    const before = to.payloads.length;
    expect((await ingest(to, some(1))).unchanged + (to.payloads.length - before)).toBe(1);
  });

  it("into another log, or one that lost its end, sends everything", async () => {
    await ingest(engine(), some(3));
    const other = engine(createMemoryLog({ incarnation: 2 }));
    expect(await ingest(other, some(3))).toMatchObject({ documents: 3, unchanged: 0 });
    const empty = engine(createMemoryLog({ incarnation: 2 }));
    expect(await ingest(empty, some(3))).toMatchObject({ documents: 3, unchanged: 0 });
  });

  it("works with a memory that is no longer readable", async () => {
    const to = engine();
    writeFileSync(seenPath, "{broken");
    expect(await ingest(to, some(2))).toMatchObject({ documents: 2 });
    expect(await ingest(to, some(2))).toMatchObject({ unchanged: 2 });
  });
});
