/**
 * What the main job does with a corpus. Pure: documents in, plan out.
 *
 * Most of the corpus is ingested together and merged, so that it is cold. A few small documents are
 * then published one by one: that measures how soon a document is visible, and leaves them hot.
 */

/** What the plan looks at; ids are paths relative to the corpus. */
export interface PlannedDocument {
  readonly id: string;
  readonly title?: string | undefined;
  readonly text: string;
}

export interface Plan<Document extends PlannedDocument> {
  readonly together: readonly Document[];
  readonly singly: readonly Document[];
  readonly questions: readonly PlannedQuestion[];
}

export interface PlannedQuestion {
  readonly query: string;
  /** The document that has the answer. */
  readonly expects: string;
  readonly from: "hot" | "cold" | "either";
}

/** Published singly: enough for a p99 that is not one outlier's. */
export const singlesMax = 20;
/** About 120 tokens: one chunk, the size that freshness is quoted for. */
const singleBytes = 500;

/** Questions about files that the installed packages ship; the first that is there is asked. */
const known: readonly (PlannedQuestion & { readonly from: "hot" | "cold" })[] = [
  hot(
    "chrome-trace-event/README.md",
    "Which library creates trace event logs of program execution in Google's Trace Event format?",
  ),
  hot("@protobufjs/pool/README.md", "Which package is a general purpose buffer pool?"),
  hot(
    "is-fullwidth-code-point/readme.md",
    "How do I check whether a Unicode code point is fullwidth?",
  ),
  hot("strip-bom/readme.md", "How do I strip the byte order mark from a string?"),
  cold(
    "update-browserslist-db/README.md",
    "Which command updates caniuse-lite with the browsers DB?",
  ),
  cold("why-is-node-running/README.md", "Node.js is still running: how do I find out why?"),
  cold("supports-color/readme.md", "How can I detect whether a terminal supports color?"),
  cold("file-uri-to-path/README.md", "How do I convert a file: URI to a file path?"),
  cold("color-convert/README.md", "How do I convert RGB to CMYK?"),
];

function hot(expects: string, query: string) {
  return { expects, query, from: "hot" as const };
}

function cold(expects: string, query: string) {
  return { expects, query, from: "cold" as const };
}

export function planJob<Document extends PlannedDocument>(
  documents: readonly Document[],
): Plan<Document> {
  const singly = chooseSingles(documents);
  const ids = new Set(singly.map(({ id }) => id));
  const together = documents.filter(({ id }) => !ids.has(id));
  return { together, singly, questions: chooseQuestions(together, singly) };
}

/**
 * Known files first, then those nearest to `singleBytes`; never more than a third of the corpus.
 */
function chooseSingles<Document extends PlannedDocument>(
  documents: readonly Document[],
): readonly Document[] {
  const count = Math.min(singlesMax, Math.ceil(documents.length / 3));
  const hotKnown = documents.filter(({ id }) => knownFor(id)?.from === "hot");
  const others = documents
    .filter(({ id }) => knownFor(id) === undefined)
    .sort((left, right) => distance(left) - distance(right) || (left.id < right.id ? -1 : 1));
  return [...hotKnown, ...others].slice(0, count);
}

function distance({ text }: PlannedDocument): number {
  return Math.abs(text.length - singleBytes);
}

function knownFor(id: string) {
  return known.find(({ expects }) => id === expects || id.endsWith(`node_modules/${expects}`));
}

function chooseQuestions(
  together: readonly PlannedDocument[],
  singly: readonly PlannedDocument[],
): readonly PlannedQuestion[] {
  const fromHot = questionsAbout(singly, "hot");
  const fromCold = questionsAbout(together, "cold");
  const [first] = fromHot;
  const [second, third = fromHot[1]] = fromCold;
  const either = third === undefined ? undefined : { ...third, from: "either" as const };
  return [first, second, either].filter((question) => question !== undefined);
}

/** Known questions first; of other corpora a question is made from a document's title. */
function questionsAbout(
  documents: readonly PlannedDocument[],
  from: "hot" | "cold",
): readonly PlannedQuestion[] {
  const asked = documents.flatMap(({ id }) => {
    const question = knownFor(id);
    return question === undefined ? [] : [{ ...question, expects: id, from }];
  });
  const order = known.map(({ query }) => query);
  asked.sort((left, right) => order.indexOf(left.query) - order.indexOf(right.query));
  const titled = documents
    .filter(({ id, title }) => knownFor(id) === undefined && (title ?? "").trim().length > 8)
    .sort((left, right) => right.text.length - left.text.length)
    .slice(0, 2)
    .map(({ id, title }) => ({ query: `What is said about ${title}?`, expects: id, from }));
  return [...asked, ...titled];
}

/** Nearest-rank percentile of unsorted values; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? 0;
}
