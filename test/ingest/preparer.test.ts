import { describe, expect, test } from "vitest";
import { redactedQuestion } from "../../actors/question/parts.ts";
import type { UpsertOperation } from "../../src/contract/document.ts";
import { matchesFilter } from "../../src/contract/filter.ts";
import type { FilterInput } from "../../src/contract/filter-schema.ts";
import type { DocumentId } from "../../src/contract/ids.ts";
import { preparePayload } from "../../src/ingest/prepare-payload.ts";
import { createPreparer } from "../../src/ingest/preparer.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import { questionRedactor } from "../../src/text/redact-fields.ts";
import { createRedactor, redactorVersion } from "../../src/text/redaction.ts";
import { testKey, testRedactor, withoutDigests } from "../support/redactor.ts";

const prepare = createPreparer({ tokenizer: createMemoryTokenizer(), redactor: testRedactor });
const operation = (fields: Partial<UpsertOperation>): UpsertOperation => ({
  op: "upsert",
  id: "d" as DocumentId,
  text: "Some text.",
  ...fields,
});

const readable = (value: unknown): unknown => JSON.parse(withoutDigests(JSON.stringify(value)));

describe("preparation", () => {
  test("I10: text, title, source and metadata values are redacted, what is no one's stays", () => {
    const prepared = prepare(
      operation({
        text: "Write to jane@example.com.",
        title: "Card 4111 1111 1111 1111",
        source: "mailto:jane@example.com",
        timestamp: 5,
        metadata: { owner: "jane@example.com", hosts: ["203.0.113.7", 3], year: 2024, ok: true },
      }),
    );
    expect(readable(prepared.info)).toEqual({
      title: "Card [CARD]",
      source: "mailto:[EMAIL]",
      timestamp: 5,
      contentHash: expect.stringMatching(/^[0-9a-f]{32}$/),
      metadata: { owner: "[EMAIL]", hosts: ["[IP]", 3], year: 2024, ok: true },
    });
    expect(readable(prepared.chunks.map(({ text, heading }) => [text, heading]))).toEqual([
      ["Write to [EMAIL].", "Card [CARD]"],
    ]);
    expect(prepared.chunks.map(({ range }) => range)).toEqual([
      [0, "Write to [EMAIL:0123456789].".length],
    ]);
    expect(prepared.redactor).toBe(redactorVersion);
  });

  test("personal data split by invisible characters is found", () => {
    const { chunks } = prepare(operation({ text: "jane\u200b@exam\u00adple.com" }));
    expect(withoutDigests(chunks[0]?.text ?? "")).toBe("[EMAIL]");
  });

  test("what is not given is not there", () => {
    const contentHash = expect.any(String);
    expect(prepare(operation({})).info).toEqual({ contentHash });
    expect(prepare(operation({ title: " \u200b" })).info).toEqual({ contentHash });
  });

  test("labels, language and expiry are kept as they are: labels are names, not redacted", () => {
    const acl = ["jane@example.com", "team:ops"];
    const { info } = prepare(operation({ acl, language: "de-CH", expires_at: 7 }));
    expect(info).toMatchObject({ acl, language: "de-CH", expiresAtMs: 7 });
  });

  test("a text of invisible characters makes no chunks", () => {
    expect(prepare(operation({ text: "\u200b\u202e \u{e0001}" })).chunks).toEqual([]);
  });

  test("I10: numbers that a recogniser knows and keys that hold personal data are replaced", () => {
    const { info } = prepare(
      operation({
        metadata: {
          card: 4111111111111111,
          phone: 12025550123,
          phones: [491712345678, "0171 2345678"],
          ssn: "078051120",
          password: "Tr0ub4dor&3",
          "jane.doe@example.com": true,
          count: 12025550123,
          order: 1546130668394913,
          version: "10.4.2.1",
        },
      }),
    );
    expect(readable(info.metadata)).toEqual({
      card: "[CARD]",
      phone: "[PHONE]",
      phones: ["[PHONE]", "[PHONE]"],
      ssn: "[NATIONAL_ID]",
      password: "[API_KEY]",
      "[EMAIL]": true,
      count: 12025550123,
      order: 1546130668394913,
      version: "10.4.2.1",
    });
  });
});

describe("ids that hold personal data", () => {
  const payload = (id: string, acl?: readonly string[]): Uint8Array =>
    new TextEncoder().encode(JSON.stringify({ id, text: "Some text.", acl }));
  const prepared = (id: string, ids: "keep" | "refuse", acl?: readonly string[]) =>
    preparePayload(payload(id, acl), {
      documentTextBytesMax: 1_000,
      prepare: createPreparer({ tokenizer: createMemoryTokenizer(), redactor: testRedactor, ids }),
      named: () => {},
    });

  test("are kept by default, because they name the document", async () => {
    const documentId = "jane@example.com";
    expect(await prepared(documentId, "keep")).toMatchObject({ documentId });
  });

  test("are refused where that is configured, and the refusal does not name them", async () => {
    expect(await prepared("cards/4111 1111 1111 1111", "refuse")).toEqual({
      kind: "reject",
      documentId: null,
      reason: "invalid_document",
      message: "id: holds personal data (CARD)",
    });
    expect(await prepared("guides/1.128.1.0.md", "refuse")).toMatchObject({ kind: "prepared" });
    expect(await prepared("guide", "refuse", ["staff", "user:jane@example.com"])).toEqual({
      kind: "reject",
      documentId: null,
      reason: "invalid_document",
      message: "acl: holds personal data (EMAIL)",
    });
    expect(await prepared("guide", "refuse", ["staff"])).toMatchObject({ kind: "prepared" });
  });
});

describe("a filter for what was redacted", () => {
  const incident = (id: string, metadata: UpsertOperation["metadata"]) => ({
    id,
    ...prepare(operation({ id: id as DocumentId, metadata })).info,
  });
  const first = incident("inc-41", {
    host: "10.20.30.41",
    owner: "kari@example.org",
    desk: "+47 22 55 01 41",
    card: 4111111111111111,
    seen: ["8.8.8.8", "x"],
    "kari@example.org": "on call",
  });
  const second = incident("inc-42", {
    host: "10.20.30.42",
    owner: "ola@example.org",
    desk: "+47 22 55 01 42",
    card: 5555555555554444,
    seen: ["8.8.4.4"],
    "ola@example.org": "on call",
  });
  const found = async (
    filter: FilterInput,
    redactor = testRedactor,
  ): Promise<readonly string[]> => {
    const redacted = await redactedQuestion(
      { query: "switch", filter },
      { redactor: questionRedactor(redactor), sliceChars: 10, turn: () => Promise.resolve() },
    );
    return [first, second]
      .filter((each) => matchesFilter(each, redacted.filter))
      .map(({ id }) => id);
  };

  test.each<FilterInput>([
    { "metadata.host": "10.20.30.41" },
    { "metadata.owner": "Kari@Example.org" },
    { "metadata.desk": ["+4722550141", "+47 99 99 99 99"] },
    { "metadata.card": 4111111111111111 },
    { "metadata.card": "4111 1111 1111 1111" },
    { "metadata.seen": "8.8.8.8" },
    { "metadata.kari@example.org": "on call" },
  ])("%j finds its documents and no others", async (filter) => {
    expect(await found(filter)).toEqual(["inc-41"]);
  });

  test("of a value that no document names finds none, and none under another tenant's key", async () => {
    expect(await found({ "metadata.host": "192.168.99.99" })).toEqual([]);
    expect(await found({ "metadata.owner": "eve@example.org" })).toEqual([]);
    const other = createRedactor(testKey.map((byte) => byte + 1));
    expect(await found({ "metadata.owner": "kari@example.org" }, other)).toEqual([]);
  });
});
