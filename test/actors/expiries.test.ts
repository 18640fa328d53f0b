import fc from "fast-check";
import { expect, it } from "vitest";
import { Expiries } from "../../actors/tenant-view/expiries.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";

const step = fc.oneof(
  fc.record({
    kind: fc.constant("set" as const),
    document: fc.nat(9),
    expiresAtMs: fc.option(fc.nat(100), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("delete" as const), document: fc.nat(9) }),
  fc.record({ kind: fc.constant("take" as const), atMs: fc.nat(100) }),
);

it("EX1, EX2: takes what a map of the newest versions would, earliest first, each once", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const expiries = new Expiries();
      const model = new Map<string, { version: number; expiresAtMs: number }>();
      steps.forEach((each, index) => {
        const version = index as Version;
        if (each.kind === "take") {
          const due = [...model].filter(([, { expiresAtMs }]) => expiresAtMs <= each.atMs);
          const taken = expiries.take(each.atMs);
          const times = taken.map(({ expiresAtMs }) => expiresAtMs);
          expect(times).toEqual([...times].sort((left, right) => left - right));
          const named = (id: string, of: number, ms: number) => `${id}@${of} ${ms}`;
          expect(
            taken.map((one) => named(one.documentId, one.version, one.expiresAtMs)).sort(),
          ).toEqual(due.map(([id, one]) => named(id, one.version, one.expiresAtMs)).sort());
          for (const [id] of due) model.delete(id);
          return;
        }
        const documentId = `d${each.document}` as DocumentId;
        model.delete(documentId);
        if (each.kind === "delete") return expiries.delete(documentId);
        const { expiresAtMs } = each;
        expiries.set({ documentId, version, expiresAtMs });
        if (expiresAtMs !== undefined) model.set(documentId, { version, expiresAtMs });
      });
    }),
  );
});

it("EX3: a document that is replaced again and again takes no more memory", () => {
  const expiries = new Expiries();
  for (let at = 0; at < 10_000; at += 1) {
    const documentId = `d${at % 10}` as DocumentId;
    expiries.set({ documentId, version: at as Version, expiresAtMs: 1_000_000 + at });
  }
  expect(expiries.size).toBeLessThan(100);
});
