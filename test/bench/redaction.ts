/**
 * Redaction: what it finds of generated values, what it takes from documents that hold none, and
 * what it costs beside embedding the same documents. Real mail where its folder is given: whether
 * an address is left that a plain pattern finds.
 */

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { NameRedactor } from "../../src/text/names.ts";
import { kinds } from "../../src/text/recognisers/recogniser.ts";
import { redact } from "../../src/text/redaction.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { testKey } from "../support/redactor.ts";
import { collectionFolders, readCollection } from "./beir.ts";
import type { BenchContext } from "./context.ts";
import { compileGraph, embeddingModel, modelShape } from "./models.ts";
import { isRight, type Taken } from "./pii/judge.ts";
import { type Planted, plantedTexts } from "./pii/texts.ts";
import { mailRows } from "./redaction-mail.ts";
import { namesRows, openNamesLane } from "./redaction-names.ts";
import { openRaw } from "./reference/raw-loop.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { median } from "./stats.ts";
import { loadDocuments } from "./texts.ts";

const plantedPerKind = 200;
const seed = 20_261_129;
const costDocuments = 40;
const costRounds = 5;
const markdownBytesMax = 400_000;
/** The model of names takes a tenth of a second for each thousand. */
const namesMarkdownChars = 4_000;

export async function benchRedaction(context: BenchContext): Promise<BenchResult> {
  const planted = plantedTexts(plantedPerKind, seed);
  context.say(`${planted.length} texts with one value each`);
  const markdown = markdownOf(join(context.root, "node_modules"));
  const collections =
    context.dataset === undefined
      ? []
      : collectionFolders(context.dataset).map((folder) => ({
          name: basename(folder),
          texts: readCollection(folder).documents.map(({ text }) => text),
        }));
  const names = await openNamesLane(context);
  return {
    settings: {
      recall: `${planted.length} generated texts of ten locales; found means: the value, all of it and nothing else, became a placeholder`,
      false: "of what was taken from real documents, what a second set of rules says it is not",
    },
    rows: [
      ...recallRows(planted),
      ...[{ name: "markdown", texts: markdown }, ...collections].map((each) =>
        falseRow(each, context),
      ),
      ...(context.mail === undefined ? [] : await mailRows(context.mail)),
      ...(await namesRows(context, names, [
        { name: "markdown", texts: markdown.filter(({ length }) => length <= namesMarkdownChars) },
        ...collections,
      ])),
      ...(await costRows(context, names)),
    ],
  };
}

function recallRows(planted: readonly Planted[]): readonly Row[] {
  const found = planted.map((each) => ({ ...each, isFound: isFound(each) }));
  const row = (name: string, some: readonly { readonly isFound: boolean }[]): Row =>
    measured({
      name,
      unit: "of 1",
      value: some.filter((each) => each.isFound).length / some.length,
      p50: null,
      p99: null,
      n: some.length,
    });
  const locales = [...new Set(planted.map(({ locale }) => locale))];
  return [
    row("redaction.recall", found),
    ...kinds
      .filter((kind) => found.some((each) => each.kind === kind))
      .map((kind) =>
        row(
          `redaction.recall_kind.${kind}`,
          found.filter((each) => each.kind === kind),
        ),
      ),
    ...locales.map((locale) =>
      row(
        `redaction.recall_locale.${locale}`,
        found.filter((each) => each.locale === locale),
      ),
    ),
  ];
}

function isFound({ before, value, after }: Planted): boolean {
  const { text } = redact(before + value + after, { key: testKey });
  if (!text.startsWith(before) || !text.endsWith(after)) return false;
  const middle = text.slice(before.length, text.length - after.length);
  return /^\[[A-Z_]+:[a-f][0-9a-f]{9}\]$/.test(middle);
}

function falseRow(
  { name, texts }: { readonly name: string; readonly texts: readonly string[] },
  context: BenchContext,
): Row {
  const wrong = texts.flatMap((text) => takenFrom(text).filter((taken) => !isRight(taken)));
  for (const { kind, before, value } of wrong)
    context.say(`${name}: ${kind} ${JSON.stringify(before.slice(-30))} ${JSON.stringify(value)}`);
  return measured({
    name: `redaction.false_per_100.${name}`,
    unit: "finds",
    value: (wrong.length / texts.length) * 100,
    p50: null,
    p99: null,
    n: texts.length,
  });
}

const placeholder = /\[([A-Z_]+)(?::[a-f][0-9a-f]{9})?\]/g;
const beforeChars = 60;

/** What the placeholders of a redacted text stand for: what lies between the texts around them. */
function takenFrom(text: string): readonly Taken[] {
  const { text: redacted } = redact(text, { key: testKey });
  if (redacted === text) return [];
  const marks = [...redacted.matchAll(placeholder)].filter(({ 1: kind = "" }) =>
    (kinds as readonly string[]).includes(kind),
  );
  const taken: Taken[] = [];
  let at = 0;
  let end = 0;
  for (const [index, { 0: mark, 1: kind = "", index: start }] of marks.entries()) {
    at += start - end;
    end = start + mark.length;
    const next = redacted.slice(end, marks[index + 1]?.index ?? redacted.length);
    const close = next === "" ? text.length : text.indexOf(next.slice(0, beforeChars), at);
    const value = text.slice(at, close);
    const before = text.slice(Math.max(0, at - beforeChars), at);
    taken.push({ kind, value, before, document: text });
    at = close;
  }
  return taken;
}

/** CPU time of all three on the same documents, one thread each. */
async function costRows(context: BenchContext, names: NameRedactor): Promise<readonly Row[]> {
  const { modelDir } = await embeddingModel(context);
  const tokenizer = await loadTokenizer(modelDir);
  const documents = (await loadDocuments(context)).slice(0, costDocuments);
  const tokens = documents.map(({ text }) => tokenizer.encode(text, modelShape.maxTokens));
  // What lies behind the window is embedded as well, as further chunks: characters are compared.
  const windows = documents.map(({ text }, index) =>
    text.slice(0, Math.min(text.length, (tokens[index]?.length ?? 0) * charsPerToken)),
  );
  const graphFile = await compileGraph(context, modelDir, "int8");
  const raw = await openRaw({ graphFile, threads: 1, spinning: "as ours" });
  const ours: number[] = [];
  const theirs: number[] = [];
  const lane: number[] = [];
  for (let round = 0; round <= costRounds; round += 1) {
    const redacting = cpuMs(() => {
      for (const text of windows) redact(text, { key: testKey });
    });
    const embedding = await cpuMsOf(() => each(tokens, (one) => raw.run([one])));
    // The first round warms them up.
    if (round === 0) continue;
    ours.push(redacting);
    theirs.push(embedding);
    lane.push(
      await cpuMsOf(() =>
        each(windows, (text) => names.redact([{ text, charsBefore: text.length }])),
      ),
    );
  }
  await raw.close();
  const row = (name: string, values: readonly number[]): Row =>
    measured({
      name,
      unit: "ms of CPU",
      value: median(values),
      against: median(theirs),
      p50: median(values),
      p99: Math.max(...values),
      n: values.length,
    });
  return [row("redaction.vs_embedding", ours), row("redaction.names.vs_embedding", lane)];
}

/** Of English prose; a text is cut there so that both sides see about the same of it. */
const charsPerToken = 4;

function cpuMs(work: () => void): number {
  const begun = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
}

async function each<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  for (const item of items) await work(item);
}

async function cpuMsOf(work: () => Promise<void>): Promise<number> {
  const begun = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
}

function markdownOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.md$/i.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .filter((text) => text.length <= markdownBytesMax);
}
