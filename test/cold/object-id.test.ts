import fc from "fast-check";
import { expect, test } from "vitest";
import { uuidBytes, uuidV5 } from "../../src/cold/hash.ts";
import { markerId, objectId } from "../../src/cold/object-id.ts";
import type { DocumentId, TenantId, Version } from "../../src/contract/ids.ts";

const key = (tenant: string, documentId: string, version: number, chunk: number) => ({
  tenant: tenant as TenantId,
  documentId: documentId as DocumentId,
  version: version as Version,
  chunk,
});

test("UUIDv5 gives the vector of RFC 9562, appendix A.4", () => {
  const dns = uuidBytes("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  const name = new TextEncoder().encode("www.example.com");
  expect(uuidV5(dns, name)).toBe("2ed6657d-e927-568b-95e1-2665a8aea6a2");
});

test("an object id is a UUIDv5 and always the same for the same key", () => {
  const id = objectId(key("demo", "a.md", 2 ** 40 + 7, 3));
  expect(id).toBe(objectId(key("demo", "a.md", 2 ** 40 + 7, 3)));
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("an object id is pinned: changing how it is made orphans what was merged", () => {
  expect(objectId(key("demo", "a.md", 1, 0))).toBe("bcf3965a-96c3-5f0c-9318-3cdc4761a989");
  expect(markerId("demo" as TenantId)).toBe("cee108a0-1656-527b-a2e0-8a404eaf798e");
});

test("parts that run together do not collide", () => {
  expect(objectId(key("ab", "c", 1, 0))).not.toBe(objectId(key("a", "bc", 1, 0)));
  expect(objectId(key("a", "b", 11, 1))).not.toBe(objectId(key("a", "b", 1, 11)));
  expect(objectId(key("a", "b1", 1, 0))).not.toBe(objectId(key("a", "b", 11, 0)));
});

test("different keys have different ids", () => {
  const part = fc.tuple(
    fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/),
    fc.string({ minLength: 1, maxLength: 12 }),
    fc.nat(),
    fc.nat(300),
  );
  fc.assert(
    fc.property(part, part, (left, right) => {
      const same = JSON.stringify(left) === JSON.stringify(right);
      expect(objectId(key(...left)) === objectId(key(...right))).toBe(same);
    }),
  );
});
