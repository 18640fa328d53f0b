/**
 * What a later Freshet wrote, with fields that this one does not know, is read as if it had none of
 * them: a node may be taken back to this version.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epoch, position, type TenantId, version } from "../../../src/contract/ids.ts";
import { emptyManifest, type Manifest } from "../../../src/contract/manifest.ts";
import { decodeBody, encodeBody } from "../../../src/contract/record-body.ts";
import { sourceStateSchema } from "../../../src/contract/source.ts";
import { decodeAttempts, encodeAttempts } from "../../../src/log/wire/attempts.ts";
import { decodeDeadLetter, encodeDeadLetter } from "../../../src/log/wire/dead-letter.ts";
import { decodeIdentity, encodeIdentity } from "../../../src/log/wire/identity.ts";
import { decodeJson, encodeJson } from "../../../src/log/wire/json.ts";
import { decodeHolder, encodeHolder } from "../../../src/log/wire/lease.ts";
import { decodeLife, encodeLife } from "../../../src/log/wire/life.ts";
import { decodeManifest, encodeManifest } from "../../../src/log/wire/manifest.ts";
import { headerFromWire, wireHeaders } from "../../../src/log/wire/record.ts";
import { decodeTokens, encodeTokens } from "../../../src/log/wire/tokens.ts";
import { upsert } from "../records.ts";

const manifest: Manifest = {
  ...emptyManifest,
  to: position(9),
  version: version(7),
  pieces: [{ digest: "d", entries: 2, run: 0 }],
};
const counts = { operations: 1, mapped: 1, skipped: 0, failed: 0, skippedByReason: {} };
const state = { generation: "g", node: "n", settledAtMs: 1, atMs: 2, counts };

/** Each JSON value of the log: its bytes, and what is read of them. */
const stored: Readonly<
  Record<string, { readonly bytes: Uint8Array; readonly read: (bytes: Uint8Array) => unknown }>
> = {
  manifest: {
    bytes: encodeManifest(manifest).payload,
    read: (bytes) => {
      const reading = decodeManifest(bytes);
      return reading.kind === "manifest" ? knownOf(reading.manifest) : reading;
    },
  },
  lease: {
    bytes: encodeHolder({ node: "n~1", epoch: 3, name: "n", boot: 1 }),
    read: decodeHolder,
  },
  "life of a tenant": { bytes: encodeLife({ state: "suspended", atMs: 5 }), read: decodeLife },
  "life of a sleeper": {
    bytes: encodeLife({ state: "asleep", atMs: 5, version: version(7), to: position(9) }),
    read: decodeLife,
  },
  identity: {
    bytes: encodeIdentity({
      ...{ format: 1, state: "ready", createdAtMs: 1 },
      ...{ partitions: 8, incarnation: 1, leases: 1 },
    }),
    read: decodeIdentity,
  },
  attempts: {
    bytes: encodeAttempts({ upTo: version(3), lives: 1, epoch: epoch(2) }),
    read: decodeAttempts,
  },
  "dead letter": {
    bytes: encodeDeadLetter({
      ...{ tenant: "acme", version: version(7), documentId: null, reason: "invalid_json" },
      ...{ message: "no JSON", atMs: 1 },
    }),
    read: decodeDeadLetter,
  },
  "tokens of a day": {
    bytes: encodeTokens({ day: 1, tenant: 2, credentials: { key: 3 } }),
    read: decodeTokens,
  },
  "state of a source": {
    bytes: encodeJson(state),
    read: (bytes) => decodeJson(sourceStateSchema, bytes),
  },
};

const knownOf = (read: Manifest): object =>
  Object.fromEntries(Object.entries(read).filter(([name]) => name in emptyManifest));

/** No release has used these names. */
const later = fc.dictionary(
  fc.stringMatching(/^later_[a-z]{1,8}$/),
  fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.array(fc.boolean())),
  { minKeys: 1, maxKeys: 3 },
);

function withFields(bytes: Uint8Array, fields: object): Uint8Array {
  return encodeJson({ ...JSON.parse(new TextDecoder().decode(bytes)), ...fields });
}

describe("what a later Freshet wrote with more fields", () => {
  it.each(Object.entries(stored))("is read as it is known here: %s", (_name, { bytes, read }) => {
    const known = read(bytes);
    expect(known).toBeDefined();
    fc.assert(
      fc.property(later, (fields) => {
        expect(read(withFields(bytes, fields))).toEqual(known);
      }),
      { numRuns: 30 },
    );
  });

  it("keeps them where it is written again: a manifest that is confirmed", () => {
    fc.assert(
      fc.property(later, (fields) => {
        const reading = decodeManifest(withFields(encodeManifest(manifest).payload, fields));
        if (reading.kind !== "manifest") throw new Error(reading.kind);
        const confirmed = { ...reading.manifest, confirmed: position(9) };
        const { payload } = encodeManifest(confirmed);
        expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject(fields);
      }),
      { numRuns: 30 },
    );
  });

  it("keeps them where it is written again: the body of a record (RB2)", () => {
    const { body } = upsert({ tenant: "acme" as TenantId, version: 1, epoch: 1 }, "a text");
    fc.assert(
      fc.property(later, (fields) => {
        const again = decodeBody(encodeBody(decodeBody(encodeBody({ ...body, extra: fields }))));
        expect(again.extra).toEqual(fields);
        expect({ ...again, extra: undefined }).toEqual({ ...body, extra: undefined });
      }),
      { numRuns: 30 },
    );
  });

  it("is read by the headers that are known: a record", () => {
    const record = upsert({ tenant: "acme" as TenantId, version: 1, epoch: 1 }, "a text");
    const place = {
      ...{ tenant: record.tenant, position: position(2), previous: position(1), atMs: 1 },
    };
    const known = headerFromWire((name) => wireHeaders(record, 10)[name], place);
    const more: Record<string, string> = { ...wireHeaders(record, 10), "Freshet-Later": "1" };
    expect(headerFromWire((name) => more[name], place)).toEqual(known);
  });

  it("stays refused where its reason is not known here: a rejected operation", () => {
    const headers: Record<string, string> = {
      ...wireHeaders(
        {
          ...{ kind: "reject", tenant: "acme" as TenantId, version: version(1), epoch: epoch(1) },
          ...{ documentId: null, reason: "invalid_json", message: "what was wrong" },
        },
        0,
      ),
      "Freshet-Reason": "found_later",
    };
    const place = { tenant: "acme" as TenantId, position: position(2), previous: position(1) };
    const header = headerFromWire((name) => headers[name], { ...place, atMs: 1 });
    expect(header).toMatchObject({ kind: "reject", reason: "internal", message: "what was wrong" });
  });
});
