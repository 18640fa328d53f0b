import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  documentIdBytesMax,
  earliestOf,
  epoch,
  incarnationOf,
  incarnationSpan,
  isDocumentId,
  isTenantId,
  lastBefore,
  latestOf,
  nextAfter,
  noEpoch,
  noPosition,
  noVersion,
  partition,
  partitionOf,
  position,
  type TenantId,
  tenantId,
  version,
} from "../../src/contract/ids.ts";
import { codePoint } from "../support/code-point.ts";

describe("tenant ids", () => {
  it.each(["a", "demo", "Acme_1-x", "0", "-", "x".repeat(64)])("accepts %s", (value) => {
    expect(tenantId(value)).toBe(value);
  });

  it.each(["", "x".repeat(65), "a.b", "*", ">", "a b", "a\n", "é", "a/b", "$JS", "a\0"])(
    "refuses %j",
    (value) => {
      expect(isTenantId(value)).toBe(false);
      expect(() => tenantId(value)).toThrow(expect.objectContaining({ code: "invalid_tenant" }));
    },
  );
});

describe("document ids", () => {
  it("are 1-512 bytes of well-formed text without control characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint, maxLength: 600 }), (value) => {
        const bytes = Buffer.byteLength(value);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
        const clean = !/[\x00-\x1f\x7f-\x9f]/.test(value) && value.isWellFormed();
        expect(isDocumentId(value)).toBe(clean && bytes >= 1 && bytes <= documentIdBytesMax);
      }),
    );
  });

  it("counts bytes, not characters", () => {
    expect(isDocumentId("€".repeat(170))).toBe(true);
    expect(isDocumentId("€".repeat(171))).toBe(false);
    expect(isDocumentId("x".repeat(512))).toBe(true);
    expect(isDocumentId("x".repeat(513))).toBe(false);
  });
});

describe("sequences", () => {
  it.each([
    ["version", version],
    ["position", position],
    ["epoch", epoch],
    ["partition", partition],
  ])("a %s is a whole number that is not negative", (_name, make) => {
    expect(make(0)).toBe(0);
    expect(make(Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
    for (const wrong of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => make(wrong)).toThrow(expect.objectContaining({ code: "invalid_request" }));
    }
  });

  it("know their incarnation", () => {
    expect(incarnationOf(0)).toBe(0);
    expect(incarnationOf(incarnationSpan - 1)).toBe(0);
    expect(incarnationOf(incarnationSpan)).toBe(1);
    expect(incarnationOf(Number.MAX_SAFE_INTEGER)).toBe(8_191);
  });
});

describe("sequences of one stream", () => {
  it("begin after none", () => {
    expect([noVersion, noPosition, noEpoch]).toEqual([0, 0, 0]);
  });

  it("have neighbours, and none lies before the beginning", () => {
    expect(nextAfter(version(7))).toBe(8);
    expect(lastBefore(position(7))).toBe(6);
    expect(lastBefore(noVersion)).toBe(noVersion);
  });

  it("have a latest and an earliest", () => {
    expect(latestOf(version(2), version(5), version(3))).toBe(5);
    expect(earliestOf(position(4), position(9))).toBe(4);
  });
});

describe("partitionOf", () => {
  /** FNV-1a 32 written from its definition, with numbers that cannot overflow. */
  const fnv1a = (text: string): number => {
    let hash = 2_166_136_261n;
    for (const byte of new TextEncoder().encode(text)) {
      hash = ((hash ^ BigInt(byte)) * 16_777_619n) % 2n ** 32n;
    }
    return Number(hash);
  };

  it("is what nats-server 2.15.1 put into partition(4,1)", () => {
    const seen = { acme: 3, globex: 2, initech: 1 };
    for (const [tenant, expected] of Object.entries(seen)) {
      expect(partitionOf(tenant as TenantId, 4)).toBe(expected);
    }
  });

  it("agrees with the published test vectors of FNV-1a 32", () => {
    const vectors = { a: 0xe40c292c, b: 0xe70c2de5, foobar: 0xbf9cf968, foo: 0xa9f37ed7 };
    for (const [text, hash] of Object.entries(vectors)) {
      expect(fnv1a(text)).toBe(hash);
      expect(partitionOf(text as TenantId, 2 ** 32)).toBe(hash);
    }
  });

  it("is FNV-1a modulo the number of partitions for every tenant", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
        fc.integer({ min: 1, max: 4_096 }),
        (tenant, partitions) => {
          expect(partitionOf(tenant as TenantId, partitions)).toBe(fnv1a(tenant) % partitions);
        },
      ),
    );
  });
});
