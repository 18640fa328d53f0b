/** The headers of a record, as readers of any release meet them. */

import { expect, it } from "vitest";
import type { Position } from "../../../src/contract/ids.ts";
import { tenantId } from "../../../src/contract/ids.ts";
import { headerFromWire, wireHeaders } from "../../../src/log/wire/record.ts";
import { duplicate, reject } from "../records.ts";

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
