/** JSON from outsiders: strict UTF-8, no prototype tricks, bounded depth, each key once. */

import { documentFields } from "../contract/document.ts";
import { FreshetError } from "../contract/errors.ts";
import { repeatedKey, repeatedKeyMessage } from "../contract/json-keys.ts";
import { limits } from "../contract/limits.ts";
import { questionFields } from "../contract/query.ts";

const ourNames: ReadonlySet<string> = new Set([...documentFields, ...questionFields]);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** @throws FreshetError invalid_json */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    // The parser's message quotes the input, which may be a document (I10): it goes no further.
    throw new FreshetError("invalid_json", undefined, { cause });
  }
  checkShape(value);
  const repeated = repeatedKey(text);
  if (repeated === undefined) return value;
  throw new FreshetError("invalid_json", repeatedKeyMessage(repeated, ourNames));
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
