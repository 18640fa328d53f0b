import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/contract/errors.ts";
import type { DocumentId, Epoch, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { ChunkRecord, RecordHeader } from "../../src/contract/record.ts";
import { pageOf, payloadOf } from "../../src/log/dead-letter-pages.ts";
import { replay } from "../../src/log/dead-letter-replay.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { acme } from "../actors/kit.ts";
import { runHere } from "../support/run-cli.ts";

const start = 0 as Version;

interface Refused {
  readonly id?: string;
  readonly reason?: ErrorCode;
}

/** An operation in DOCS, its reject record and its letter, as an owner writes them. */
async function refuse(log: MemoryLog, { id = "a", reason = "document_failed" }: Refused = {}) {
  const payload = new TextEncoder().encode(JSON.stringify({ id, text: `text of ${id}` }));
  const { seq: version } = await log.docs.publish({ tenant: acme, payload });
  const documentId = id as DocumentId;
  const message = "the document could not be processed";
  const record = { kind: "reject", documentId, reason, message } as const;
  const position = await append(log, { ...record, tenant: acme, version, epoch: 1 as Epoch });
  const letter = { tenant: acme, version, documentId, reason, message, atMs: 5, position };
  await log.deadLetters.publish(letter);
  return letter;
}

async function append(log: MemoryLog, record: ChunkRecord): Promise<Position> {
  const last = await log.chunks.last(acme);
  const outcome = await log.chunks.append(record, last?.position ?? (0 as Position));
  if (outcome.kind !== "appended") throw new Error("the append was refused");
  return outcome.position;
}

async function removed(log: MemoryLog, id: string): Promise<void> {
  const payload = new TextEncoder().encode(JSON.stringify({ id, op: "delete" }));
  const { seq: version } = await log.docs.publish({ tenant: acme, payload });
  const documentId = id as DocumentId;
  await append(log, { kind: "delete", documentId, tenant: acme, version, epoch: 1 as Epoch });
}

describe("pages of dead letters", () => {
  it("hold at most so many, and say where the next one begins", async () => {
    const log = createMemoryLog({ partitions: 1 });
    const letters = [await refuse(log), await refuse(log), await refuse(log)];
    const first = await pageOf(log.deadLetters, { tenant: acme, max: 2, after: start });
    expect(first).toEqual({ letters: letters.slice(0, 2), next: letters[1]?.version });
    const after = first.next ?? start;
    const second = await pageOf(log.deadLetters, { tenant: acme, max: 2, after });
    expect(second).toEqual({ letters: letters.slice(2), next: undefined });
  });

  it("of one reason look through all others", async () => {
    const log = createMemoryLog({ partitions: 1 });
    for (let count = 0; count < 7; count += 1) await refuse(log);
    const wanted = [await refuse(log, { reason: "invalid_document" })];
    const reason = "invalid_document" as const;
    expect(await pageOf(log.deadLetters, { tenant: acme, reason, max: 2, after: start })).toEqual({
      letters: wanted,
      next: undefined,
    });
  });

  it("show what was sent, while DOCS has it", async () => {
    const log = createMemoryLog({ partitions: 1 });
    const { version } = await refuse(log);
    const bytes = await payloadOf(log.docs, acme, version);
    expect(new TextDecoder().decode(bytes)).toBe('{"id":"a","text":"text of a"}');
    await refuse(log);
    await log.docs.purge({ tenant: acme, below: (version + 1) as Version });
    expect(await payloadOf(log.docs, acme, version)).toBeUndefined();
  });
});

describe("replay", () => {
  it("publishes what was sent again, and says what it repeats; once within the duplicate window", async () => {
    const log = createMemoryLog({ partitions: 1 });
    const letter = await refuse(log);
    const results = await replay(log, acme, [letter]);
    const [operation] = await log.docs.readTenant({ tenant: acme, after: letter.version, max: 9 });
    expect(results).toEqual([{ kind: "published", seq: letter.version, as: operation?.version }]);
    expect(operation?.replay).toEqual({ of: letter.version, after: letter.position });
    expect(operation?.payload).toEqual(await payloadOf(log.docs, acme, letter.version));
    // What is sent twice carries one message id, by which the tenant's owner knows the second for a
    // repetition.
    const [again] = await replay(log, acme, [letter]);
    const last = again?.kind === "published" ? again.as : letter.version;
    const read = await log.docs.readTenant({ tenant: acme, after: letter.version, max: 9 });
    expect(read.map(({ version }) => version)).toEqual([operation?.version, last]);
    expect(new Set(read.map(({ messageId }) => messageId)).size).toBe(1);
  });

  it.each(["invalid_json", "invalid_document", "unknown_operation"] as const)(
    "of what was refused as %s and names no document leaves no second letter (DR4)",
    async (reason) => {
      const log = createMemoryLog({ partitions: 1 });
      const letter = { ...(await refuse(log, { reason })), documentId: null };
      expect(await replay(log, acme, [letter])).toMatchObject([
        { kind: "skipped", why: expect.stringContaining("publish it corrected") },
      ]);
      expect(await log.docs.lastVersion(acme)).toBe(letter.version);
    },
  );

  it("of what names no document for another reason is published again", async () => {
    const log = createMemoryLog({ partitions: 1 });
    const letter = { ...(await refuse(log, { reason: "duplicate_id" })), documentId: null };
    expect(await replay(log, acme, [letter])).toMatchObject([{ kind: "published" }]);
  });

  it("looks ahead no further than it has to, and not for ever (DR3)", async () => {
    const log = createMemoryLog({ partitions: 1 });
    const letter = await refuse(log);
    await removed(log, "a");
    let read = 0;
    const endless = async function* (range: Parameters<typeof log.chunks.headers>[0]) {
      let newest: RecordHeader | undefined;
      for await (const header of log.chunks.headers(range)) {
        read += 1;
        yield (newest = header);
      }
      const documentId = "other" as DocumentId;
      for (;;) {
        read += 1;
        yield { ...(newest as RecordHeader), documentId };
      }
    };
    const last = log.chunks.last.bind(log.chunks);
    const chunks = { last, headers: endless };
    expect(await replay({ docs: log.docs, chunks }, acme, [letter])).toMatchObject([
      { kind: "skipped", why: "its document had a later operation" },
    ]);
    expect(read).toBe(1);
    // What it does not see, the owner decides.
    const unseen = await refuse(log, { id: "b" });
    await append(log, { kind: "fence", tenant: acme, version: unseen.version, epoch: 1 as Epoch });
    expect(await replay({ docs: log.docs, chunks }, acme, [unseen])).toMatchObject([
      { kind: "published", seq: unseen.version },
    ]);
    expect(read).toBe(1 + limits.replayRecordsMax);
  });

  it("publishes nothing that would be void: of two letters of a document only the newer (I3)", async () => {
    const log = createMemoryLog({ partitions: 1 });
    const [older, newer, gone] = [
      await refuse(log),
      await refuse(log),
      await refuse(log, { id: "gone" }),
    ];
    await removed(log, "gone");
    const late = await refuse(log, { id: "late", reason: "replay_void" });
    const results = await replay(log, acme, [older, newer, gone, late]);
    expect(results).toMatchObject([
      { kind: "skipped", why: "its document had a later operation" },
      { kind: "published", seq: newer.version },
      { kind: "skipped", why: "its document had a later operation" },
      { kind: "skipped", why: "it was a replay that came too late" },
    ]);
  });

  it("says what is missing: the payload, the place, or what came after", async () => {
    const log = createMemoryLog({ partitions: 1 });
    const [purged, old] = [await refuse(log), await refuse(log, { id: "old" })];
    await log.docs.purge({ tenant: acme, below: (purged.version + 1) as Version });
    const { position: _unknown, ...without } = old;
    expect(await replay(log, acme, [purged, without])).toMatchObject([
      { kind: "skipped", why: expect.stringMatching(/^DOCS does not hold/) },
      { kind: "skipped", why: expect.stringMatching(/does not say where/) },
    ]);
    for (const id of ["next", "last"]) await refuse(log, { id });
    await log.chunks.purge({ tenant: acme, below: Number.MAX_SAFE_INTEGER as Position });
    expect(await replay(log, acme, [old])).toMatchObject([
      { kind: "skipped", why: expect.stringMatching(/does not hold what came after/) },
    ]);
  });
});

describe("freshet dlq", () => {
  const run = (...args: string[]) => runHere(["dlq", ...args]);

  it.each(["list", "show", "replay"])("%s explains itself with examples", async (name) => {
    const { code, out } = await run(name, "--help");
    expect(code).toBe(0);
    expect(out).toContain(`$ freshet dlq ${name}`);
  });

  it.each([
    [["list", "--reason", "nonsense"], /error table/],
    [["list", "--max", "0"], /whole number/],
    [["show", "x"], /whole number/],
    [["show"], /missing required argument/],
    [["replay", "12", "x"], /whole number/],
    [["replay", "--tenant", "a b", "1"], /letters, digits/],
    [["replay"], /name sequences, or --reason <code>, or --all/],
    [["replay", "1", "--all"], /name sequences/],
  ])("%j is a usage error that says what is wanted", async (args, message) => {
    const { code, err } = await run(...args);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});
