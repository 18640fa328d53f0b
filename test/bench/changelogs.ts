/**
 * Dated texts that every Debian machine has: the entries of its packages' changelogs
 * (deb-changelog(5)). Nothing is downloaded, and what is newest of a package is beyond doubt.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

export interface ChangelogEntry {
  readonly packageName: string;
  readonly version: string;
  /** The changes, without the line that names version and the one that has the date. */
  readonly text: string;
  /** Unix milliseconds. */
  readonly atMs: number;
}

const headPattern = /^([a-z0-9][a-z0-9.+-]*) \(([^)]+)\)/;
const trailPattern = /^ -- .*?> {2}(.+)$/;

/** Entries in the order of the file: the newest first. What is no entry is passed over. */
export function parseChangelog(text: string): readonly ChangelogEntry[] {
  const entries: ChangelogEntry[] = [];
  let head: RegExpExecArray | null = null;
  let lines: string[] = [];
  for (const line of text.split("\n")) {
    const begins = headPattern.exec(line);
    const ends = trailPattern.exec(line);
    if (begins !== null) {
      head = begins;
      lines = [];
    } else if (ends !== null && head !== null) {
      const [, packageName = "", version = ""] = head;
      const atMs = Date.parse(ends[1] ?? "");
      const changes = lines.join("\n").trim();
      if (changes !== "" && Number.isFinite(atMs)) {
        entries.push({ packageName, version, text: changes, atMs });
      }
      head = null;
    } else {
      lines.push(line.replace(/^ {2}/, ""));
    }
  }
  return entries;
}

/** Of the packages in `folder` with at least `entriesMin` entries, by name; at most so many of each. */
export function readChangelogs(options: {
  readonly folder: string;
  readonly packagesMax: number;
  readonly entriesMin: number;
  readonly entriesMax: number;
}): ReadonlyMap<string, readonly ChangelogEntry[]> {
  const { folder, packagesMax, entriesMin, entriesMax } = options;
  const found = new Map<string, readonly ChangelogEntry[]>();
  for (const name of namesIn(folder)) {
    if (found.size >= packagesMax) break;
    const entries = entriesOf(join(folder, name, "changelog.Debian.gz"));
    // Libraries of one source package share a changelog: once is enough.
    const source = entries[0]?.packageName;
    if (source === undefined || entries.length < entriesMin || found.has(source)) continue;
    found.set(source, entries.slice(0, entriesMax));
  }
  return found;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function entriesOf(file: string): readonly ChangelogEntry[] {
  try {
    return parseChangelog(gunzipSync(readFileSync(file)).toString("utf8"));
  } catch {
    return [];
  }
}
