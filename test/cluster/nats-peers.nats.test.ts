import { connect, type NatsConnection } from "nats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectPeers, type PeerServer, servePeers } from "../../src/cluster/nats-peers.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type AnswerEvent, parseQuestion } from "../../src/contract/query.ts";
import { quotaExceeded } from "../../src/contract/quota.ts";
import type { Peers } from "../../src/contract/service.ts";
import { FakeService } from "../gateway/fake-service.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { serversOfFile } from "../support/side-by-side.ts";

const demo = "demo" as TenantId;
const node = `host.with.dots-${process.pid}`;
const signal = new AbortController().signal;

let asking: NatsConnection;
let owning: NatsConnection;
let owner: FakeService;
let server: PeerServer;
let peers: Peers;
let metrics: ReturnType<typeof countingMetrics>;

beforeEach(async () => {
  const servers = serversOfFile().nats.url;
  [asking, owning] = await Promise.all([connect({ servers }), connect({ servers })]);
  owner = new FakeService();
  const payload = new TextEncoder().encode(JSON.stringify({ id: "a", text: "rivers rise" }));
  await owner.publish(demo, { payload });
  metrics = countingMetrics();
  server = await servePeers({ connection: owning, node, local: owner, stopMs: 100, metrics });
  peers = connectPeers(asking);
});

afterEach(async () => {
  await server.close();
  await Promise.all([asking.close(), owning.close()]);
});

describe("peers", () => {
  it("a question reaches the node that owns its tenant, and its answer comes back", async () => {
    const question = parseQuestion({ query: "rivers", top_k: 3 });
    const answer = await peers.ask(node, { tenant: demo, question, signal });
    expect(answer).toMatchObject({ answer: "It was.", sources: [{ id: "a" }] });
    expect(owner.asked).toMatchObject([{ tenant: "demo", question: { top_k: 3 } }]);
  });

  it("PE3: events of a streamed answer arrive in order, before the answer", async () => {
    const events: AnswerEvent["type"][] = [];
    const onEvent = (event: AnswerEvent): void => void events.push(event.type);
    const question = parseQuestion({ query: "rivers" });
    await peers.ask(node, { tenant: demo, question, signal, onEvent });
    expect(events[0]).toBe("retrieval");
    expect(events).toContain("delta");
    expect(events).not.toContain("done");
  });

  it("a publish is admitted, or refused with the owner's quota and its time, in the name of its credential", async () => {
    const user = { tenant: demo, credential: "0123456789ab" };
    await peers.admit(node, user, 123);
    expect(owner.admitted).toEqual([{ ...user, bytes: 123 }]);
    owner.publishFailure = quotaExceeded({
      ...{ quota: "bytes_per_second", of: "credential", limit: 9, retryAfterMs: 700 },
    });
    await expect(peers.admit(node, user, 123)).rejects.toMatchObject({
      code: "quota_exceeded",
      details: { quota: "bytes_per_second", of: "credential", retry_after_ms: 700 },
    });
    const gone = peers.admit("another-node", user, 1);
    await expect(gone).rejects.toMatchObject({ code: "not_ready" });
  });

  it("what a tenant uses is told by its owner", async () => {
    expect(await peers.usage(node, demo)).toMatchObject({ tenant: "demo", documents: 1 });
  });

  it("a typed error of the owner is the caller's error", async () => {
    const question = parseQuestion({ query: "rivers" });
    const asked = peers.ask(node, { tenant: "nobody" as TenantId, question, signal });
    await expect(asked).rejects.toMatchObject({ code: "no_results" });
  });

  it("PE5: a request with a subject of the log as reply is not answered, and no work is done", async () => {
    let heard = 0;
    asking.subscribe("chunks.0.b", { callback: () => void (heard += 1) });
    await asking.flush();
    const token = Buffer.from(node, "utf8").toString("base64url");
    const body = JSON.stringify({ question: { query: "rivers" }, stream: false });
    asking.publish(`freshet.peer.${token}.ask.demo`, body, { reply: "chunks.0.b" });
    const question = parseQuestion({ query: "rivers" });
    await peers.ask(node, { tenant: demo, question, signal });
    expect([heard, owner.asked.length]).toEqual([0, 1]);
    expect(metrics.counted("replies_refused_total")).toBe(1);
  });

  it("a document's state is asked of the owner", async () => {
    const state = await peers.document(node, { tenant: demo }, "a" as DocumentId);
    expect(state).toMatchObject({ id: "a", status: "visible" });
  });

  it("a page of documents is asked of the owner", async () => {
    expect(await peers.documents(node, { tenant: demo }, { limit: 5 })).toEqual({
      documents: [{ id: "a", seq: 1, shard: "hot" }],
      next: null,
    });
  });

  it("PE7: the groups of a credential come with each request, and none where it has none", async () => {
    const question = parseQuestion({ query: "rivers" });
    const events: AnswerEvent["type"][] = [];
    const onEvent = (event: AnswerEvent): void => void events.push(event.type);
    for (const groups of [undefined, [], ["sales", "team ops"]]) {
      const reader = { tenant: demo, groups };
      await peers.ask(node, { ...reader, question, signal, onEvent });
      await peers.document(node, reader, "a" as DocumentId);
      expect((await peers.documents(node, reader, { limit: 5 })).documents).toHaveLength(1);
      expect(owner.readers.splice(0)).toEqual(Array(3).fill(reader));
      expect(events.splice(0)).toContain("delta");
    }
  });

  it("PE7: a request that lost its groups is refused", async () => {
    const token = Buffer.from(node, "utf8").toString("base64url");
    const subject = `freshet.peer.${token}.restricted.demo`;
    const request = { question: { query: "rivers" }, stream: false };
    for (const body of [
      { verb: "ask", request },
      { groups: "sales", verb: "ask", request },
    ]) {
      const reply = await asking.request(subject, JSON.stringify(body), { timeout: 2_000 });
      expect(reply.json()).toMatchObject({ error: { code: "invalid_request" } });
    }
    // As a node of an earlier release reads what comes with groups: as a question.
    const restricted = { groups: ["sales"], verb: "ask", request };
    const earlier = `freshet.peer.${token}.ask.demo`;
    const reply = await asking.request(earlier, JSON.stringify(restricted), { timeout: 2_000 });
    expect(reply.json()).toMatchObject({ error: { code: "invalid_request" } });
    expect(owner.readers).toEqual([]);
  });

  it("PE8: what the owner understands and refuses is refused, as if it had been asked itself", async () => {
    const question = parseQuestion({ query: "rivers", generation: 3 });
    owner.failure = new FreshetError("invalid_request", "generation 3 cannot be asked");
    await expect(peers.ask(node, { tenant: demo, question, signal })).rejects.toMatchObject({
      ...{ code: "invalid_request", retryable: false, message: "generation 3 cannot be asked" },
    });
  });

  it("PE10: an answer that is larger than a message comes back whole, streamed or not", async () => {
    const text = "é".repeat(owning.info?.max_payload ?? 0);
    owner.deltas = [text, "was."];
    const question = parseQuestion({ query: "rivers" });
    expect((await peers.ask(node, { tenant: demo, question, signal })).answer).toBe(`${text}was.`);
    const said: string[] = [];
    const onEvent = (event: AnswerEvent): void => {
      if (event.type === "delta") said.push(event.text);
    };
    const answer = await peers.ask(node, { tenant: demo, question, signal, onEvent });
    expect(answer.answer).toBe(`${text}was.`);
    expect(said).toEqual([text, "was."]);
  });

  it("PE2: a node that is gone is not_ready, at once", async () => {
    const question = parseQuestion({ query: "rivers" });
    const gone = { code: "not_ready", retryable: true };
    await expect(peers.ask("nowhere", { tenant: demo, question, signal })).rejects.toMatchObject(
      gone,
    );
    await server.close();
    await expect(peers.ask(node, { tenant: demo, question, signal })).rejects.toMatchObject(gone);
  });

  describe("PE6: a question ends at its owner when its asker goes", () => {
    const question = parseQuestion({ query: "rivers", deadline_ms: 120_000 });
    const never = new Promise<void>(() => {});

    async function working(): Promise<AbortSignal> {
      await expect.poll(() => owner.signals.length).toBe(1);
      return owner.signals[0] as AbortSignal;
    }

    it("at once when it says so", async () => {
      owner.hold = never;
      const caller = new AbortController();
      const asked = peers.ask(node, { tenant: demo, question, signal: caller.signal });
      const failed = expect(asked).rejects.toMatchObject({ code: "cancelled" });
      const work = await working();
      expect(work.aborted).toBe(false);
      caller.abort();
      await failed;
      await expect.poll(() => work.aborted, { timeout: 1_000 }).toBe(true);
    });

    it("within some beats when it dies without a word", async () => {
      owner.hold = never;
      const asked = peers.ask(node, { tenant: demo, question, signal });
      const failed = expect(asked).rejects.toMatchObject({ code: "not_ready" });
      const work = await working();
      await asking.close();
      await failed;
      const timeout = limits.peerSilenceMs + limits.peerBeatMs + 1_000;
      await expect.poll(() => work.aborted, { timeout }).toBe(true);
    });

    it("not while it waits, however long", async () => {
      const held = Promise.withResolvers<void>();
      owner.hold = held.promise;
      const asked = peers.ask(node, { tenant: demo, question, signal });
      const work = await working();
      await new Promise((resolve) => setTimeout(resolve, limits.peerSilenceMs + 500));
      expect(work.aborted).toBe(false);
      held.resolve();
      expect((await asked).answer).toBe("It was.");
    });

    it("not because it is of a version that does not beat", async () => {
      const held = Promise.withResolvers<void>();
      owner.hold = held.promise;
      const subject = `freshet.peer.${Buffer.from(node).toString("base64url")}.ask.${demo}`;
      const body = new TextEncoder().encode(JSON.stringify({ question, stream: false }));
      const asked = asking.request(subject, body, { timeout: 10_000 });
      const work = await working();
      await new Promise((resolve) => setTimeout(resolve, limits.peerSilenceMs + 500));
      expect(work.aborted).toBe(false);
      held.resolve();
      expect((await asked).json()).toMatchObject({ answer: "It was." });
    });
  });

  it("a caller that has gone is not kept waiting", async () => {
    const caller = new AbortController();
    const question = parseQuestion({ query: "rivers" });
    caller.abort();
    const asked = peers.ask(node, { tenant: demo, question, signal: caller.signal });
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
  });
});
