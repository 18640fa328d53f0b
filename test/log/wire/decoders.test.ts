/** What is stored comes back; foreign bytes are named for what they are, and never throw. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DocumentId, Partition } from "../../../src/contract/ids.ts";
import { epoch, position, version } from "../../../src/contract/ids.ts";
import { emptyManifest, type Manifest } from "../../../src/contract/manifest.ts";
import type { DeadLetter } from "../../../src/log/dead-letter-port.ts";
import { decodeAttempts, encodeAttempts } from "../../../src/log/wire/attempts.ts";
import {
  decodeDeadLetter,
  decodeOwed,
  encodeDeadLetter,
  encodeOwed,
} from "../../../src/log/wire/dead-letter.ts";
import {
  decodeIdentity,
  encodeIdentity,
  type LogIdentity,
} from "../../../src/log/wire/identity.ts";
import { encodeJson } from "../../../src/log/wire/json.ts";
import { decodeHolder, encodeHolder } from "../../../src/log/wire/lease.ts";
import { decodeManifest, encodeManifest } from "../../../src/log/wire/manifest.ts";
import {
  deadLetterSubject,
  leasedPartitionIn,
  leaseSubject,
  nodeIn,
  nodeSubject,
} from "../../../src/log/wire/subjects.ts";

const letter: DeadLetter = {
  tenant: "acme",
  version: version(7),
  documentId: "a" as DocumentId,
  reason: "invalid_json",
  message: "the body is not valid JSON in UTF-8",
  atMs: 1,
  position: position(9),
};
const identity: LogIdentity = {
  ...{ format: 1, state: "ready", createdAtMs: 1.5 },
  ...{ partitions: 8, incarnation: 3, leases: 4 },
};
const manifest: Manifest = { ...emptyManifest, to: position(9), version: version(7) };

/** Each decoder, as what it says of bytes that were not written by it. */
const decoders = {
  attempts: (data: Uint8Array) => decodeAttempts(data),
  "dead letter": (data: Uint8Array) => decodeDeadLetter(data),
  "owed letters": (data: Uint8Array) => decodeOwed(data) ?? undefined,
  lease: (data: Uint8Array) => decodeHolder(data),
  identity: (data: Uint8Array) => foreignIsNone(decodeIdentity(data)),
  manifest: (data: Uint8Array) => foreignIsNone(decodeManifest(data)),
};

function foreignIsNone(reading: { readonly kind: string }): unknown {
  return reading.kind === "foreign" ? undefined : reading;
}

describe.each(Object.entries(decoders))("the decoder of a %s", (_name, decode) => {
  const text = new TextEncoder();

  it.each([
    ["nothing", new Uint8Array()],
    ["half a value", text.encode('{"tenant":')],
    ["bytes that are no UTF-8", Uint8Array.of(0x22, 0xff, 0xfe, 0x22)],
    ["null", text.encode("null")],
    ["an array", text.encode("[1]")],
    ["the answer of a server", text.encode('{"stream":"DOCS","seq":7}')],
  ])("takes %s for a foreign message", (_what, data) => {
    expect(decode(data)).toBeUndefined();
  });

  it("throws for no bytes at all", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map((json) => text.encode(json)),
    );
    fc.assert(
      fc.property(bytes, (data) => {
        expect(decode(data)).toBeUndefined();
      }),
    );
  });
});

describe("what is stored", () => {
  it("comes back", () => {
    const attempts = { upTo: version(7), lives: 2, epoch: epoch(3) };
    const holder = { node: "a/1", epoch: 3, name: "a", boot: 1 };
    expect(decodeAttempts(encodeAttempts(attempts))).toEqual(attempts);
    expect(decodeDeadLetter(encodeDeadLetter(letter))).toEqual(letter);
    expect(decodeOwed(encodeOwed(position(9)))).toBe(9);
    expect(decodeOwed(encodeOwed(null))).toBeNull();
    expect(decodeHolder(encodeHolder(holder))).toEqual(holder);
    expect(decodeIdentity(encodeIdentity(identity))).toEqual({ kind: "identity", identity });
  });

  it.each([manifest, { ...manifest, confirmed: position(8) }])("a manifest: %o", (stored) => {
    const { payload, headers } = encodeManifest(stored);
    const reading = decodeManifest(payload, (name) => headers[name]);
    expect(reading).toEqual({ kind: "manifest", manifest: stored });
  });

  it("is not readable when a later version wrote it, or when it is damaged", () => {
    expect(decodeIdentity(encodeJson({ ...identity, format: 9 }))).toEqual({ kind: "unreadable" });
    expect(decodeManifest(encodeJson({ ...manifest, format: 9 }))).toEqual({ kind: "unreadable" });
    const { payload } = encodeManifest(manifest);
    expect(decodeManifest(payload, () => "-1")).toEqual({ kind: "unreadable" });
  });

  it("never has a negative sequence", () => {
    expect(decodeDeadLetter(encodeJson({ ...letter, version: -1 }))).toBeUndefined();
    expect(decodeAttempts(encodeJson({ upTo: -1, lives: 1, epoch: 1 }))).toBeUndefined();
  });
});

describe("subjects", () => {
  it("of leases and of nodes are distinct", () => {
    const lease = leaseSubject(12 as Partition);
    const node = nodeSubject("a.b 1");
    expect([leasedPartitionIn(lease), nodeIn(lease)]).toEqual([12, undefined]);
    expect([leasedPartitionIn(node), nodeIn(node)]).toEqual([undefined, "a.b 1"]);
  });

  it("of a token that is no tenant id never meet those of a tenant", () => {
    expect(deadLetterSubject("acme", version(7))).toBe("dlq.acme.7");
    expect(deadLetterSubject("a.b", version(7))).toBe("dlq.~YS5i.7");
    const long = deadLetterSubject("x".repeat(5_000), version(7));
    expect(long.length).toBeLessThan(300);
    expect(deadLetterSubject("acme", version(8))).not.toBe(long);
  });
});
