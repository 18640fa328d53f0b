/**
 * What a later Freshet wrote, with fields that this one does not know, is read as if it had none of
 * them: a node may be taken back to this version.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Endpoint,
  type EndpointState,
  endpointSchema,
  endpointStateSchema,
} from "../../../src/contract/endpoint.ts";
import { nothingLeft } from "../../../src/contract/erase.ts";
import {
  abandon,
  feed,
  join,
  removed,
  type TenantGenerations,
} from "../../../src/contract/generation.ts";
import { epoch, position, type TenantId, version } from "../../../src/contract/ids.ts";
import { emptyManifest, type Manifest } from "../../../src/contract/manifest.ts";
import { decodeBody, encodeBody } from "../../../src/contract/record-body.ts";
import { sourceStateSchema } from "../../../src/contract/source.ts";
import type { TenantLife } from "../../../src/contract/tenant-life.ts";
import { type TenantPrivacy, withErase, withHolds } from "../../../src/contract/tenant-privacy.ts";
import { decodeAttempts, encodeAttempts } from "../../../src/log/wire/attempts.ts";
import { decodeDeadLetter, encodeDeadLetter } from "../../../src/log/wire/dead-letter.ts";
import {
  decodeGenerations,
  encodeGenerations,
  generationsAfter,
} from "../../../src/log/wire/generation.ts";
import { decodeIdentity, encodeIdentity } from "../../../src/log/wire/identity.ts";
import { decodeJson, encodeJson } from "../../../src/log/wire/json.ts";
import { decodeHolder, encodeHolder } from "../../../src/log/wire/lease.ts";
import { decodeLife, encodeLife, lifeAfter } from "../../../src/log/wire/life.ts";
import { decodeManifest, encodeManifest } from "../../../src/log/wire/manifest.ts";
import { decodePrivacy, encodePrivacy } from "../../../src/log/wire/privacy.ts";
import { headerFromWire, wireHeaders } from "../../../src/log/wire/record.ts";
import { decodeTokens, encodeTokens } from "../../../src/log/wire/tokens.ts";
import { runs } from "../../support/runs.ts";
import { testSigner } from "../../support/signer.ts";
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

const pair: [number, number] = [1, 2];
const made = { number: 2, model: "m", builtTo: version(3), probe: "p" };
const fed: TenantGenerations = {
  ...{ state: "fed", active: { ...made, number: 1 }, other: made, next: 3, released: [] },
  compared: { atMs: 1, questions: 1, k: 1, overlap: 1, p50Ms: pair, p99Ms: pair },
  cut: { at: version(3), atMs: 1, isRolledBack: true },
};
const building: TenantGenerations = {
  ...{ state: "building", active: { ...made, number: 1 }, other: made, next: 3, released: [] },
  ...{ from: position(1), upTo: version(1) },
};
const receipt = testSigner({
  ...{
    format: 1,
    kind: "tenant",
    tenant: "acme" as TenantId,
    deployment: "0",
    begun_at: "",
    ended_at: "",
  },
  ...{ found: nothingLeft, left: nothingLeft, below: { docs: 1, chunks: 1 }, not_covered: [] },
});
const endpoint: Endpoint = {
  ...{ id: "wh_aaaaaaaaaaaaaaaa", tenant: "acme" as TenantId, url: "https://example.com/" },
  ...{ types: ["document.indexed"], status: "active", createdAtMs: 1 },
  secrets: [{ value: "whsec_AAAA", createdAtMs: 1 }],
  earlierSecrets: [{ value: "whsec_BBBB", createdAtMs: 1, endsAtMs: 2 }],
};
const delivery: EndpointState = {
  ...{ after: 1, delivered: 1, failed: 0 },
  trouble: { seq: 1, attempts: 1, sinceMs: 1, nextAtMs: 1, reason: "timeout" },
};

interface Rewritten {
  readonly value: object;
  readonly read: (bytes: Uint8Array) => object | undefined;
  readonly write: (value: never) => Uint8Array;
  /** Each change that this version makes of it. */
  readonly changes: readonly ((value: never) => object)[];
}

const privacy: TenantPrivacy = {
  ...{ rawMs: 0, encryption: "on", plainTo: version(1), heldFrom: version(1) },
  ...{ holds: [version(1), version(4)], batches: [[version(4), version(6)]] },
  keys: [{ id: "0".repeat(16), by: "1".repeat(16), wrapped: "w", atMs: 1 }],
};
const toState = (next: TenantLife) => (life: never) => lifeAfter(life, next);

/** Each record that is read, changed and written again. */
const rewritten: Readonly<Record<string, Rewritten>> = {
  "what a tenant asks for": {
    ...{ value: privacy, read: decodePrivacy, write: encodePrivacy },
    changes: [
      (now) => withHolds(now, [version(4)]),
      (now) => withHolds(now, []),
      (now) => withErase(now, [version(9), version(10)]) ?? {},
    ],
  },
  "life of a sleeper": {
    value: { state: "asleep", atMs: 5, version: version(7), to: position(9) },
    ...{ read: decodeLife, write: encodeLife },
    changes: [toState({ state: "active" }), toState({ state: "erasing", atMs: 1 })],
  },
  "life of an erased tenant": {
    value: { state: "erased", atMs: 5, receipt },
    ...{ read: decodeLife, write: encodeLife, changes: [(now: object) => now] },
  },
  "generations that are fed": {
    ...{ value: fed, read: decodeGenerations, write: encodeGenerations },
    changes: [(now) => generationsAfter(now, abandon(now)), (now) => removed(now, 7)],
  },
  "generations of which one is built": {
    ...{ value: building, read: decodeGenerations, write: encodeGenerations },
    changes: [
      (now) => generationsAfter(now, feed(join(now, 2), { number: 2, builtTo: version(1) })),
    ],
  },
  attempts: {
    value: { upTo: version(3), lives: 1, epoch: epoch(2) },
    ...{ read: decodeAttempts, write: encodeAttempts },
    changes: [(now: object) => ({ ...now, lives: 2 })],
  },
  "tokens of a day": {
    value: { day: 1, tenant: 2, credentials: { key: 3 } },
    ...{ read: decodeTokens, write: encodeTokens },
    changes: [(now: object) => ({ ...now, tenant: 4 })],
  },
  identity: {
    value: {
      ...{ format: 1, state: "creating", createdAtMs: 1 },
      ...{ partitions: 8, incarnation: 1, leases: 1 },
    },
    read: (bytes) => {
      const reading = decodeIdentity(bytes);
      return reading.kind === "identity" ? reading.identity : undefined;
    },
    write: encodeIdentity,
    changes: [(now: object) => ({ ...now, state: "ready" })],
  },
  webhook: {
    ...{ value: endpoint, read: (bytes) => decodeJson(endpointSchema, bytes), write: encodeJson },
    changes: [(now: object) => ({ ...now, status: "paused" })],
  },
  "position of a webhook": {
    ...{ value: delivery, read: (bytes) => decodeJson(endpointStateSchema, bytes) },
    ...{ write: encodeJson, changes: [(now: object) => ({ ...now, after: 2 })] },
  },
  "state of a source": {
    ...{ value: state, read: (bytes) => decodeJson(sourceStateSchema, bytes), write: encodeJson },
    changes: [(now: object) => ({ ...now, atMs: 3 })],
  },
};

describe("what a later Freshet wrote into a record that is changed here", () => {
  it.each(Object.entries(rewritten))("is there afterwards: %s", (_name, record) => {
    const write = record.write as (value: object) => Uint8Array;
    fc.assert(
      fc.property(later, (fields) => {
        const found = record.read(withFields(write(record.value), fields));
        if (found === undefined) throw new Error("it was not read");
        for (const change of record.changes) {
          const next = (change as (value: object) => object)(found);
          expect(record.read(write(next))).toMatchObject(fields);
        }
      }),
      { numRuns: runs(30) },
    );
  });

  it.each(Object.entries(rewritten))("is there at every depth: %s", (_name, record) => {
    const write = record.write as (value: object) => Uint8Array;
    const deep = deepened(JSON.parse(new TextDecoder().decode(write(record.value))));
    const found = record.read(encodeJson(deep as object));
    if (found === undefined) throw new Error("it was not read");
    expect(JSON.parse(new TextDecoder().decode(write(found)))).toEqual(deep);
  });
});

/** Names of a map's entries are data: nothing is added there. */
const maps = new Set(["credentials", "skippedByReason"]);

function deepened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deepened);
  if (typeof value !== "object" || value === null) return value;
  const inner = Object.entries(value).map(([name, field]) => [
    name,
    maps.has(name) ? field : deepened(field),
  ]);
  return { ...Object.fromEntries(inner), later_field: [1] };
}

describe("what a later Freshet wrote with more fields", () => {
  it.each(Object.entries(stored))("is read as it is known here: %s", (_name, { bytes, read }) => {
    const known = read(bytes);
    expect(known).toBeDefined();
    fc.assert(
      fc.property(later, (fields) => {
        expect(read(withFields(bytes, fields))).toMatchObject(known as object);
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
