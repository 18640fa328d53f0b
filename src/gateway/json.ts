/** JSON from outsiders: strict UTF-8, no prototype tricks, bounded depth. */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** @throws FreshetError invalid_json */
export function parseJson(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    // The parser's message quotes the input, which may be a document (I10): it goes no further.
    throw new FreshetError("invalid_json", undefined, { cause });
  }
  checkShape(value);
  return value;
}

/** Walks without recursion, because depth is what an attacker chooses. */
function checkShape(root: unknown): void {
  let level: object[] = isObject(root) ? [root] : [];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > limits.jsonDepthMax) {
      throw new FreshetError("invalid_json", `json nests more than ${limits.jsonDepthMax} deep`);
    }
    const next: object[] = [];
    for (const value of level) {
      if (poisons(value)) {
        throw new FreshetError("invalid_json", "json holds a key that would change a prototype");
      }
      for (const child of Object.values(value)) if (isObject(child)) next.push(child);
    }
    level = next;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function poisons(value: object): boolean {
  if (Object.hasOwn(value, "__proto__")) return true;
  if (!Object.hasOwn(value, "constructor")) return false;
  const made: unknown = (value as Record<string, unknown>)["constructor"];
  return isObject(made) && Object.hasOwn(made, "prototype");
}
