import { headers, type Msg, type NatsConnection } from "nats";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { connectPeers } from "../../src/cluster/nats-peers.ts";
import type { DocumentId, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { watchTimers } from "../support/own-timers.ts";

const demo = "demo" as TenantId;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A connection on which one message comes for each subscription, and nothing after it. */
function silentAfter(first: unknown) {
  let open = 0;
  const subscribe = () => {
    const ended = Promise.withResolvers<void>();
    open += 1;
    async function* replies(): AsyncGenerator<Msg> {
      if (first !== undefined)
        yield { data: new Uint8Array(1), json: () => first } as unknown as Msg;
      await ended.promise;
    }
    let isOpen = true;
    const unsubscribe = (): void => {
      if (isOpen) open -= 1;
      isOpen = false;
      ended.resolve();
    };
    return Object.assign(replies(), { unsubscribe });
  };
  const published: string[] = [];
  const publish = (subject: string): void => void published.push(subject.split(".")[3] ?? "");
  const isClosed = (): boolean => false;
  const connection = { subscribe, publish, isClosed } as unknown as NatsConnection;
  return { connection, published, open: () => open };
}

it("PE4: the wait for a peer that falls silent in the middle of its answer is bounded", async () => {
  const { connection, published, open } = silentAfter({ type: "delta", text: "It" });
  const question = parseQuestion({ query: "rivers" });
  const waitMs = question.deadline_ms + limits.peerMarginMs;
  const timers = watchTimers(waitMs, limits.peerBeatMs);
  const { signal } = new AbortController();
  const events: unknown[] = [];
  const onEvent = (event: unknown): void => void events.push(event);
  const asked = connectPeers(connection).ask("node", { tenant: demo, question, signal, onEvent });
  const failed = expect(asked).rejects.toMatchObject({ code: "not_ready", retryable: true });
  await vi.advanceTimersByTimeAsync(waitMs);
  await failed;
  expect(events).toHaveLength(1);
  expect(open()).toBe(0);
  expect([published[0], ...new Set(published.slice(1))]).toEqual(["ask", "beat", "cancel"]);
  expect(timers.begun()).toBe(2);
  expect(timers.open()).toBe(0);
});

it("PE2: an unanswered look-up is not ready, and was not cancelled", async () => {
  const { connection } = silentAfter(undefined);
  const asked = connectPeers(connection).document("node", { tenant: demo }, "a" as DocumentId);
  const failed = expect(asked).rejects.toMatchObject({ code: "not_ready" });
  await vi.advanceTimersByTimeAsync(limits.peerMarginMs);
  await failed;
});

/** As a peer sends it. */
function numbered(event: string, seq: number, value: unknown): Msg {
  const named = headers();
  named.set("Freshet-Event", event);
  named.set("Freshet-Seq", String(seq));
  const data = new TextEncoder().encode(JSON.stringify(value));
  return { data, headers: named, json: () => value } as unknown as Msg;
}

it("PE9: a streamed answer of which a message was lost fails, and is not short of words", async () => {
  const sent = [
    numbered("delta", 1, { type: "delta", text: "do " }),
    // The second said "not ", while this node's connection was down.
    numbered("delta", 3, { type: "delta", text: "open it" }),
    numbered("done", 4, { answer: "do not open it" }),
  ];
  const published: string[] = [];
  const connection = {
    subscribe: () =>
      Object.assign(
        (async function* () {
          yield* sent;
        })(),
        { unsubscribe: () => {} },
      ),
    publish: (subject: string): void => void published.push(subject.split(".")[3] ?? ""),
    isClosed: () => false,
  } as unknown as NatsConnection;
  const said: unknown[] = [];
  const onEvent = (event: unknown): void => void said.push(event);
  const question = parseQuestion({ query: "rivers" });
  const { signal } = new AbortController();
  const asked = connectPeers(connection).ask("node", { tenant: demo, question, signal, onEvent });
  await expect(asked).rejects.toMatchObject({ code: "not_ready", retryable: true });
  expect(said).toEqual([{ type: "delta", text: "do " }]);
  // The owner need not go on.
  expect(published.at(-1)).toBe("cancel");
});
