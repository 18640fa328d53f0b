/**
 * Secrets: from the variable itself, or from the file that `<NAME>_FILE` names, as containers and
 * secret stores hand them out. A file is read again once it has changed.
 *
 * Owns: what it read last. Never: puts a secret, or what a file holds, into a message.
 *
 *   KF1  a file that is half written, refused or gone leaves the value that was read last;
 *   KF2  it is looked at most once in `limits.secretLookEveryMs`, however often it is asked for.
 */

import { readFileSync, statSync } from "node:fs";
import type { z } from "zod";
import { limits } from "../contract/limits.ts";

export interface SecretSource<Value> {
  /** The setting's name, for messages. */
  readonly name: string;
  readonly schema: z.ZodType<Value, string>;
  readonly file: string;
  readonly nowMs?: (() => number) | undefined;
}

/** @returns a function that throws an Error of one line while the file was never readable */
export function secretFromFile<Value>(source: SecretSource<Value>): () => Value {
  const { file, nowMs = () => performance.now() } = source;
  let last: { readonly value: Value; readonly version: string } | undefined;
  let lookAgainAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    const now = nowMs();
    if (last !== undefined && now < lookAgainAtMs) return last.value;
    lookAgainAtMs = now + limits.secretLookEveryMs;
    try {
      const version = versionOf(file);
      if (version !== last?.version) last = { value: read(source), version };
    } catch (thrown) {
      if (last === undefined) throw thrown;
    }
    return last.value;
  };
}

/**
 * A secret store replaces a file by another one, or changes where a link points. A copy may keep
 * every time but that of the inode's last change.
 */
function versionOf(file: string): string {
  try {
    const { ino, mtimeMs, ctimeMs, size } = statSync(file);
    return `${ino}/${mtimeMs}/${ctimeMs}/${size}`;
  } catch {
    return "";
  }
}

function read<Value>({ name, schema, file }: SecretSource<Value>): Value {
  const parsed = schema.safeParse(contentOf(name, file).trim());
  if (parsed.success) return parsed.data;
  const expected = String(schema.meta()?.["expected"] ?? "another value");
  throw new Error(`${name}_FILE: ${file} should hold ${expected}`);
}

function contentOf(name: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new Error(`${name}_FILE: cannot read ${file} (${code})`, { cause });
  }
}
