import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import type { PresetName } from "../../../src/contract/source.ts";
import { type Options, operationsOf, presetMapper, type Told } from "./kit.ts";

const mapped = async (name: PresetName, told: Told, options: Options = {}) =>
  operationsOf(await presetMapper(name, options)(told));

const source = { db: "shop", schema: "public", table: "customers", ts_ms: 1_700_000_000_123 };
const key = (value: unknown) => ({ key: JSON.stringify(value) });
const row = { id: 7, name: "Ann", email: null };

describe("the preset debezium", () => {
  const created = { op: "c", before: null, after: row, source };

  it.each(["c", "u", "r"])("makes an upsert of op %s", async (op) => {
    expect(await mapped("debezium", { body: { ...created, op }, headers: key({ id: 7 }) })).toEqual(
      [
        {
          id: "shop.public.customers/7",
          text: "id: 7\nname: Ann",
          timestamp: 1_700_000_000.123,
          metadata: { table: "customers" },
        },
      ],
    );
  });

  it("reads the envelope of Kafka Connect, of value and key", async () => {
    const body = { schema: { type: "struct" }, payload: created };
    const headers = key({ schema: {}, payload: { id: 7 } });
    const [operation] = await mapped("debezium", { body, headers });
    expect(operation?.["id"]).toBe("shop.public.customers/7");
  });

  it("deletes by op d, with the key of the event or of the row before", async () => {
    const body = { op: "d", before: { id: 7 }, after: null, source };
    const gone = [{ op: "delete", id: "shop.public.customers/7" }];
    expect(await mapped("debezium", { body, headers: key({ id: 7 }) })).toEqual(gone);
    expect(await mapped("debezium", { body })).toEqual(gone);
    const withoutImage = { ...body, before: null };
    expect(await mapped("debezium", { body: withoutImage, headers: key({ id: 7 }) })).toEqual(gone);
  });

  const unavailable = "__debezium_unavailable_value";
  const inBytes = Buffer.from(unavailable).toString("base64");

  it.each([{ mark: unavailable }, { mark: inBytes }, { mark: [unavailable] }])(
    "never stores what stands for a long value that did not change: $mark",
    async ({ mark }) => {
      const after = { id: 7, name: "Ann", notes: mark };
      const update = { op: "u", before: null, after, source };
      expect(await presetMapper("debezium")({ body: update })).toMatchObject({
        kind: "failed",
        message: expect.stringContaining("REPLICA IDENTITY FULL"),
      });
      // The row before the change has it, or no column of the document needs it.
      const whole = { ...update, before: { id: 7, name: "Anne", notes: "Long notes." } };
      const text = "id: 7\nname: Ann\nnotes: Long notes.";
      expect(await mapped("debezium", { body: whole })).toMatchObject([{ text }]);
      const others = { text: "name", metadata: "id" };
      expect(await mapped("debezium", { body: update }, others)).toMatchObject([{ text: "Ann" }]);
      const failed = await presetMapper("debezium", { text: "name", title: "notes" })({
        body: update,
      });
      expect(failed.kind).toBe("failed");
    },
  );

  it("deletes by a tombstone, empty or null or in its envelope", async () => {
    const subject = "srv.public.customers";
    const gone = [{ op: "delete", id: "customers/7" }];
    const headers = key({ id: 7 });
    expect(await mapped("debezium", { subject, headers })).toEqual(gone);
    expect(await mapped("debezium", { subject, headers, text: "null" })).toEqual(gone);
    const body = { schema: null, payload: null };
    expect(await mapped("debezium", { subject, headers, body })).toEqual(gone);
  });

  it("leaves out tombstones without a key, truncates, and messages, each by its name", async () => {
    const map = presetMapper("debezium");
    expect(await map({})).toEqual({ kind: "skipped", reason: "tombstone without a key" });
    expect(await map({ body: { op: "t", source } })).toEqual({
      kind: "skipped",
      reason: "truncate",
    });
    const message = { op: "m", source, message: { prefix: "x", content: "" } };
    expect(await map({ body: message })).toEqual({ kind: "skipped", reason: "message" });
  });

  it("reads flattened rows, and what marks them as deleted", async () => {
    const flat = { id: 7, name: "Ann", __table: "customers", __deleted: "false" };
    const [upsert] = await mapped("debezium", { body: flat });
    expect(upsert).toMatchObject({ id: "customers/7", text: "id: 7\nname: Ann" });
    const gone = [{ op: "delete", id: "customers/7" }];
    for (const mark of [{ __deleted: "true" }, { __deleted: true }, { __op: "d" }]) {
      expect(await mapped("debezium", { body: { ...flat, ...mark } })).toEqual(gone);
    }
  });

  it("takes a column named op for a column", async () => {
    const [operation] = await mapped("debezium", {
      body: { id: 1, op: "c", name: "x" },
      subject: "a.b",
    });
    expect(operation).toMatchObject({ id: "b/1", text: "id: 1\nop: c\nname: x" });
  });

  it("keeps keys beyond 2^53 what they are", async () => {
    const text = `{"op":"c","after":{"id":9223372036854775807},"source":{"table":"t"}}`;
    const [operation] = await mapped("debezium", { text });
    expect(operation?.["id"]).toBe("t/9223372036854775807");
  });

  it("joins keys of several columns, and names columns by options", async () => {
    const after = { tenant: "a", no: 5, title: "T", body: "Hello", price: 3, note: null };
    const options = {
      id: "tenant,no",
      text: "title,body,note",
      title: "title",
      metadata: "price,note",
    };
    expect(await mapped("debezium", { body: { op: "u", after, source } }, options)).toEqual([
      {
        id: "shop.public.customers/a,5",
        text: "T\n\nHello",
        title: "T",
        timestamp: 1_700_000_000.123,
        metadata: { table: "customers", price: 3 },
      },
    ]);
  });

  it("reads documents of MongoDB, which are JSON within JSON", async () => {
    const body = {
      op: "c",
      after: `{"_id": {"$oid": "65a"}, "name": "Ann"}`,
      source: { db: "shop", collection: "people", ts_ms: 0 },
    };
    const [operation] = await mapped("debezium", { body, headers: key({ id: `{"$oid":"65a"}` }) });
    expect(operation).toMatchObject({ id: `shop.people/{"$oid":"65a"}` });
    expect(operation).not.toHaveProperty("timestamp");
  });

  it("says what to do for a row without a key", async () => {
    const body = { op: "c", after: { name: "x" }, source };
    const outcome = await presetMapper("debezium")({ body });
    expect(outcome).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("--set id="),
    });
  });
});

describe("the preset cloudevents", () => {
  const event = { specversion: "1.0", id: "e1", source: "/crm", type: "com.crm.note.created" };

  it("reads structured events", async () => {
    const body = {
      ...{ ...event, subject: "note/5", time: "2026-01-01T00:00:00Z" },
      data: { title: "Call", text: "Ann called" },
    };
    expect(await mapped("cloudevents", { body }, { text: "text" })).toEqual([
      {
        id: "/crm/note/5",
        text: "Ann called",
        title: "Call",
        timestamp: "2026-01-01T00:00:00Z",
        source: "/crm",
        metadata: { type: "com.crm.note.created" },
      },
    ]);
  });

  it.each(["ce-", "ce_"])("reads binary events with %s headers", async (prefix) => {
    const headers = {
      [`${prefix}id`]: "e1",
      [`${prefix}source`]: "/crm",
      [`${prefix}type`]: "com.crm.note.updated",
      [`${prefix}subject`]: "n%C3%B8te%205",
    };
    const [operation] = await mapped("cloudevents", { headers, body: { text: "x" } });
    expect(operation).toMatchObject({ id: "/crm/nøte 5", text: "text: x" });
  });

  it.each([
    "com.crm.note.deleted",
    "com.crm.note.delete",
    "note.removed.v2",
    "NoteService/Deleted",
    "google.cloud.storage.object.v1.deleted",
  ])("deletes by the type %s", async (type) => {
    const body = { ...event, type, subject: "5", data: { any: 1 } };
    expect(await mapped("cloudevents", { body })).toEqual([{ op: "delete", id: "/crm/5" }]);
  });

  it.each(["com.crm.undeleted", "com.crm.deletion_policy.changed"])(
    "does not delete by the type %s",
    async (type) => {
      const [operation] = await mapped("cloudevents", { body: { ...event, type, data: "x" } });
      expect(operation).toMatchObject({ text: "x" });
    },
  );

  it("reads batches, in order, and data in base64", async () => {
    const body = [
      { ...event, id: "1", data: "one" },
      { ...event, id: "2", data_base64: Buffer.from("two").toString("base64") },
      { ...event, id: "3" },
    ];
    const operations = await mapped("cloudevents", { body });
    expect(operations.map(({ id, text }) => [id, text])).toEqual([
      ["/crm/1", "one"],
      ["/crm/2", "two"],
    ]);
  });

  it("refuses what is no CloudEvent", async () => {
    for (const told of [{ body: { id: 1 } }, { text: "hello" }, { body: [1] }]) {
      expect(await presetMapper("cloudevents")(told)).toMatchObject({ kind: "failed" });
    }
  });
});

describe("the preset kafka", () => {
  const headers = { kafka_topic: "notes", kafka_messagekey: "a" };

  it("makes an upsert of a value and a delete of a tombstone", async () => {
    const [upsert] = await mapped("kafka", { headers, text: "hello" });
    expect(upsert).toMatchObject({ id: "notes/a", text: "hello" });
    const gone = [{ op: "delete", id: "notes/a" }];
    expect(await mapped("kafka", { headers })).toEqual(gone);
    expect(await mapped("kafka", { headers, text: "null" })).toEqual(gone);
  });

  it("takes structured keys and values, and options for columns", async () => {
    const told = {
      headers: { kafka_topic: "notes", kafka_messagekey: `{"region":"eu","no":4}` },
      body: { title: "T", note: "N", stars: 3 },
    };
    const options = { text: "note", title: "title", metadata: "stars" };
    expect(await mapped("kafka", told, options)).toMatchObject([
      { id: "notes/eu,4", text: "N", title: "T", metadata: { stars: 3 } },
    ]);
  });

  it.each(["DEL", "PURGE"])("reads a bucket of NATS, where %s deletes", async (operation) => {
    const subject = "$KV.notes.team.a";
    const [upsert] = await mapped("kafka", { subject, text: "hello" });
    expect(upsert).toMatchObject({ id: "notes/team.a", text: "hello" });
    const told = { subject, headers: { "kv-operation": operation } };
    expect(await mapped("kafka", told)).toEqual([{ op: "delete", id: "notes/team.a" }]);
  });

  it("says what to do for a value without a key", async () => {
    expect(await presetMapper("kafka")({ text: "hello" })).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("--key-header"),
    });
    expect(await presetMapper("kafka")({})).toMatchObject({ kind: "skipped" });
  });
});

describe("the preset github", () => {
  interface Example {
    readonly name: string;
    readonly examples: readonly { readonly action?: string }[];
  }
  const load = createRequire(import.meta.url);
  const files = ["api.github.com", "ghes-35"];
  const examples = files.flatMap(
    (file) => load(`@octokit/webhooks-examples/${file}/index.json`) as Example[],
  );
  const map = presetMapper("github");
  const outcomeOf = (event: string, body: unknown) =>
    map({ headers: { "x-github-event": event }, body });
  const documents = new Set([
    ...["issues", "issue_comment", "pull_request", "pull_request_review_comment", "release"],
    ...["push", "discussion", "discussion_comment", "commit_comment", "pull_request_review"],
  ]);

  it.each(["{bad", "", "[]", "hello"])("says that a body is no event: %j", async (text) => {
    const outcome = await map({ headers: { "x-github-event": "issues" }, text });
    expect(outcome).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("the body is no JSON object"),
    });
  });

  it("takes a remark away that was edited to nothing", async () => {
    const about = { repository: { full_name: "o/r" }, pull_request: { number: 3 } };
    const body = { ...about, action: "edited", review: { id: 5, body: "" } };
    const gone = [{ op: "delete", id: "o/r/pull/3/reviews/5" }];
    expect(operationsOf(await outcomeOf("pull_request_review", body))).toEqual(gone);
    const submitted = await outcomeOf("pull_request_review", { ...body, action: "submitted" });
    expect(submitted).toEqual({ kind: "skipped", reason: "no text" });
  });

  it("maps every example of GitHub's, and fails on none", async () => {
    let operations = 0;
    for (const { name, examples: bodies } of examples) {
      for (const body of bodies) {
        const outcome = await outcomeOf(name, body);
        expect(outcome, `${name} ${body.action ?? ""}`).not.toMatchObject({ kind: "failed" });
        if (!documents.has(name)) expect(outcome).toEqual({ kind: "skipped", reason: name });
        if (outcome.kind === "operations") operations += outcome.operations.length;
      }
    }
    expect(operations).toBeGreaterThan(130);
  });

  it("deletes what is deleted, under the id that it was written with", async () => {
    const ids = { upsert: new Set<unknown>(), delete: new Set<unknown>() };
    for (const { name, examples: bodies } of examples) {
      for (const body of bodies) {
        const outcome = await outcomeOf(name, body);
        if (outcome.kind !== "operations") continue;
        for (const { op, id } of operationsOf(outcome)) {
          ids[op === "delete" ? "delete" : "upsert"].add(id);
          expect(op === "delete").toBe(
            ["deleted", "transferred", "unpublished"].includes(body.action ?? ""),
          );
        }
      }
    }
    expect(ids.delete.size).toBeGreaterThan(5);
    const known = [...ids.delete].filter((id) => ids.upsert.has(id));
    expect(known.length).toBeGreaterThan(3);
  });

  it("makes a document of an issue, with its state and labels", async () => {
    const issues = examples.find(({ name }) => name === "issues")?.examples ?? [];
    const [operation] = operationsOf(await outcomeOf("issues", issues[0]));
    expect(operation).toMatchObject({
      id: "Codertocat/Hello-World/issues/1",
      title: "Spelling error in the README file",
      source: "https://github.com/Codertocat/Hello-World/issues/1",
      metadata: { kind: "issue", state: "open", labels: ["bug"], author: "Codertocat" },
    });
    expect(operation?.["text"]).toContain("accidently spelled 'commit'");
  });

  it("takes an issue with more labels than metadata holds", async () => {
    const labels = Array.from({ length: 40 }, (_, at) => ({ name: `label ${at}` }));
    const issue = { number: 1, title: "Rust", body: "It rusts.", labels, user: { login: "ann" } };
    const body = { action: "opened", repository: { full_name: "a/b" }, issue };
    const [operation] = operationsOf(await outcomeOf("issues", body));
    const named = labels.slice(0, 32).map(({ name }) => name);
    expect(operation).toMatchObject({ metadata: { labels: named } });
  });

  it("makes a document of each commit of a push", async () => {
    const repository = { full_name: "a/b" };
    const commit = (id: string) => ({
      ...{ id, message: `Fix ${id}\n\nBecause.`, url: `https://x/${id}`, author: { name: "Ann" } },
      ...{ timestamp: "2026-01-01T00:00:00+01:00", added: ["n.md"], modified: [], removed: [] },
    });
    const body = {
      repository,
      commits: [commit("1"), { ...commit("2"), distinct: false }, commit("3")],
    };
    const operations = operationsOf(await outcomeOf("push", body));
    expect(operations.map(({ id }) => id)).toEqual(["a/b/commit/1", "a/b/commit/3"]);
    expect(operations[0]).toMatchObject({ title: "Fix 1", text: "Fix 1\n\nBecause.\n\nn.md" });
  });

  it("fails on what is no event of GitHub", async () => {
    expect(await map({ body: {} })).toMatchObject({ kind: "failed" });
  });
});
