/**
 * JSON files that operators write by hand: quotas, keys, endpoints. What is wrong with one is said
 * with its place, and never with its text, which may be a secret.
 */

import { repeatedKey } from "./json-keys.ts";

/** Some editors begin a file with it; JSON.parse takes it for an error. */
const byteOrderMark = /^\uFEFF/;

/** @throws SyntaxError whose message is for a person: what is wrong, and where */
export function parseJsonFile(bytes: Uint8Array): unknown {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const json = text.replace(byteOrderMark, "");
  const value = parsed(json);
  const twice = repeatedKey(json);
  if (twice !== undefined) throw new SyntaxError(`the key "${twice}" stands in an object twice`);
  return value;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (thrown) {
    throw new SyntaxError(`the file is not JSON${placeIn(json, thrown)}`);
  }
}

/** As far as the parser tells it; the rest of its message quotes the text. */
function placeIn(json: string, thrown: unknown): string {
  if (json.trim() === "") return ": it is empty";
  const position = /at position (\d+)/.exec(thrown instanceof Error ? thrown.message : "")?.[1];
  if (position === undefined) return "";
  const lines = json.slice(0, Number(position)).split("\n");
  return `: line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
}
