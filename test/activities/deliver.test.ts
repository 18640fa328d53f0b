/** One turn of a webhook, over a store and a receiver in memory. */

import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { type DeliveryPorts, deliverEvents } from "../../activities/deliver/deliver.ts";
import {
  type Endpoint,
  type EndpointPost,
  type EndpointReply,
  eventTypeNames,
} from "../../src/contract/endpoint.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentStatus, StoredEvent } from "../../src/contract/events.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { endpointRetryWaitsMs } from "../../src/contract/limits/endpoints.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import type { TenantLife } from "../../src/contract/tenant-life.ts";
import { MemoryEndpoints } from "../../src/log/memory/endpoints.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";

const tenant = "acme" as TenantId;
const id = "wh_aaaaaaaaaaaaaaaa";
const request = { tenant, endpoint: id };

const eventOf = (seq: number, status: DocumentStatus = "visible"): StoredEvent => ({
  ...{ id: `doc-${seq}`, seq, status, at: "2026-11-29T10:00:00.000Z" },
  ...(status === "rejected" ? { reason: "document_failed", message: "it failed" } : {}),
});

class Bench {
  readonly store = new MemoryEndpoints();
  readonly clock: ManualClock = createManualClock();
  readonly posts: EndpointPost[] = [];
  events: readonly StoredEvent[] = [];
  life: TenantLife = { state: "active" };
  reply: (post: EndpointPost) => EndpointReply | Promise<EndpointReply> = () => ({
    kind: "delivered",
    status: 200,
  });
  /** What reading the log throws after all events. */
  end: FreshetError | undefined;
  pageSize = 3;

  async add(more: Partial<Endpoint> = {}): Promise<void> {
    const secrets = [{ value: "whsec_AAAA", createdAtMs: 0 }];
    const own = { id, tenant, url: "https://example.com/", status: "active", secrets } as const;
    const endpoint = { ...own, types: [...eventTypeNames], createdAtMs: 0, ...more };
    await this.store.add(endpoint, { after: 0, delivered: 0, failed: 0 });
  }

  ports(more: Partial<DeliveryPorts> = {}): DeliveryPorts {
    return {
      store: this.store,
      lives: { get: async () => ({ life: this.life, revision: 1 }) },
      events: (_tenant, { after, signal }) => this.#pages(after, signal),
      post: async (post) => {
        this.posts.push(post);
        return this.reply(post);
      },
      clock: this.clock,
      random: () => 0,
      ...{ logger: silentLogger, metrics: silentMetrics },
      heartbeat: () => {},
      signal: () => new AbortController().signal,
      ...more,
    };
  }

  /** Ends with the log's events, where the real one would wait for more. */
  async *#pages(after: number, signal: AbortSignal): AsyncGenerator<readonly StoredEvent[]> {
    yield [];
    const left = this.events.filter(({ seq }) => seq > after);
    for (let at = 0; at < left.length; at += this.pageSize) {
      signal.throwIfAborted();
      yield left.slice(at, at + this.pageSize);
    }
    if (this.end !== undefined) throw this.end;
  }

  turn(more?: Partial<DeliveryPorts>) {
    return deliverEvents(this.ports(more), request);
  }

  get sent(): readonly number[] {
    return this.posts.map(({ body }) => JSON.parse(body).data.version as number);
  }

  async state() {
    return (await this.store.state({ tenant, id }))?.value;
  }

  async status() {
    return (await this.store.get(tenant, id))?.value;
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe("a turn of a webhook", () => {
  it("sends every event after its position, in order, one request each, and never a text", async () => {
    await bench.add();
    bench.events = [eventOf(3), eventOf(5, "deleted"), eventOf(9, "rejected"), eventOf(10)];
    expect(await bench.turn()).toEqual({ kind: "more", delivered: 4 });
    expect(bench.posts.map(({ id: name }) => name)).toEqual([
      ...["msg_aaaaaaaaaaaaaaaa_3", "msg_aaaaaaaaaaaaaaaa_5"],
      ...["msg_aaaaaaaaaaaaaaaa_9", "msg_aaaaaaaaaaaaaaaa_10"],
    ]);
    expect(JSON.parse(bench.posts[2]?.body ?? "")).toEqual({
      type: "document.rejected",
      timestamp: "2026-11-29T10:00:00.000Z",
      data: {
        ...{ tenant, id: "doc-9", version: 9, position: 9 },
        ...{ reason: "document_failed", message: "it failed" },
      },
    });
    expect(await bench.state()).toMatchObject({ after: 10, delivered: 4, failed: 0 });
    expect(await bench.turn()).toEqual({ kind: "more", delivered: 0 });
  });

  it("passes over types that are not wanted, and does not read them again", async () => {
    await bench.add({ types: ["document.deleted"] });
    bench.events = [eventOf(1), eventOf(2, "deleted"), eventOf(3), eventOf(4)];
    await bench.turn();
    expect(bench.sent).toEqual([2]);
    bench.end = new FreshetError("cancelled");
    await bench.clock.advance(10_000);
    // The turn's end stores what was skipped; here it ends by time.
    const ports = { turnMs: 50, events: hanging(bench) };
    const turning = bench.turn(ports);
    await bench.clock.untilSleeping(1);
    await bench.clock.advance(50);
    expect(await turning).toEqual({ kind: "more", delivered: 0 });
    expect((await bench.state())?.after).toBe(4);
  });

  it("holds up later events by one that is not taken, and tries it by the schedule (DX2)", async () => {
    await bench.add();
    bench.events = [eventOf(1), eventOf(2)];
    bench.reply = () => ({ kind: "failed", status: 503, reason: "status 503" });
    for (const [index, waitMs] of endpointRetryWaitsMs.entries()) {
      const why = { kind: "failing", attempts: index + 1, reason: "status 503" };
      expect(await bench.turn()).toEqual({ kind: "wait", delivered: 0, waitMs, why });
      // Whoever asks too early waits for the rest of the time, without a request.
      expect(await bench.turn()).toMatchObject({ kind: "wait", waitMs });
      expect(bench.posts).toHaveLength(index + 1);
      await bench.clock.advance(waitMs);
    }
    expect(await bench.turn()).toMatchObject({ kind: "over" });
    expect(bench.sent).toEqual(bench.sent.map(() => 1));
    expect(new Set(bench.posts.map(({ id: name }) => name)).size).toBe(1);
    expect(await bench.status()).toMatchObject({
      status: "paused",
      reason: "9 attempts failed, the last with: status 503",
    });
    expect(await bench.store.failures({ tenant, id })).toHaveLength(9);
    expect(await bench.turn()).toMatchObject({ kind: "over", why: "paused" });
  });

  it("grants a receiver the time that it asks for", async () => {
    await bench.add();
    bench.events = [eventOf(1)];
    bench.reply = () => ({ kind: "failed", reason: "status 429", retryAfterMs: 60_000 });
    expect(await bench.turn()).toMatchObject({ kind: "wait", waitMs: 60_000 });
    bench.reply = () => ({ kind: "failed", reason: "status 429", retryAfterMs: 1e12 });
    await bench.clock.advance(60_000);
    expect(await bench.turn()).toMatchObject({ kind: "wait", waitMs: 3_600_000 });
  });

  it("waits no longer than its schedule for an attempt that a clock which ran ahead has set", async () => {
    await bench.add();
    bench.events = [eventOf(1)];
    bench.reply = () => ({ kind: "failed", reason: "status 503" });
    const yearMs = 365 * 24 * 3_600_000;
    const ahead = { ...bench.clock, nowMs: () => bench.clock.nowMs() + yearMs };
    expect(await bench.turn({ clock: ahead })).toMatchObject({ kind: "wait", waitMs: 5_000 });
    const turn = await bench.turn();
    expect(turn.kind === "wait" && turn.waitMs).toBeLessThanOrEqual(limits.endpointRetryAfterMaxMs);
  });

  it("is disabled by 410 Gone", async () => {
    await bench.add();
    bench.events = [eventOf(1), eventOf(2)];
    bench.reply = () => ({ kind: "gone", status: 410 });
    expect(await bench.turn()).toMatchObject({ kind: "over" });
    expect(bench.posts).toHaveLength(1);
    expect(await bench.status()).toMatchObject({ status: "disabled" });
    expect((await bench.state())?.after).toBe(0);
  });

  it("sends nothing more after it was paused or removed meanwhile (DX3)", async () => {
    await bench.add();
    bench.events = [eventOf(1), eventOf(2), eventOf(3)];
    bench.reply = async () => {
      const stored = await bench.store.get(tenant, id);
      if (stored !== null) {
        await bench.store.put({ ...stored.value, status: "paused" }, stored.revision);
      }
      return { kind: "delivered", status: 200 };
    };
    await bench.turn();
    expect(bench.sent).toEqual([1]);
    expect((await bench.state())?.after).toBe(1);
    await bench.store.remove(tenant, id);
    expect(await bench.turn()).toEqual({ kind: "over", delivered: 0, why: "removed" });
  });

  it("pauses at a gap of the log, and says where the log begins (DX4)", async () => {
    await bench.add();
    bench.end = new FreshetError("events_expired", undefined, { details: { oldest_seq: 77 } });
    expect(await bench.turn()).toMatchObject({ kind: "over" });
    expect(await bench.status()).toMatchObject({ status: "paused" });
    expect((await bench.status())?.reason).toContain("77");
  });

  it("is not told as failing any more once it was resumed or removed (DX5)", async () => {
    const told: number[] = [];
    const set = (_name: string, value: number): void => void told.push(value);
    const turn = () => deliverEvents(bench.ports({ metrics: { ...silentMetrics, set } }), request);
    const fail = async (): Promise<void> => {
      bench.reply = () => ({ kind: "failed", reason: "status 503" });
      await turn();
      expect(told.at(-1)).toBeGreaterThan(0);
    };
    await bench.add();
    bench.events = [eventOf(1)];
    await fail();
    // As an operator who resumes it.
    const stored = await bench.store.state({ tenant, id });
    const { trouble: _, ...state } = stored?.value ?? { after: 0, delivered: 0, failed: 0 };
    await bench.store.putState({ tenant, id }, state, stored?.revision ?? 0);
    bench.events = [];
    await turn();
    expect(told.at(-1)).toBe(0);
    bench.events = [eventOf(1)];
    await fail();
    await bench.store.remove(tenant, id);
    await turn();
    expect(told.at(-1)).toBe(0);
  });

  it("rests while its tenant is suspended, and is over when that is erased", async () => {
    await bench.add();
    bench.events = [eventOf(1)];
    bench.life = { state: "suspended", atMs: 1 };
    expect(await bench.turn()).toMatchObject({ kind: "wait", why: { kind: "resting" } });
    bench.life = { state: "erasing", atMs: 1 };
    expect(await bench.turn()).toMatchObject({ kind: "over" });
    expect(bench.posts).toEqual([]);
  });

  it("fails, and is repeated, when the log is away", async () => {
    await bench.add();
    bench.end = new FreshetError("log_unavailable");
    await expect(bench.turn()).rejects.toMatchObject({ code: "log_unavailable" });
    expect(await bench.status()).toMatchObject({ status: "active" });
  });

  it("moves nothing back when a newer attempt has passed it by (HX1)", async () => {
    await bench.add();
    bench.events = [eventOf(1), eventOf(2), eventOf(3)];
    const newer = () => bench.turn();
    let first = true;
    bench.reply = async () => {
      if (first) {
        first = false;
        // While this attempt is frozen in its request, another one does all the work.
        await newer();
      }
      return { kind: "delivered", status: 200 };
    };
    expect(await bench.turn()).toEqual({ kind: "more", delivered: 1 });
    expect(bench.sent).toEqual([1, 1, 2, 3]);
    expect((await bench.state())?.after).toBe(3);
  });
});

describe("deliveries whose worker dies at any step", () => {
  it("lose nothing, keep the order, and repeat only under the same id (DX1)", async () => {
    const plan = fc.array(fc.constantFrom("works", "fails", "dies-before", "dies-after"), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        const one = new Bench();
        await one.add();
        one.events = Array.from({ length: 8 }, (_, index) => eventOf(index * 2 + 1));
        const taken: number[] = [];
        let step = 0;
        one.reply = ({ body }) => {
          const what = steps[step++] ?? "works";
          if (what === "dies-before") throw new FreshetError("log_unavailable");
          if (what === "fails") return { kind: "failed", reason: "status 500", retryAfterMs: 0 };
          taken.push(JSON.parse(body).data.version);
          if (what === "dies-after") throw new FreshetError("log_unavailable");
          return { kind: "delivered", status: 200 };
        };
        for (let turn = 0; (await one.state())?.after !== 15; turn += 1) {
          if ((await one.status())?.status === "paused") break;
          await one.turn().catch(() => {});
          await one.clock.advance(48 * 3_600_000);
        }
        const upTo = (await one.state())?.after ?? 0;
        const wanted = [1, 3, 5, 7, 9, 11, 13, 15].filter((seq) => seq <= upTo);
        const firsts = taken.filter((seq, index) => taken.indexOf(seq) === index);
        expect(firsts.filter((seq) => seq <= upTo)).toEqual(wanted);
        // Never an older one after a newer one: a repetition follows its first directly.
        expect([...taken].sort((a, b) => a - b)).toEqual(taken);
      }),
      { numRuns: 60 },
    );
  });
});

/** The events, and then a wait that only the signal ends. */
function hanging({ events, clock }: Bench): DeliveryPorts["events"] {
  return async function* (_tenant, { after, signal }) {
    yield events.filter(({ seq }) => seq > after);
    await clock.sleep(1e9, signal);
    signal.throwIfAborted();
  };
}
