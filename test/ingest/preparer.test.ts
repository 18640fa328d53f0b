import { describe, expect, test } from "vitest";
import type { UpsertOperation } from "../../src/contract/document.ts";
import type { DocumentId } from "../../src/contract/ids.ts";
import { createPreparer } from "../../src/ingest/preparer.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import { defaultRedactor, redactorVersion } from "../../src/text/redaction.ts";

const prepare = createPreparer({ tokenizer: createMemoryTokenizer(), redactor: defaultRedactor });
const operation = (fields: Partial<UpsertOperation>): UpsertOperation => ({
  op: "upsert",
  id: "d" as DocumentId,
  text: "Some text.",
  ...fields,
});

describe("preparation", () => {
  test("I10: text, title, source and metadata values are redacted, keys and numbers stay", () => {
    const prepared = prepare(
      operation({
        text: "Write to jane@example.com.",
        title: "Card 4111 1111 1111 1111",
        source: "mailto:jane@example.com",
        timestamp: 5,
        metadata: { owner: "jane@example.com", hosts: ["203.0.113.7", 3], year: 2024, ok: true },
      }),
    );
    expect(prepared.info).toEqual({
      title: "Card [CARD]",
      source: "mailto:[EMAIL]",
      timestamp: 5,
      contentHash: expect.stringMatching(/^[0-9a-f]{32}$/),
      metadata: { owner: "[EMAIL]", hosts: ["[IP]", 3], year: 2024, ok: true },
    });
    expect(prepared.chunks.map(({ text, heading }) => [text, heading])).toEqual([
      ["Write to [EMAIL].", "Card [CARD]"],
    ]);
    expect(prepared.chunks.map(({ range }) => range)).toEqual([[0, "Write to [EMAIL].".length]]);
    expect(prepared.redactor).toBe(redactorVersion);
  });

  test("personal data split by invisible characters is found", () => {
    const { chunks } = prepare(operation({ text: "jane\u200b@exam\u00adple.com" }));
    expect(chunks[0]?.text).toBe("[EMAIL]");
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
});
