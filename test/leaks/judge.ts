/** What of the planted values is where it must not be. */

import type { PlantedValue } from "./documents.ts";
import { filesBelow, type Needle, needlesOf, Scanner } from "./scan.ts";
import type { Heard } from "./story.ts";

export interface Leak {
  readonly where: string;
  readonly kind: string;
  readonly place: string;
  readonly value: string;
  readonly count: number;
}

export interface Verdict {
  readonly leaks: readonly Leak[];
  /** Files that hold values as they were published, and may: the stream DOCS. */
  readonly rawFiles: readonly string[];
  /** Where the words that are no secret were found: `CHUNKS`, `weaviate`, `prompts`, … */
  readonly seen: ReadonlySet<string>;
  readonly files: number;
}

/** What is no secret has to be seen in each of them, or nothing was looked at. */
export const placesSeen = ["DOCS", "CHUNKS", "weaviate", "prompts", "replies"];

const rawPlace = /\/streams\/DOCS\//;

export interface Looked extends Heard {
  readonly roots: readonly string[];
  /** By their name here, beside what the story has heard: prompts, traces. */
  readonly also: Readonly<Record<string, readonly string[]>>;
}

export function judge({ garden, outputs, also, roots }: Looked): Verdict {
  const markers = new Set(garden.markers);
  const scanner = new Scanner(needlesFor(garden.all, garden.markers));
  const leaks: Leak[] = [];
  const rawFiles: string[] = [];
  const seen = new Set<string>();
  const report = (where: string, { isAsked, ...value }: PlantedValue, count: number): void => {
    // Some surfaces repeat the request in its own reply.
    if (!(isAsked && where === "replies")) leaks.push({ where, ...value, count });
  };
  const look = (where: string, found: ReadonlyMap<string, number>): void => {
    for (const [name, count] of found) {
      if (markers.has(name)) seen.add(placeOf(where));
      else if (rawPlace.test(where)) rawFiles.push(where);
      else report(where, garden.all[Number(name)] as PlantedValue, count);
    }
  };
  for (const [where, texts] of Object.entries({ ...outputs, ...also }))
    for (const text of texts) look(where, scanner.text(text));
  let files = 0;
  for (const file of filesBelow(roots)) {
    files += 1;
    look(file, scanner.file(file));
  }
  return { leaks, rawFiles: [...new Set(rawFiles)], seen, files };
}

function* needlesFor(
  planted: readonly PlantedValue[],
  markers: readonly string[],
): Generator<Needle> {
  for (const [at, { value }] of planted.entries()) yield* needlesOf(String(at), value);
  for (const marker of markers) yield { name: marker, bytes: Buffer.from(marker) };
}

/** Of a file: the stream, or the server. */
function placeOf(where: string): string {
  return /\/streams\/(\w+)\//.exec(where)?.[1] ?? /weaviate|temporal/.exec(where)?.[0] ?? where;
}

/** A line for each kind and place of leak, the most frequent first. */
export function describeLeaks(leaks: readonly Leak[]): string {
  const groups = new Map<string, Leak[]>();
  for (const leak of leaks) {
    const key = `${leak.place} | ${leak.kind} | ${placeOf(leak.where)}`;
    groups.set(key, [...(groups.get(key) ?? []), leak]);
  }
  return [...groups]
    .sort(([, one], [, other]) => other.length - one.length)
    .map(([key, some]) => `${some.length} x ${key}: ${JSON.stringify(some[0]?.value)}`)
    .join("\n");
}
