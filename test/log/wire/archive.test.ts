import fc from "fast-check";
import { expect, it } from "vitest";
import {
  ArchiveReader,
  archiveEnd,
  archiveHead,
  encodeEntry,
  headersIn,
} from "../../../src/log/wire/archive.ts";

const entry = fc.record({
  subject: fc.stringMatching(/^docs\.[0-9]\.[a-z]{1,9}$/),
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  atMs: fc.integer({ min: 0, max: 4e12 }),
  headers: fc.dictionary(
    fc.stringMatching(/^[A-Za-z-]{1,9}$/),
    fc.stringMatching(/^[a-z0-9]{1,9}$/),
  ),
  body: fc.uint8Array({ maxLength: 90 }),
});

it("messages come back with subject, sequence and headers, wherever the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), fc.integer({ min: 1, max: 70 }), (all, step) => {
      const state = { messages: all.length, bytes: 0, firstSeq: 1, lastSeq: 9 };
      const bytes = Buffer.concat([archiveHead(state), ...all.map(encodeEntry), archiveEnd]);
      const reader = new ArchiveReader();
      const found = [];
      for (let at = 0; at < bytes.length; at += step) {
        found.push(...reader.push(bytes.subarray(at, at + step)));
      }
      expect(reader.isAtEnd).toBe(true);
      expect(found.map(({ subject }) => subject)).toEqual([
        ...["state.json", ...all.map(({ subject }) => subject), ""],
      ]);
      for (const [at, { seq, headers, body }] of all.entries()) {
        const read = headersIn(found[at + 1]?.headers ?? new Uint8Array());
        expect(found[at + 1]?.seq).toBe(seq);
        expect(Buffer.from(body).equals(found[at + 1]?.body ?? new Uint8Array())).toBe(true);
        for (const [name, value] of Object.entries(headers)) expect(read(name)).toBe(value);
      }
    }),
    { numRuns: 60 },
  );
});

it("an archive of an older server is refused with the version that is needed", () => {
  expect(() => new ArchiveReader().push(Buffer.from("meta.inf and a tar"))).toThrow(/2\.15/);
});

it("what claims to be larger than any message ends the reading, not the memory", () => {
  const huge = Buffer.from([1, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f]);
  expect(() => new ArchiveReader(true).push(huge)).toThrow(/too large/);
});
