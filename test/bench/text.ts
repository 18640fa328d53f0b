/** What preparing a document costs per character: for the worst of thousands of texts made to cost, and for prose. */

import fc from "fast-check";
import { limits } from "../../src/contract/limits.ts";
import { packPrepared } from "../../src/ingest/preparation/protocol.ts";
import { preparePayload } from "../../src/ingest/prepare-payload.ts";
import { createPreparer } from "../../src/ingest/preparer.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { testRedactor } from "../support/redactor.ts";
import { adversarialText, entropyText, seeds, textOfEntropy } from "../text/adversarial-texts.ts";
import type { BenchContext } from "./context.ts";
import { embeddingModel } from "./models.ts";
import { type BenchResult, measured } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { loadDocuments } from "./texts.ts";

const charsPerText = 2_048;
/** A search that goes back to the start of its text costs little in a short one. */
const charsPerLongText = 64 * charsPerText;
const textsOfPieces = 1_800;
const textsOfEntropy = 300;
const proseTexts = 100;
/** The dearest by one look each are measured again: the machine had other things to do as well. */
const finalists = 40;
const repetitions = 5;
const seed = 20_240_607;

/** A text, another one of its kind for each repetition where novelty is what costs. */
type Kind = (repetition: number) => string;

export async function benchText(context: BenchContext): Promise<BenchResult> {
  const { modelDir } = await embeddingModel(context);
  const cost = costMeter(await loadTokenizer(modelDir));
  const prose = await proseKinds(context);
  const adversarial = adversarialKinds();
  await inTurn([...prose, ...adversarial.slice(0, 300)], (kind) => cost(kind(0)));
  const proseCosts = await inTurn(prose, (kind) => repeated(kind, cost));
  context.say(`${adversarial.length} texts of ${charsPerText} characters`);
  const costs = await inTurn(adversarial, (kind) => cost(kind(1)));
  const once = adversarial.map((kind, index) => ({ kind, cost: costs[index] ?? 0 }));
  const dearest = once.toSorted((a, b) => b.cost - a.cost).slice(0, finalists);
  const finals = await inTurn(dearest, async ({ kind }) => ({
    cost: await repeated(kind, cost),
    text: kind(0),
  }));
  const worst = finals.toSorted((a, b) => b.cost - a.cost);
  for (const each of worst.slice(0, 5))
    context.say(`${each.cost.toFixed(0)} ns/char: ${JSON.stringify(each.text.slice(0, 100))}`);
  const growths = await inTurn(seeds, async (text) => {
    const costOf = (chars: number) => repeated(() => filled(text, chars), cost);
    return { text, growth: (await costOf(charsPerLongText)) / (await costOf(8 * charsPerText)) };
  });
  const [grown] = growths.toSorted((a, b) => b.growth - a.growth);
  context.say(`${JSON.stringify(grown?.text)} grows most`);
  return {
    settings: {
      texts: `${adversarial.length} generated, ${prose.length} of prose, of ${charsPerText} characters; CPU time`,
    },
    rows: [
      measured({
        name: "text.worst_vs_prose",
        unit: "ns/char",
        value: worst[0]?.cost ?? null,
        against: median(proseCosts),
        p50: median(costs),
        p99: percentile(costs, 0.99),
        n: costs.length,
      }),
      measured({
        ...{ name: "text.long_vs_short", unit: "of a character's cost" },
        value: grown?.growth ?? null,
        p50: median(growths.map(({ growth }) => growth)),
        ...{ p99: null, n: growths.length },
      }),
    ],
  };
}

const filled = (unit: string, chars: number): string =>
  unit.repeat(Math.ceil(chars / unit.length)).slice(0, chars);

type Cost = (text: string) => Promise<number>;

/** One after another: two at once would share the CPU time that is counted. */
async function inTurn<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

/** Nanoseconds of CPU time for each character, by all that a preparing thread does. */
function costMeter(tokenizer: Awaited<ReturnType<typeof loadTokenizer>>): Cost {
  const prepare = createPreparer({ tokenizer, redactor: testRedactor });
  const { documentTextBytesMax } = limits;
  return async (text) => {
    const payload = new TextEncoder().encode(JSON.stringify({ id: "d", text }));
    const begun = process.cpuUsage();
    packPrepared(await preparePayload(payload, { documentTextBytesMax, prepare, named: () => {} }));
    const { user, system } = process.cpuUsage(begun);
    return ((user + system) * 1_000) / text.length;
  };
}

async function repeated(kind: Kind, cost: Cost): Promise<number> {
  const repetitionsOf = Array.from({ length: repetitions }, (_, at) => kind(at + 2));
  return median(await inTurn(repetitionsOf, cost));
}

function adversarialKinds(): readonly Kind[] {
  // One that ends early, because it repeats nothing, tells what a document costs and not what a character does.
  const pieces = fc
    .sample(adversarialText(charsPerText), { numRuns: textsOfPieces, seed })
    .filter((text) => text.length === charsPerText);
  const entropy = fc.sample(entropyText, { numRuns: textsOfEntropy, seed });
  return [
    ...pieces.map((text) => () => text),
    ...entropy.map((each) => (repetition: number) => {
      const another = { ...each, seed: each.seed + repetition };
      return textOfEntropy(another, charsPerText);
    }),
  ];
}

async function proseKinds(context: BenchContext): Promise<readonly Kind[]> {
  const texts: string[] = [];
  let open = "";
  for (const { text } of await loadDocuments(context)) {
    open += `${text}\n\n`;
    if (open.length < charsPerText) continue;
    texts.push(open.slice(0, charsPerText));
    open = "";
    if (texts.length === proseTexts) break;
  }
  return texts.map((text) => () => text);
}
