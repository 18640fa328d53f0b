/** The headers of a record, as readers of any release meet them. */

import { expect, it } from "vitest";
import type { Position } from "../../../src/contract/ids.ts";
import { tenantId } from "../../../src/contract/ids.ts";
import { headerFromWire, wireHeaders } from "../../../src/log/wire/record.ts";
import { duplicate, reject, upsert } from "../records.ts";

const tenant = tenantId("acme");
const origin = { tenant, version: 7, epoch: 1 };
const place = { tenant, atMs: 1, position: 9 as Position, previous: 8 as Position };

it("a duplicate is the reject of a used id to a reader that does not know duplicates", () => {
  const headers = wireHeaders(duplicate(origin, 5), 0);
  const known = headerFromWire((name) => headers[name], place);
  expect(known).toMatchObject({ kind: "duplicate", version: 7, documentId: null });
  const older = headerFromWire(
    (name) => (name === "Freshet-Repeats" ? undefined : headers[name]),
    place,
  );
  expect(older).toMatchObject({ kind: "reject", reason: "duplicate_id", documentId: null });
});

it("a reject stays one", () => {
  const headers = wireHeaders(reject(origin, "a"), 0);
  expect(headerFromWire((name) => headers[name], place)).toMatchObject({ kind: "reject" });
});

it("when a document expires is known without its body, and nothing where it does not", () => {
  const headerOf = (expiresAtMs?: number) => {
    const record = upsert(origin, "a");
    const body = { ...record.body, info: { ...record.body.info, expiresAtMs } };
    const headers = wireHeaders({ ...record, body }, 9);
    return headerFromWire((name) => headers[name], place);
  };
  expect(headerOf(1_772_359_200_000).expiresAtMs).toBe(1_772_359_200_000);
  expect(headerOf(-5).expiresAtMs).toBe(0);
  expect(headerOf()).not.toHaveProperty("expiresAtMs");
});
