/**
 * What was left out of an import, and why: a count for each reason, and the first files of each, so
 * that a person can look at them. Bounded: a folder may hold a million files of another type.
 */

import { limits } from "../../contract/limits.ts";
import { kindOf } from "../../ingest/formats/kinds.ts";
import { extensionOf } from "../../ingest/formats/other-kinds.ts";
import type { SkipReason as FormatReason } from "../../ingest/formats/port.ts";

/**
 * | reason | what it is |
 * | --- | --- |
 * | type | a file that is no text we read |
 * | name | a name that is not UTF-8, or that cannot be a document id |
 * | unreadable | the system refuses to open it |
 * | vanished | it was there when the folder was listed, and was not when it was read |
 * | changed | somebody wrote it while it was read: what was read may be a part of it |
 * | special | a socket, a pipe or a device |
 * | link | a symbolic link that is not followed, leads nowhere, or to what is read already |
 * | collision | a document of an earlier file of the same run has this id |
 *
 * The others say what is wrong with a content.
 */
export type SkipReason =
  | FormatReason
  | "name"
  | "unreadable"
  | "vanished"
  | "changed"
  | "special"
  | "link"
  | "collision";

export interface Problem {
  /** As the user would type it; bytes that are no text as `\xE9`. */
  readonly file: string;
  readonly reason: SkipReason;
  /** In a file of lines, the line. */
  readonly line?: number | undefined;
  readonly detail?: string | undefined;
}

/** The file itself is of no kind that is read; of a mail it may be an attachment that is not. */
export function isOfOtherKind({ reason, file }: Problem): boolean {
  return reason === "type" && kindOf(file) === undefined;
}

export class Problems {
  readonly #counts = new Map<SkipReason, number>();
  readonly #shown: Problem[] = [];
  readonly #types = new Map<string, number>();

  add(problem: Problem): void {
    if (isOfOtherKind(problem)) this.#countType(problem.file);
    const before = this.#counts.get(problem.reason) ?? 0;
    this.#counts.set(problem.reason, before + 1);
    if (before < limits.ingestProblemsShownMax) this.#shown.push(problem);
  }

  get counts(): ReadonlyMap<SkipReason, number> {
    return this.#counts;
  }

  /** The first of each reason, in the order in which they were met. */
  get shown(): readonly Problem[] {
    return this.#shown;
  }

  /** How many files of each kind that is not read, the most frequent first. */
  get types(): ReadonlyMap<string, number> {
    return new Map([...this.#types].toSorted(([, one], [, other]) => other - one));
  }

  #countType(file: string): void {
    const type = extensionOf(file);
    const isKept = this.#types.has(type) || this.#types.size < limits.ingestTypesCountedMax;
    if (isKept) this.#types.set(type, (this.#types.get(type) ?? 0) + 1);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** A path for people: text as it is, other bytes and control characters escaped. */
export function shownPath(path: Uint8Array | string): string {
  const bytes = Buffer.from(path as Uint8Array);
  const text = bytes.toString("utf8");
  const isText = Buffer.from(text, "utf8").equals(bytes);
  const readable = isText ? text : escapedBytes(bytes);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  return readable.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (char) =>
    escaped(char.charCodeAt(0)),
  );
}

function escapedBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : escaped(byte),
  ).join("");
}

function escaped(byte: number): string {
  return `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
