/**
 * The lane of names: what its model finds of names and addresses in ten locales, what it takes from
 * documents, and what it costs beside embedding. Rows of its own: nothing of it is on by default.
 */

import { openTokenClassifier } from "../../src/embedding/onnx-classifier.ts";
import { createNameRedactor, type NameRedactor } from "../../src/text/names.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { testKey } from "../support/redactor.ts";
import type { BenchContext } from "./context.ts";
import { namesModel } from "./models.ts";
import { type PlantedPerson, plantedPeople } from "./pii/people.ts";
import { measured, type Row } from "./report.ts";

const plantedPerKind = 60;
const seed = 20_261_129;
const documentsLookedAt = 40;

export interface NamesCollection {
  readonly name: string;
  readonly texts: readonly string[];
}

export async function openNamesLane(context: BenchContext): Promise<NameRedactor> {
  const { modelDir, graph } = await namesModel(context);
  const { labels, classify } = await openTokenClassifier({ modelDir, graphFile: graph });
  const tokenizer = await loadTokenizer(modelDir);
  return createNameRedactor({ tokenizer, labels, classify }, testKey);
}

export async function namesRows(
  context: BenchContext,
  names: NameRedactor,
  collections: readonly NamesCollection[],
): Promise<readonly Row[]> {
  const planted = plantedPeople(plantedPerKind, seed);
  context.say(`${planted.length} texts with a name or an address each`);
  const judged: Judged[] = [];
  for (const each of planted) judged.push(await judge(names, each));
  const rows = recallRows(judged);
  for (const collection of collections) rows.push(await findsRow(names, collection));
  return rows;
}

interface Judged extends PlantedPerson {
  /** Nothing of the value is left. */
  readonly isGone: boolean;
  /** Something beside the value went with it. */
  readonly isMore: boolean;
}

const mark = /\[(?:NAME|ADDRESS)(?::[a-f0-9]{10})?\]/gu;

async function judge(names: NameRedactor, planted: PlantedPerson): Promise<Judged> {
  const { before, value, after } = planted;
  const text = before + value + after;
  const [found = text] = await names.redact([{ text, charsBefore: text.length }]);
  const left = found.replace(mark, " ");
  const words = wordsOf(value);
  // Of Japanese, which has no blanks, any two signs side by side count as a word.
  const isGone = words.every((word) => !left.includes(word));
  const isMore = wordsOf(before + after).some((word) => !left.includes(word));
  return { ...planted, isGone, isMore };
}

function wordsOf(text: string): readonly string[] {
  return text
    .split(/[^\p{L}\p{N}]+/u)
    .flatMap((word) => (/[\u3040-\u9fff]/u.test(word) ? pairsOf(word) : word))
    .filter((word) => word.length > 1);
}

function pairsOf(word: string): readonly string[] {
  return Array.from({ length: Math.max(0, word.length - 1) }, (_, at) => word.slice(at, at + 2));
}

function recallRows(judged: readonly Judged[]): Row[] {
  const row = (name: string, some: readonly Judged[], of: (each: Judged) => boolean): Row =>
    measured({
      name: `redaction.names.${name}`,
      unit: "of 1",
      value: some.filter(of).length / some.length,
      p50: null,
      p99: null,
      n: some.length,
    });
  const locales = [...new Set(judged.map(({ locale }) => locale))];
  return [
    ...(["NAME", "ADDRESS"] as const).flatMap((kind) => {
      const own = judged.filter((each) => each.kind === kind);
      return [
        row(`recall_kind.${kind}`, own, ({ isGone }) => isGone),
        ...locales.map((locale) =>
          row(
            `recall.${kind}.${locale}`,
            own.filter((each) => each.locale === locale),
            ({ isGone }) => isGone,
          ),
        ),
      ];
    }),
    row("more_than_the_value", judged, ({ isMore }) => isMore),
  ];
}

/** Not judged: documents may name people. Printed, so that somebody can. */
async function findsRow(names: NameRedactor, { name, texts }: NamesCollection): Promise<Row> {
  const some = texts.filter((_, at) => at % Math.ceil(texts.length / documentsLookedAt) === 0);
  let finds = 0;
  for (const text of some) {
    const [found = ""] = await names.redact([{ text, charsBefore: text.length }]);
    finds += (found.match(mark) ?? []).length - (text.match(mark) ?? []).length;
  }
  return measured({
    name: `redaction.names.finds_per_100.${name}`,
    unit: "finds",
    value: (finds / some.length) * 100,
    p50: null,
    p99: null,
    n: some.length,
  });
}
