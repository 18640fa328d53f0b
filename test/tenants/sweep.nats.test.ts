/**
 * Every subject there is, tried by one tenant against another: published to, listened to, and named
 * as the place where an answer goes. By hand, so that no library is in the way.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, createInbox, headers, type Msg, type NatsConnection } from "nats";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connectPeers } from "../../src/cluster/nats-peers.ts";
import type { Version } from "../../src/contract/ids.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { tenantPermissions } from "../../src/tenants/permissions.ts";
import { pub, type RawClient, rawClient } from "./raw-client.ts";
import { attacker, openTenantNats, type Root, type TenantNats, victim } from "./tenant-nats.ts";

const peer = `freshet.peer.${Buffer.from("node").toString("base64url")}`;

/** One subject of each kind, of the victim or of Freshet alone. */
const foreign: readonly string[] = [
  ...["docs.victim", "docs.3.victim", "docs.*", "docs.>", "docs.nobody", "docs.victim.more"],
  ...["query.victim", "query.*", "query.nobody", "events.victim", "events.*", "events.nobody"],
  ...["api.victim.search", "api.victim.publish", "api.victim.cancel", "api.*.publish", "api.>"],
  ...["api.victim.document.x", "api.victim", "freshet.gone.abc.1", "freshet.gone.>"],
  ...["chunks.3.victim", "chunks.0.attacker", "heads.victim.abc", "heads.attacker.abc"],
  ...["dlq.victim.5", "dlq.attacker.5", "freshet.source.letters.s.g.2"],
  ...["$KV.freshet_manifests.tenant.victim", "$KV.freshet_manifests.tenant.attacker"],
  ...["$KV.freshet_manifests.identity", "$KV.freshet_manifests.redaction"],
  ...["$KV.freshet_leases.3", "$KV.freshet_leases.node.x", "$KV.freshet_sources.source.s"],
  ...["$KV.freshet_webhooks.endpoint.victim.wh_a", "$KV.freshet_webhooks.state.attacker.wh_a"],
  ...[`${peer}.ask.victim`, `${peer}.document.victim`, `${peer}.cancel.x`, `${peer}.beat.x`],
  ...["$SRV.PING", "$SRV.INFO.freshet", "$SRV.STATS.freshet"],
  ...["$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.DOCS"],
  ...["$JS.API.STREAM.CREATE.EVIL", "$JS.API.STREAM.UPDATE.DOCS", "$JS.API.STREAM.DELETE.CHUNKS"],
  ...["$JS.API.STREAM.PURGE.CHUNKS", "$JS.API.STREAM.PURGE.DOCS", "$JS.API.STREAM.SNAPSHOT.DOCS"],
  ...["$JS.API.STREAM.RESTORE.DOCS", "$JS.API.STREAM.MSG.GET.CHUNKS"],
  ...["$JS.API.STREAM.MSG.DELETE.CHUNKS", "$JS.API.DIRECT.GET.KV_freshet_sources"],
  ...["$JS.API.CONSUMER.CREATE.DOCS", "$JS.API.CONSUMER.CREATE.DOCS.c.docs.>"],
  ...["$JS.API.CONSUMER.DURABLE.CREATE.DOCS.c", "$JS.API.CONSUMER.LIST.DOCS"],
  ...["$JS.API.CONSUMER.MSG.NEXT.DOCS.c", "$JS.API.CONSUMER.DELETE.DOCS.c"],
  ...["$JS.ACK.DOCS.c.1.1.1.1.1", "$JS.FC.DOCS.c.x", "$JS.EVENT.ADVISORY.API"],
  ...["$SYS.REQ.USER.INFO", "$SYS.REQ.SERVER.PING", "$SYS.REQ.CLAIMS.UPDATE"],
  ...["$SYS.REQ.CLAIMS.DELETE", "$SYS.ACCOUNT.x.CONNECT", "$SYS.REQ.ACCOUNT.x.CONNZ"],
  ...["$O.x", "$NRG.x", "_R_.abcdef", "_GR_.abc.def.x", "_INBOX.victim.abc", "_INBOX.abc"],
];
const wildcards = [
  ">",
  "*",
  "*.*",
  "*.>",
  "*.victim",
  "$JS.>",
  "$KV.>",
  "$SYS.>",
  "$SRV.>",
  "_R_.>",
];
/** In an account of its own a tenant may hear every inbox: all of them are its own. */
const hearsOwnInboxes = /^_INBOX\./;

/** The machine may be busy. */
const patient = { timeout: 20_000 };

const trace = (to: string) => `Nats-Trace-Dest: ${to}`;

describe.each(["operator", "accounts", "one-account"] as const)("as %s", (form) => {
  let site: TenantNats;
  let hand: RawClient;
  let other: NatsConnection;
  const heard: Msg[] = [];
  const mine = (root: Root) => site.own(root, attacker);

  beforeAll(async () => {
    site = await openTenantNats(form);
    const payload = new TextEncoder().encode(JSON.stringify({ id: "a", text: "rivers rise" }));
    await site.service.publish(attacker, { payload });
    hand = await rawClient(site.nats.url, site.authenticatorOf(attacker));
    other = await site.connect(victim);
    const hear = (subject: string) =>
      other.subscribe(subject, { callback: (_, message) => void heard.push(message) });
    hear(site.own("events", victim));
    hear("_INBOX.victim.>");
    await other.flush();
  });
  afterAll(async () => {
    hand.close();
    await other.close();
    await site.close();
  });

  /** What is stored when nothing more has come for a while: acknowledgements go their own way. */
  async function settled() {
    for (let last = await site.stored(); ; ) {
      await sleep(300);
      const now = await site.stored();
      if (JSON.stringify([...now]) === JSON.stringify([...last])) return now;
      last = now;
    }
  }

  /** What the victim and the log have of it, once everything that was sent has gone its way. */
  async function traces(attack: () => Promise<void>) {
    // What an earlier test had said to the victim is on its way.
    await site.log.connection.flush();
    await other.flush();
    heard.length = 0;
    site.service.asked.length = 0;
    const before = await site.stored();
    await attack();
    await hand.say();
    await site.log.connection.flush();
    await other.flush();
    const after = await settled();
    const changed = [...after].filter(([subject, count]) => before.get(subject) !== count);
    const gone = [...before.keys()].filter((subject) => !after.has(subject));
    return { changed: changed.map(([subject]) => subject), gone };
  }
  const inDocs = /^DOCS (was given in all|docs\.\d\.attacker)$/;

  it("a tenant publishes, asks, and hears its events, each tenant its own", async () => {
    const me = await site.connect(attacker);
    const events = me.subscribe(mine("events"), { max: 1 });
    await me.flush();
    const ack = await me.jetstream().publish(mine("docs"), '{"id":"a","text":"rivers rise"}');
    const before = (ack.seq - 1) as Version;
    const stored = await site.log.docs.readTenant({ tenant: attacker, after: before, max: 10 });
    expect(stored.map(({ version }) => version)).toContain(ack.seq);
    const reply = await me.request(mine("query"), '{"query":"rivers"}');
    expect(reply.json()).toMatchObject({ answer: "It was." });
    const event = { id: "a", seq: ack.seq, status: "visible", ms: 1 };
    site.log.events.publish(attacker, event as never);
    for await (const message of events) expect(message.json()).toEqual(event);
    expect(heard).toEqual([]);
    await me.close();
  });

  it("a node asks another one, which answers as the user for answers", async () => {
    const peers = connectPeers(site.log.connection);
    const { signal } = new AbortController();
    const question = parseQuestion({ query: "rivers" });
    const answer = await peers.ask("node", { tenant: attacker, question, signal });
    expect(answer).toMatchObject({ answer: "It was." });
  });

  it("answers to a question come as a stream", async () => {
    const me = await site.connect(attacker);
    const seen: string[] = [];
    const body = '{"query":"rivers","stream":true}';
    const replies = await me.requestMany(mine("query"), body, { maxWait: 5_000, jitter: 1_000 });
    for await (const message of replies) {
      const event = message.headers?.get("Freshet-Event") ?? "";
      seen.push(event);
      if (event === "done") break;
    }
    expect(seen[0]).toBe("retrieval");
    expect(seen.at(-1)).toBe("done");
    await me.close();
  });

  it("every endpoint answers a tenant for itself alone", async () => {
    const me = await site.connect(attacker);
    const call = async (endpoint: string, body = "") =>
      (await me.request(site.api(endpoint, attacker), body, { timeout: 5_000 })).json();
    const published = { id: "mine", text: "seas are deep" };
    expect(await call("publish", JSON.stringify(published))).toMatchObject({
      seq: expect.any(Number) as number,
    });
    expect(await call("search", '{"query":"seas"}')).toMatchObject({ sources: [{ id: "mine" }] });
    expect(await call("document", '{"id":"mine"}')).toMatchObject({ status: "visible" });
    expect(await call("status")).toMatchObject({ tenants: [{ tenant: attacker }] });
    expect(await call("listen")).toMatchObject({ events: [] });
    expect(heard).toEqual([]);
    await me.close();
  });

  describe("a stream", () => {
    let release: () => void;
    beforeEach(() => {
      site.service.hold = new Promise((resolve) => {
        release = resolve;
      });
      // Long enough that the server knows of the end before the words have run out.
      site.service.deltas = Array.from({ length: 50_000 }, (_, n) => `word ${n} `);
    });
    afterEach(() => {
      release();
      site.service.hold = undefined;
      site.service.deltas = ["It ", "was."];
    });

    async function begin(id: string): Promise<NatsConnection> {
      const me = await site.connect(attacker);
      const inbox = createInbox(form === "one-account" ? `_INBOX.${attacker}` : "_INBOX");
      const pieces: Msg[] = [];
      me.subscribe(inbox, { callback: (_, message) => void pieces.push(message) });
      const named = headers();
      named.set("Freshet-Request-Id", id);
      const body = '{"query":"rivers","stream":true}';
      me.publish(mine("query"), body, { reply: inbox, headers: named });
      await expect.poll(() => pieces.length, patient).toBe(1);
      return me;
    }

    it("ends when its asker cancels it, across accounts too", async () => {
      const me = await begin("one");
      const work = site.service.signals.at(-1);
      me.publish(site.api("cancel", attacker), "one");
      await expect.poll(() => work?.aborted, patient).toBe(true);
      await me.close();
    });

    // Between accounts the server does not say that nobody listens any more.
    if (form === "one-account") {
      it("ends when its asker is gone", async () => {
        const me = await begin("two");
        const work = site.service.signals.at(-1);
        await me.close();
        release();
        await expect.poll(() => work?.aborted, patient).toBe(true);
      });
    }
  });

  it("publishing to anything else is refused, and leaves nothing anywhere", async () => {
    const allowed: string[] = [];
    const found = await traces(async () => {
      for (const subject of foreign) {
        const headers = "Nats-Msg-Id: victim/1";
        for (const line of [pub(subject), pub(subject, { headers, reply: "_INBOX.attacker.x" })]) {
          const { errors } = await hand.say(line);
          if (errors.length === 0) allowed.push(subject);
        }
      }
    });
    // In an account of its own whatever follows `api.` is the tenant's, and nobody answers these.
    const isOwn = (subject: string) => form === "operator" && /^api\.[^.]+$/.test(subject);
    expect(allowed.filter((subject) => !isOwn(subject))).toEqual([]);
    expect(found).toEqual({ changed: [], gone: [] });
    expect(heard).toEqual([]);
    expect(site.service.asked).toEqual([]);
  });

  it("listening to anything else is refused, also in a queue group", async () => {
    const allowed: string[] = [];
    let sid = 100;
    for (const subject of [...foreign, ...wildcards]) {
      for (const queue of ["", "freshet ", "_sys_ "]) {
        sid += 1;
        const { errors } = await hand.say(`SUB ${subject} ${queue}${sid}`);
        if (errors.length === 0) allowed.push(`${subject} ${queue}`.trim());
        await hand.say(`UNSUB ${sid}`);
      }
    }
    const isOwn = (subject: string) => form !== "one-account" && hearsOwnInboxes.test(subject);
    expect(allowed.filter((subject) => !isOwn(subject))).toEqual([]);
  });

  it("what it may hear carries nothing of others", async () => {
    const inbox = form === "one-account" ? "_INBOX.attacker.>" : "_INBOX.>";
    const { errors } = await hand.say(`SUB ${mine("events")} 1`, `SUB ${inbox} 2`);
    expect(errors).toEqual([]);
    const ack = await other.jetstream().publish(site.own("docs", victim), '{"id":"v"}');
    await other.request(site.own("query", victim), '{"query":"rivers"}');
    const event = { id: "v", seq: ack.seq, status: "visible", ms: 1 };
    site.log.events.publish(victim, event as never);
    await site.log.connection.flush();
    expect((await hand.say()).messages).toEqual([]);
    await hand.say("UNSUB 1", "UNSUB 2");
  });

  it("an answer goes to no subject that is not an inbox of the asker (B2)", async () => {
    const found = await traces(async () => {
      for (const reply of foreign) {
        for (const body of ['{"query":"rivers"}', '{"query":"rivers","stream":true}', "junk"]) {
          await hand.say(pub(mine("query"), { payload: body, reply }));
          await hand.say(pub(mine("query"), { payload: body, reply, headers: "A: b" }));
        }
      }
    });
    expect(found).toEqual({ changed: [], gone: [] });
    expect(heard.filter(({ subject }) => !hearsOwnInboxes.test(subject))).toEqual([]);
    if (form !== "one-account") expect(heard).toEqual([]);
  });

  it("the trace of a message goes nowhere else either", async () => {
    const found = await traces(async () => {
      for (const to of foreign) {
        for (const only of ["", "\r\nNats-Trace-Only: true"]) {
          const headers = trace(to) + only;
          await hand.say(pub(mine("query"), { payload: '{"query":"rivers"}', headers }));
        }
      }
    });
    expect(found).toEqual({ changed: [], gone: [] });
    expect(heard).toEqual([]);
  });

  const acks = form === "one-account" ? "only acknowledgements of its own publishes" : "nothing";
  it(`${acks} can be sent to subjects of others by a publish that names them`, async () => {
    const found = await traces(async () => {
      for (const reply of foreign) {
        await hand.say(pub(mine("docs"), { payload: '{"id":"r","text":"x"}', reply }));
        const headers = "Nats-Expected-Last-Sequence: 1";
        await hand.say(pub(mine("docs"), { payload: '{"id":"r","text":"x"}', reply, headers }));
      }
    });
    const elsewhere = found.changed.filter((subject) => !inDocs.test(subject));
    expect(found.gone).toEqual([]);
    expect(site.service.asked).toEqual([]);
    if (form !== "one-account") {
      expect(elsewhere).toEqual([]);
      expect(heard).toEqual([]);
      return;
    }
    // The server sends them; no permission binds it. What they are is checked, not that they are.
    expect(elsewhere).toContain("CHUNKS chunks.3.victim");
    const jsm = await site.log.connection.jetstreamManager();
    const { data } = await jsm.streams.getMessage("CHUNKS", { last_by_subj: "chunks.3.victim" });
    expect(JSON.parse(new TextDecoder().decode(data))).toHaveProperty("stream", "DOCS");
    for (const { data: bytes } of heard) {
      expect(JSON.parse(new TextDecoder().decode(bytes))).toHaveProperty("stream", "DOCS");
    }
  });

  it("the user that answers may write inboxes and nothing else (B2)", async () => {
    const answering = await rawClient(site.nats.url, site.authenticators.replies);
    const allowed: string[] = [];
    for (const subject of foreign) {
      if ((await answering.say(pub(subject))).errors.length === 0) allowed.push(subject);
    }
    expect(allowed).toEqual(["_R_.abcdef", "_INBOX.victim.abc", "_INBOX.abc"]);
    answering.close();
  });

  it("the user of the log writes no inbox and hears no tenant's questions", async () => {
    const engine = await rawClient(site.nats.url, site.authenticators.engine);
    const said = [
      "SUB query.* freshet 1",
      "SUB api.*.* freshet 4",
      "SUB docs.* 2",
      "SUB > 3",
      pub("_INBOX.abc"),
      pub("a.b"),
    ];
    for (const line of said) expect((await engine.say(line)).errors).toHaveLength(1);
    for (const subject of ["$JS.API.STREAM.DELETE.DOCS", "$JS.API.STREAM.CREATE.EVIL"]) {
      expect((await engine.say(pub(subject))).errors).toHaveLength(1);
    }
    engine.close();
  });

  it("a client without credentials is refused", async () => {
    await expect(connect({ servers: site.nats.url, reconnect: false })).rejects.toThrow();
    await expect(
      connect({ servers: site.nats.url, reconnect: false, user: "victim", pass: "" }),
    ).rejects.toThrow();
  });
});

it("the lists of one tenant never allow what those of another allow", () => {
  const all = ({ publish, subscribe }: ReturnType<typeof tenantPermissions>) => [
    ...publish.allow,
    ...subscribe.allow,
  ];
  const ofVictim = all(tenantPermissions(victim));
  expect(all(tenantPermissions(attacker)).filter((one) => ofVictim.includes(one))).toEqual([]);
});
