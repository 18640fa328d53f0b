/**
 * Where a page of a browser that calls comes from. Programs send no Origin; browsers cannot leave
 * it out of what changes something.
 */

import type { IncomingHttpHeaders } from "node:http";
import { FreshetError } from "../contract/errors.ts";
import type { Check } from "./auth.ts";

/** @throws FreshetError forbidden */
export function checkOrigin({ origin }: IncomingHttpHeaders, checkHost: Check): void {
  if (origin === undefined) return;
  const host = URL.canParse(origin) ? new URL(origin).host : "null";
  try {
    checkHost({ host });
  } catch (cause) {
    throw new FreshetError("forbidden", "this Origin is not one of this engine", { cause });
  }
}
