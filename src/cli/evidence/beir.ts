/** A collection in BEIR form of feedback: what `npm run bench -- quality --dataset` reads. Pure. */

import type { StoredFeedback } from "../../contract/feedback.ts";
import type { Source } from "../../contract/query.ts";

export interface CollectionFiles {
  /** One JSON a line, without the last line's end. */
  readonly corpus: readonly string[];
  readonly queries: readonly string[];
  /** Tab separated, with a line that names the columns. */
  readonly qrels: readonly string[];
  /** Judged documents that are not there any more, so that their text is not known. */
  readonly missing: number;
}

/** Mean relevance of each document, by question. */
export type Judgements = ReadonlyMap<string, ReadonlyMap<string, number>>;

export function judgementsOf(feedback: Iterable<StoredFeedback>): Judgements {
  const sums = new Map<string, Map<string, { sum: number; count: number }>>();
  for (const { query, sources } of feedback) {
    const text = query.trim();
    const own = sums.get(text) ?? new Map<string, { sum: number; count: number }>();
    sums.set(text, own);
    for (const { id, relevance } of sources) {
      const { sum, count } = own.get(id) ?? { sum: 0, count: 0 };
      own.set(id, { sum: sum + relevance, count: count + 1 });
    }
  }
  return new Map(
    [...sums].map(([query, own]) => [
      query,
      new Map([...own].map(([id, { sum, count }]) => [id, sum / count] as const)),
    ]),
  );
}

/**
 * @param found what each question finds: the texts of the collection. Relevance above a half is a
 * gain of 2, above 0 one of 1; the rest is judged and of no gain.
 */
export function collectionOf(
  judgements: Judgements,
  found: ReadonlyMap<string, readonly Source[]>,
): CollectionFiles {
  const documents = documentsOf([...found.values()].flat());
  const queries: string[] = [];
  const qrels = ["query-id\tcorpus-id\tscore"];
  let missing = 0;
  for (const [index, [query, own]] of [...judgements].entries()) {
    const id = `q${index + 1}`;
    queries.push(JSON.stringify({ _id: id, text: query }));
    for (const [document, relevance] of own) {
      if (!documents.has(document)) missing += 1;
      else qrels.push([id, document, gainOf(relevance)].join("\t"));
    }
  }
  const corpus = [...documents].map(([id, { title, text }]) =>
    JSON.stringify({ _id: id, title, text }),
  );
  return { corpus, queries, qrels, missing };
}

function gainOf(relevance: number): number {
  if (relevance > 0.5) return 2;
  return relevance > 0 ? 1 : 0;
}

/** The passages of a document that were found, in its order. */
function documentsOf(
  sources: readonly Source[],
): ReadonlyMap<string, { readonly title: string; readonly text: string }> {
  const chunks = new Map<string, Map<number, Source>>();
  for (const source of sources) {
    const own = chunks.get(source.id) ?? new Map<number, Source>();
    chunks.set(source.id, own.set(source.chunk, source));
  }
  return new Map(
    [...chunks].map(([id, own]) => {
      const inOrder = [...own.values()].sort((a, b) => a.chunk - b.chunk);
      const text = inOrder.map((source) => source.text).join("\n\n");
      return [id, { title: inOrder[0]?.title ?? "", text }];
    }),
  );
}
