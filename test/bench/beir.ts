/** A retrieval collection in BEIR form: corpus.jsonl, queries.jsonl, qrels/test.tsv. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface Judged {
  readonly text: string;
  /** Accepted answers, spans of a relevant document; empty where the collection has none. */
  readonly answers: readonly string[];
  /** Document id to gain. */
  readonly gains: ReadonlyMap<string, number>;
}

export interface Collection {
  readonly name: string;
  readonly documents: readonly {
    readonly id: string;
    /** Title and body. */
    readonly text: string;
    readonly title: string | undefined;
    readonly body: string;
  }[];
  /** Only queries that have a relevant document: of the others no ranking is right. */
  readonly queries: readonly Judged[];
  /** The others. */
  readonly unanswerable: readonly string[];
}

/** The folder itself when it is a collection, else those in it. @throws Error when there is none */
export function collectionFolders(folder: string): readonly string[] {
  const isCollection = (path: string): boolean => existsSync(join(path, "corpus.jsonl"));
  if (isCollection(folder)) return [folder];
  const inside = existsSync(folder) ? readdirSync(folder).sort() : [];
  const folders = inside.map((name) => join(folder, name)).filter(isCollection);
  if (folders.length === 0) throw new Error(`${folder} holds no collection (corpus.jsonl)`);
  return folders;
}

export function readCollection(folder: string): Collection {
  const gains = readGains(join(folder, "qrels", "test.tsv"));
  const documents = readLines(join(folder, "corpus.jsonl")).map((line) => {
    const { _id: id, title, text } = JSON.parse(line) as Record<string, string>;
    const whole = title === undefined || title === "" ? text : `${title}\n${text ?? ""}`;
    return {
      id: id ?? "",
      text: whole ?? "",
      title: title === "" ? undefined : title,
      body: text ?? "",
    };
  });
  const queries: Judged[] = [];
  const unanswerable: string[] = [];
  for (const line of readLines(join(folder, "queries.jsonl"))) {
    const { _id: id = "", text = "", metadata } = JSON.parse(line) as QueryLine;
    const own = gains.get(id);
    if (own === undefined) unanswerable.push(text);
    else queries.push({ text, answers: metadata?.answers ?? [], gains: own });
  }
  return { name: basename(folder), documents, queries, unanswerable };
}

interface QueryLine {
  readonly _id?: string;
  readonly text?: string;
  readonly metadata?: { readonly answers?: readonly string[] };
}

function readGains(file: string): Map<string, Map<string, number>> {
  const gains = new Map<string, Map<string, number>>();
  // The first line names the columns.
  for (const line of readLines(file).slice(1)) {
    const [query = "", document = "", gain] = line.split("\t");
    if (!(Number(gain) > 0)) continue;
    const own = gains.get(query) ?? new Map<string, number>();
    gains.set(query, own.set(document, Number(gain)));
  }
  return gains;
}

function readLines(file: string): string[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
}
