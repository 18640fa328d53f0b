/**
 * What the client does, whichever way it takes to the engine. One suite over HTTP and NATS, each
 * with the real surface before a fake engine.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Freshet, FreshetError, type Surroundings } from "../../src/client/index.ts";
import { FreshetError as EngineError } from "../../src/contract/errors.ts";
import type { StoredEvent } from "../../src/contract/events.ts";
import { limits } from "../../src/contract/limits.ts";
import type { FakeService } from "../gateway/fake-service.ts";

export interface Way {
  readonly service: FakeService;
  client(options?: {
    readonly tenant?: string;
    readonly surroundings?: Surroundings;
    readonly timeoutMs?: number;
  }): Freshet;
  /** Ends whatever requests are open at the surface, as a node that dies does. */
  cut(): Promise<void>;
  close(): Promise<void>;
}

export function clientConforms(name: string, open: () => Promise<Way>): void {
  describe(`a client over ${name}`, () => suite(open));
}

/** The machine may be busy. */
const patient = { timeout: 20_000 };

function suite(open: () => Promise<Way>): void {
  let way: Way;
  let client: Freshet;
  /** Pauses that were made, instead of waiting for them. */
  let pauses: number[];
  const surroundings: Surroundings = {
    sleep: async (ms) => {
      pauses.push(ms);
      await new Promise(setImmediate);
    },
    random: () => 0,
    nowMs: () => 0,
  };

  beforeEach(async () => {
    pauses = [];
    way = await open();
    client = way.client({ tenant: "demo", surroundings });
  });
  afterEach(async () => {
    await way.close();
  });

  /** Fails so many times, then works. */
  function failing(times: number, error: EngineError): void {
    const { service } = way;
    const { publish, ask } = service;
    let left = times;
    const first =
      <Parameters extends unknown[], Result>(work: (...given: Parameters) => Promise<Result>) =>
      async (...given: Parameters): Promise<Result> => {
        if (left > 0) {
          left -= 1;
          throw error;
        }
        return work.apply(service, given);
      };
    service.publish = first(publish);
    service.ask = first(ask);
  }

  const rivers = { id: "a", text: "rivers rise" };
  const event = (seq: number, more: Partial<StoredEvent> = {}): StoredEvent => ({
    ...{ id: `${seq}`, seq, status: "visible", at: "2026-01-01T00:00:00Z", ...more },
  });

  describe("publishing", () => {
    it("brings the receipt, and the tenant's questions see it from then on", async () => {
      expect(client.minSeq).toBeUndefined();
      expect(await client.publish(rivers)).toEqual({ id: "a", seq: 1 });
      expect(client.minSeq).toBe(1);
      await client.ask("rivers");
      await client.ask({ query: "rivers", min_seq: 0 });
      expect(way.service.asked.map(({ question }) => question.min_seq)).toEqual([1, 0]);
    });

    it("keeps what was published for each tenant by itself", async () => {
      await client.publish(rivers);
      const other = client.forTenant("acme");
      expect(other.minSeq).toBeUndefined();
      await other.publish(rivers);
      await other.ask("rivers");
      expect(way.service.asked).toMatchObject([{ tenant: "acme", question: { min_seq: 2 } }]);
      expect(client.minSeq).toBe(1);
      expect(client.forTenant("acme").minSeq).toBe(2);
    });

    it("repeats under one key what failed in passing, and waits as it was told (CL1)", async () => {
      const error = new EngineError("quota_exceeded", undefined, {
        details: { retry_after_ms: 700 },
      });
      failing(2, error);
      expect(await client.publish(rivers)).toEqual({ id: "a", seq: 1 });
      expect(pauses).toEqual([700, 700]);
      const [key] = way.service.messageIds;
      expect(key).toMatch(/^[0-9a-f-]{36}$/);
      expect(way.service.messageIds).toHaveLength(1);
    });

    it("gives up after bounded attempts, with the engine's error", async () => {
      way.service.publishFailure = new EngineError("log_unavailable");
      const failure = client.publish(rivers);
      await expect(failure).rejects.toMatchObject({
        ...{ code: "log_unavailable", status: 503, retryable: true, retryAfterMs: 1_000 },
      });
      await expect(failure).rejects.toBeInstanceOf(FreshetError);
      expect(pauses).toHaveLength(3);
    });

    it("does not repeat what can never succeed", async () => {
      const failure = client.publish({ id: "", text: "x" });
      await expect(failure).rejects.toMatchObject({ code: "invalid_document", status: 400 });
      expect(pauses).toEqual([]);
    });

    it("deletes", async () => {
      await client.publish(rivers);
      expect(await client.delete("a")).toEqual({ id: "a", seq: 2 });
      expect(await client.document("a")).toMatchObject({ status: "absent" });
    });

    it("many keep their order, each with a result of its own", async () => {
      const results = await client.publishMany([
        rivers,
        { id: "", text: "no id" },
        { id: "b", text: "seas" },
        { op: "delete", id: "a" },
      ]);
      expect(results.map((one) => ("seq" in one ? one.id : one.error.code))).toEqual([
        ...["a", "invalid_document", "b", "a"],
      ]);
      expect(results.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
      expect(client.minSeq).toBe(3);
      expect(await client.document("a")).toMatchObject({ status: "absent" });
    });

    it("more than fits into one request goes in several, one after the other (CB2)", async () => {
      const many = Array.from({ length: 1_203 }, (_, n) => ({ id: `d${n}`, text: `text ${n}` }));
      const results = await client.publishMany(many);
      expect(results.every((one) => "seq" in one)).toBe(true);
      expect(results.map(({ index }) => index)).toEqual(many.map((_, index) => index));
      const batches = new Set(way.service.messageIds.map((id) => id?.split("/")[1]));
      expect([...batches]).toEqual(["1", "2", "3"]);
    });

    it("a batch that was refused in part is sent again under the same keys (CB1)", async () => {
      const { service } = way;
      const publish = service.publish.bind(service);
      let calls = 0;
      service.publish = async (tenant, options) => {
        calls += 1;
        if (calls === 2) throw new EngineError("overloaded");
        return publish(tenant, options);
      };
      const results = await client.publishMany([1, 2, 3].map((n) => ({ id: `${n}`, text: "t" })));
      expect(results.every((one) => "seq" in one)).toBe(true);
      expect(new Set(service.messageIds).size).toBe(3);
      expect(pauses).toHaveLength(1);
    });

    it("takes NDJSON as it comes, in pieces", async () => {
      async function* pieces() {
        yield '{"id":"a","text":"one"}\n{"id":';
        yield '"b","text":"two"}\r\n\njunk\n';
        yield '{"id":"c","text":"three"}';
      }
      const results = await client.publishNdjson(pieces());
      expect(
        results.map((one) => ("seq" in one ? `${one.index} ${one.id}` : one.error.code)),
      ).toEqual(["0 a", "1 b", "invalid_json", "4 c"]);
    });
  });

  describe("asking", () => {
    beforeEach(async () => {
      await client.publish(rivers);
    });

    it("asks and searches", async () => {
      expect(await client.ask("rivers")).toMatchObject({
        answer: "It was.",
        sources: [{ id: "a" }],
      });
      expect(await client.search({ query: "rivers", top_k: 3 })).toMatchObject({
        sources: [{ id: "a" }],
      });
      expect(way.service.asked.map(({ question }) => question.mode)).toEqual(["answer", "search"]);
    });

    it("nothing found is an error of an answer, and an empty list of a search", async () => {
      await expect(client.ask("deserts")).rejects.toMatchObject({
        ...{ code: "no_results", status: 404, retryable: false },
      });
      expect(await client.search("deserts")).toEqual({ sources: [] });
      // A filter hid so many that one which matches may have been missed (I12).
      const details = { coverage: "partial", visible_seq: 1 };
      way.service.failure = new EngineError("no_results", "hidden", { details });
      const coverage = { hot: "complete", cold: "partial", llm: "none" };
      expect(await client.search("rivers")).toEqual({ sources: [], coverage });
      way.service.failure = undefined;
    });

    it("asks again where a node is not ready, and not where the time is used up", async () => {
      failing(1, new EngineError("not_ready"));
      expect(await client.ask("rivers")).toMatchObject({ answer: "It was." });
      expect(pauses).toHaveLength(1);
      failing(1, new EngineError("not_visible_yet"));
      await expect(client.ask("rivers")).rejects.toMatchObject({ code: "not_visible_yet" });
      expect(pauses).toHaveLength(1);
    });

    it("forgets what it waits for when the log is another one", async () => {
      way.service.failure = new EngineError("wrong_incarnation");
      await expect(client.ask("rivers")).rejects.toMatchObject({ code: "wrong_incarnation" });
      expect(client.minSeq).toBeUndefined();
    });

    it("streams sources, words, and the whole answer", async () => {
      const seen: string[] = [];
      for await (const piece of client.stream("rivers")) {
        seen.push(piece.type === "delta" ? piece.text : piece.type);
        if (piece.type === "done") expect(piece.answer.answer).toBe("It was.");
      }
      expect(seen).toEqual(["retrieval", "It ", "was.", "done"]);
    });

    it("a stream that is refused throws, and begins again where that passes", async () => {
      const pieces = async () => {
        const all = [];
        for await (const { type } of client.stream("rivers")) all.push(type);
        return all;
      };
      failing(1, new EngineError("not_ready"));
      expect((await pieces()).at(-1)).toBe("done");
      way.service.failure = new EngineError("invalid_request", "no");
      await expect(pieces()).rejects.toMatchObject({ code: "invalid_request" });
    });

    it("leaving a stream ends the work at the engine", async () => {
      const hold = Promise.withResolvers<void>();
      way.service.hold = hold.promise;
      for await (const piece of client.stream("rivers")) {
        expect(piece.type).toBe("retrieval");
        break;
      }
      await expect.poll(() => way.service.signals.at(-1)?.aborted, patient).toBe(true);
      // Else the engine's stop waits for it.
      hold.resolve();
    });

    it("an aborted question rejects with the reason, and ends at the engine", async () => {
      way.service.hold = new Promise(() => {});
      const leaving = new AbortController();
      const asking = client.ask("rivers", { signal: leaving.signal });
      await expect.poll(() => way.service.signals.length, patient).toBe(1);
      leaving.abort(new Error("enough"));
      await expect(asking).rejects.toThrow("enough");
      await expect.poll(() => way.service.signals.at(-1)?.aborted, patient).toBe(true);
    });

    it("lists documents page by page", async () => {
      for (const id of ["b", "c"]) await client.publish({ id, text: "seas" });
      const ids = [];
      for await (const { id } of client.documents({ pageSize: 2 })) ids.push(id);
      expect(ids).toEqual(["a", "b", "c"]);
    });
  });

  describe("events", () => {
    it("hears what came after a position, in order", async () => {
      way.service.stored = [1, 2, 3, 4].map((seq) => event(seq));
      const seen: number[] = [];
      for await (const { seq } of client.events({ fromSeq: 2 })) {
        seen.push(seq);
        if (seq === 4) break;
      }
      expect(seen).toEqual([2, 3, 4]);
    });

    it("misses nothing and repeats nothing when the way breaks again and again (CL3)", async () => {
      const { service } = way;
      service.stored = [];
      const seen: number[] = [];
      let next = 0;
      const listening = (async () => {
        for await (const { seq } of client.events()) {
          seen.push(seq);
          if (seq === 12) return;
        }
      })();
      while (next < 12) {
        next += 1;
        service.stored = [...service.stored, event(next)];
        if (next % 3 === 0) await way.cut();
        await expect.poll(() => seen.at(-1), patient).toBe(next);
      }
      await listening;
      expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    });

    it("tells where the log does not go back so far", async () => {
      way.service.failure = new EngineError("events_expired");
      way.service.failsAtOnce = true;
      const hearing = client.events({ fromSeq: 1 }).next();
      await expect(hearing).rejects.toMatchObject({ code: "events_expired", status: 410 });
    });

    it("waits until publishes are dealt with", async () => {
      const published = [
        await client.publish(rivers),
        await client.publish({ ...rivers, id: "b" }),
      ];
      way.service.stored = [event(1, { id: "a" }), event(2, { id: "b", status: "superseded" })];
      expect(await client.waitUntilVisible(published)).toEqual([
        { id: "a", seq: 1, status: "visible" },
        { id: "b", seq: 2, status: "superseded" },
      ]);
    });

    it("rejects with the reason when one was rejected", async () => {
      const published = await client.publish(rivers);
      const reason = "document_failed" as const;
      way.service.stored = [event(1, { status: "rejected", reason, message: "it broke" })];
      await expect(client.waitUntilVisible(published)).rejects.toMatchObject({
        ...{ code: "document_failed", message: "it broke", details: { id: "a", seq: 1 } },
      });
    });

    it("stops waiting after its time", async () => {
      const published = await client.publish(rivers);
      await expect(client.waitUntilVisible(published, { timeoutMs: 50 })).rejects.toMatchObject({
        ...{ code: "not_visible_yet", retryable: true },
      });
    });
  });

  it("a request that is too large is refused", async () => {
    const query = "x".repeat(limits.questionCharsMax + 1);
    await expect(client.ask(query)).rejects.toMatchObject({ code: "invalid_request" });
  });
}
