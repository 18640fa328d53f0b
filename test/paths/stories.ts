/**
 * The two stories of Freshet, told once and run twice: over memory adapters and over the real
 * servers. Each reads top to bottom; what it says between the lines is checked at that line.
 */

import { expect } from "vitest";
import { objectId } from "../../src/cold/object-id.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import { checkOperation } from "../../src/contract/document.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentEvent } from "../../src/contract/events.ts";
import type { DocumentId, TenantId, Version } from "../../src/contract/ids.ts";
import type { MergeOutcome } from "../../src/contract/merge.ts";
import { type Answer, type AnswerEvent, parseQuestion } from "../../src/contract/query.ts";
import type { EngineStatus, Service } from "../../src/contract/service.ts";
import type { Log } from "../../src/log/port.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import { codeOf, eventually, Final } from "../support/promises.ts";
import { readRecords } from "../support/records.ts";

/** What a client may do, in this process or over the network. */
export interface StoryService
  extends Pick<Service, "ask" | "document" | "documentTextBytesMax" | "publish"> {
  status(): EngineStatus | Promise<EngineStatus>;
}

/** An engine as a story sees it, whatever it is made of. */
export interface StoryEngine {
  readonly service: StoryService;
  readonly log: Log;
  readonly cold: ColdShard;
  readonly merges: Pick<MergeClient, "force">;
  /** The event of the operation with this sequence, when it comes. */
  event(seq: number): Promise<DocumentEvent>;
}

/** The outcome of a merge now; of one that failed its error, which the comparison would leave out. */
async function forced(merges: Pick<MergeClient, "force">, tenant: TenantId): Promise<MergeOutcome> {
  const outcome = await merges.force(tenant);
  if (outcome.kind === "failed") throw new Error(`the merge failed: ${JSON.stringify(outcome)}`);
  return outcome;
}

export async function tellDocumentStory(engine: StoryEngine, tenant: TenantId): Promise<void> {
  const { log, cold, merges, service } = engine;
  const id = "boiler-manual" as DocumentId;
  const question = "how is the boiler drained";

  // A publisher sends a document; the log has it, word by word, before anything has read it.
  const first = await publish(engine, tenant, {
    id,
    title: "Boiler manual",
    text: "The boiler is drained through the red valve. Ask jane.doe@example.com for the key.",
    metadata: { building: "north" },
  });
  const [stored] = await log.docs.readTenant({ tenant, after: (first - 1) as Version, max: 1 });
  expect(new TextDecoder().decode(stored?.payload)).toContain("jane.doe@example.com");

  // A moment later it is searchable, and its publisher hears of it.
  expect(await engine.event(first)).toMatchObject({ id, seq: first, status: "visible" });

  // In between it was redacted, cut into chunks, embedded, and became one record after the owner's
  // fence.
  const [fence, record] = await readRecords(log.chunks, tenant);
  expect(fence?.kind).toBe("fence");
  if (record?.kind !== "upsert") throw new Error("the document has no record");
  expect(record).toMatchObject({ documentId: id, version: first, chunkCount: 1 });
  const [chunk] = record.body.chunks;
  expect(chunk?.text).toContain("red valve");
  expect(JSON.stringify(record.body.chunks)).not.toContain("jane.doe");
  expect(normOf(chunk?.vector ?? new Float32Array())).toBeCloseTo(1, 3);

  // The hot shard answers from it; nothing was merged, so cold has nothing to say.
  expect(await service.document({ tenant }, id)).toMatchObject({ status: "visible", shard: "hot" });
  const fromHot = await search(engine, tenant, question, first);
  expect(fromHot.coverage).toMatchObject({ hot: "complete", cold: "empty" });
  expect(namesOf(fromHot)).toEqual([`${id}@${first} hot`]);

  // A merge makes cold equal to the log and commits the watermark: the position of the record.
  expect(await forced(merges, tenant)).toMatchObject({
    kind: "merged",
    upserts: 1,
    to: record.position,
  });
  expect((await log.manifests.get(tenant))?.manifest).toMatchObject({
    to: record.position,
    documents: 1,
  });
  expect(await cold.readMarker(tenant)).toMatchObject({ to: record.position });
  const firstObject = objectId({ tenant, documentId: id, version: first, chunk: 0 });
  expect(await cold.versions(tenant, [firstObject])).toEqual(new Map([[firstObject, first]]));

  // The hot shard drops it after the grace period; the same question is answered from cold.
  await eventually(async () => expect(await hotDocuments(service, tenant)).toBe(0));
  const fromCold = await search(engine, tenant, question, first);
  expect(fromCold.coverage.cold).toBe("complete");
  expect(namesOf(fromCold)).toEqual([`${id}@${first} cold`]);

  // A newer version supersedes it at once, although cold still holds the old one.
  const second = await publish(engine, tenant, {
    id,
    text: "The boiler is drained through the blue tap.",
  });
  expect(await engine.event(second)).toMatchObject({ status: "visible", seq: second });
  const newest = await search(engine, tenant, question, second);
  expect(namesOf(newest)).toEqual([`${id}@${second} hot`]);
  expect(await cold.versions(tenant, [firstObject])).toEqual(new Map([[firstObject, first]]));

  // The next merge writes the new version, and cleans the old one away when nothing reads it any
  // more.
  expect(await forced(merges, tenant)).toMatchObject({ kind: "merged", upserts: 1 });
  const secondObject = objectId({ tenant, documentId: id, version: second, chunk: 0 });
  const both = [firstObject, secondObject];
  await eventually(async () =>
    expect(await cold.versions(tenant, both)).toEqual(new Map([[secondObject, second]])),
  );

  // A delete hides it at once; no answer contains it, whatever cold still holds.
  const third = await publish(engine, tenant, { id, op: "delete" });
  expect(await engine.event(third)).toMatchObject({ id, status: "deleted" });
  expect(await codeOf(search(engine, tenant, question, third))).toBe("no_results");
  expect(await service.document({ tenant }, id)).toMatchObject({ status: "absent" });
  expect((await cold.versions(tenant, both)).size).toBe(1);

  // The last merge leaves no object of it behind, and no head.
  expect(await forced(merges, tenant)).toMatchObject({ kind: "merged", upserts: 0, deletes: 1 });
  await eventually(async () =>
    expect(await cold.staleIds(tenant, { documentId: id, keep: null })).toEqual([]),
  );
  expect((await log.manifests.get(tenant))?.manifest).toMatchObject({ documents: 0, pieces: [] });

  // Nor is there a document of a tenant that was never used: the answer is the same.
  const unused = `${tenant}-unused` as TenantId;
  expect(await service.document({ tenant: unused }, id)).toEqual({
    id,
    status: "absent",
    visible_seq: 0,
  });

  // What could never become a document ends as a dead letter, and its publisher hears why.
  const broken = await log.docs.publish({ tenant, payload: new TextEncoder().encode("{oops") });
  expect(await engine.event(broken.seq)).toMatchObject({
    status: "rejected",
    reason: "invalid_json",
  });
  const letters = await log.deadLetters.list(tenant, 10);
  expect(letters.map(({ version, reason }) => [version, reason])).toEqual([
    [broken.seq, "invalid_json"],
  ]);
}

export async function tellQuestionStory(engine: StoryEngine, tenant: TenantId): Promise<void> {
  const { merges, service } = engine;

  // Nothing is known yet: that is an answer of its own, and no model is asked.
  expect(await codeOf(search(engine, tenant, "where is the spare key"))).toBe("no_results");

  // Two documents grow old and move to cold; a third has just arrived.
  await publish(
    engine,
    tenant,
    doc("garage", "The spare key of the garage hangs behind the ladder.", "north"),
  );
  const old = await publish(
    engine,
    tenant,
    doc("pump", "The pump in the cellar runs at night.", "south"),
  );
  await engine.event(old);
  expect(await forced(merges, tenant)).toMatchObject({ kind: "merged", upserts: 2 });
  await eventually(async () => expect(await hotDocuments(service, tenant)).toBe(0));
  const fresh = await publish(
    engine,
    tenant,
    doc("office", "The spare key of the office lies in the safe.", "north"),
  );

  // One question, asked right after the publish and with its sequence: it sees what was just
  // written, fuses it with what lies in cold, and streams the answer.
  const events: AnswerEvent[] = [];
  const answer = await ask(engine, tenant, {
    query: "Where is the spare key? Tell jane.doe@example.com.",
    body: { min_seq: fresh, top_k: 2, stream: true },
    onEvent: (event) => events.push(event),
  });
  expect(namesOf(answer).map((name) => name.replace(/@\d+/, ""))).toEqual(
    expect.arrayContaining(["garage cold", "office hot"]),
  );
  expect(answer.coverage).toMatchObject({ hot: "complete", cold: "complete" });
  expect(answer.visible_seq).toBeGreaterThanOrEqual(fresh);

  // Every citation names a source that the reader can look up.
  const cited = [...answer.answer.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number));
  expect(cited.length).toBeGreaterThan(0);
  for (const number of cited) expect(answer.sources[number - 1]?.text).toContain("spare key");
  expect(answer.answer).not.toContain("jane.doe");
  expect(answer.coverage.llm).not.toBe("none");
  for (const stage of ["embed", "hot", "cold", "fuse", "llm"] as const) {
    expect(answer.timings[stage]).toBeGreaterThanOrEqual(0);
    expect(answer.timings[stage]).toBeLessThanOrEqual(answer.timings.total);
  }

  // The stream said the same: first the sources, then the words.
  expect(events[0]).toMatchObject({ type: "retrieval", sources: answer.sources });
  const words = events.slice(1).map((event) => (event.type === "delta" ? event.text : "?"));
  expect(words.join("")).toBe(answer.answer);

  // A filter narrows both shards; one that nothing matches is no result, not a guess.
  const filtered = await ask(engine, tenant, {
    query: "Where is the spare key?",
    body: { mode: "search", filter: { "metadata.building": "south" } },
  });
  expect(filtered.sources.map(({ id }) => id)).toEqual(["pump"]);
  expect(filtered.answer).toBe("");
  const nowhere = { mode: "search", filter: { "metadata.building": "west" } };
  expect(await codeOf(ask(engine, tenant, { query: "spare key", body: nowhere }))).toBe(
    "no_results",
  );

  // Another tenant sees none of it.
  const stranger = `${tenant}-other` as TenantId;
  expect(await codeOf(search(engine, stranger, "where is the spare key"))).toBe("no_results");
}

function doc(id: string, text: string, building: string) {
  return { id, text, metadata: { building } };
}

async function publish(engine: StoryEngine, tenant: TenantId, body: object): Promise<Version> {
  const parsed = checkOperation(body, engine.service.documentTextBytesMax);
  if (!parsed.ok) throw parsed.error;
  const payload = new TextEncoder().encode(JSON.stringify(body));
  return (await engine.service.publish(tenant, { payload })).seq;
}

interface Asking {
  readonly query: string;
  readonly body?: object;
  readonly onEvent?: (event: AnswerEvent) => void;
}

function ask(
  engine: StoryEngine,
  tenant: TenantId,
  { query, body, onEvent }: Asking,
): Promise<Answer> {
  const { signal } = new AbortController();
  const question = parseQuestion({ query, ...body });
  return whenReady(() => engine.service.ask({ tenant, question, signal, onEvent }));
}

function search(
  engine: StoryEngine,
  tenant: TenantId,
  query: string,
  minSeq?: number,
): Promise<Answer> {
  const body = { mode: "search", ...(minSeq === undefined ? {} : { min_seq: minSeq }) };
  return ask(engine, tenant, { query, body });
}

/** A node that has just started says so; its clients ask again. */
async function whenReady<Value>(work: () => Promise<Value>): Promise<Value> {
  let result: Value | undefined;
  await eventually(async () => {
    result = await work().catch((thrown: unknown) => {
      if (thrown instanceof FreshetError && thrown.code === "not_ready") throw thrown;
      throw new Final(thrown);
    });
  });
  return result as Value;
}

async function hotDocuments(service: StoryService, tenant: TenantId): Promise<number | undefined> {
  const { tenants } = await service.status();
  return tenants.find((one) => one.tenant === tenant)?.hot.documents;
}

function namesOf({ sources }: Answer): string[] {
  return sources.map(({ id, version, shard }) => `${id}@${version} ${shard}`);
}

function normOf(vector: Float32Array): number {
  return Math.hypot(...vector);
}
