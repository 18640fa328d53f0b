/** What the OpenAPI document says of errors, for every form that they are told in. */

import { type ErrorCode, errorTable } from "../contract/errors.ts";

type Json = Readonly<Record<string, unknown>>;

/** One response for each status, naming the codes that come with it. */
export function errorResponses(codes: readonly ErrorCode[], content: Json): Json {
  const byStatus = Map.groupBy(codes, (code) => String(errorTable[code].status));
  return Object.fromEntries(
    [...byStatus].map(([status, sharing]) => [
      status,
      {
        description: sharing.map((code) => `${code}: ${errorTable[code].summary}`).join("; "),
        content,
      },
    ]),
  );
}
