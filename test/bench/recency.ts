/**
 * What `recency` does to "what is the latest on …", and what it costs questions that are not about
 * what is new: on the changelogs of the packages of this machine, with the shard, the fusion and
 * the model of the engine.
 */

import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Recency } from "../../src/contract/query.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import type { HotShard } from "../../src/hot/port.ts";
import { fuse } from "../../src/retrieval/fusion.ts";
import { chunkText } from "../../src/text/chunking.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { type ChangelogEntry, readChangelogs } from "./changelogs.ts";
import type { BenchContext } from "./context.ts";
import { compileGraph, dimensions, embeddingModel, ingestThreads, modelShape } from "./models.ts";
import { openRaw, type RawSession } from "./reference/raw-loop.ts";
import { type BenchResult, measured, type Row, skipped } from "./report.ts";
import { mean } from "./stats.ts";

const folder = "/usr/share/doc";
const sizes = { packagesMax: 60, entriesMin: 5, entriesMax: 15 } as const;
/** Entries are weeks to years apart. The first is for every question, the second for what is new. */
const settings = {
  mild: { field: "timestamp", half_life_s: 365 * 86_400, weight: 0.5 },
  strong: { field: "timestamp", half_life_s: 180 * 86_400, weight: 1 },
} as const satisfies Readonly<Record<string, Recency>>;

interface Asked {
  readonly question: string;
  readonly wanted: string;
}

export async function benchRecency(context: BenchContext): Promise<BenchResult> {
  const packages = [...readChangelogs({ folder, ...sizes }).values()];
  if (packages.length < 10) {
    const why = `it needs the changelogs of Debian's packages in ${folder}`;
    return { settings: {}, rows: [skipped("recency.latest_hit_at_1.mild", "hits", why)] };
  }
  const { modelDir } = await embeddingModel(context);
  const tokenizer = await loadTokenizer(modelDir);
  const graphFile = await compileGraph(context, modelDir, "int8");
  const session = await openRaw({ graphFile, threads: ingestThreads, spinning: "as ours" });
  const site: Site = { tokenizer, session, hot: createExactHotShardFactory()({ dimensions }) };
  try {
    const entries = packages.flat();
    context.say(`${packages.length} packages, ${entries.length} entries`);
    for (const entry of entries) await index(site, entry);
    const latest = packages.map(latestOf);
    const known = packages.flatMap(knownOf);
    return {
      settings: {
        texts: `${entries.length} entries of ${packages.length} Debian changelogs, 5-15 each`,
        recency: "mild: half-life 365 days, weight 0.5; strong: 180 days, 1; on the entry's date",
      },
      rows: [
        ...(await rowsOf(site, "recency.latest_hit_at_1", latest)),
        ...(await rowsOf(site, "recency.known_item_hit_at_1", known)),
      ],
    };
  } finally {
    site.hot.close();
    await session.close();
  }
}

interface Site {
  readonly tokenizer: Tokenizer;
  readonly session: RawSession;
  readonly hot: HotShard;
}

const idOf = ({ packageName, version }: ChangelogEntry): string => `${packageName} ${version}`;

function latestOf(entries: readonly ChangelogEntry[]): Asked {
  const newest = entries.toSorted((left, right) => right.atMs - left.atMs)[0] as ChangelogEntry;
  const question = `What is the latest change of ${newest.packageName}?`;
  return { question, wanted: idOf(newest) };
}

/** The oldest entries, asked for by their own first line: what recency must not hide. */
function knownOf(entries: readonly ChangelogEntry[]): readonly Asked[] {
  return entries.slice(-2).map((entry) => {
    const line = entry.text.split("\n").find((each) => each.length > 20) ?? entry.text;
    return { question: `${entry.packageName} ${line}`, wanted: idOf(entry) };
  });
}

async function index({ tokenizer, session, hot }: Site, entry: ChangelogEntry): Promise<void> {
  const chunks = chunkText({ text: entry.text, title: entry.packageName, tokenizer });
  const embedded = [];
  for (const { text, heading, tokens } of chunks) {
    embedded.push({ text, heading, vector: await session.run([tokens]) });
  }
  hot.upsert({
    documentId: idOf(entry) as DocumentId,
    version: 1 as Version,
    position: 1 as Position,
    info: { title: entry.packageName, timestamp: entry.atMs },
    chunks: embedded,
  });
}

/** With recency, mild and strong, against without it. */
async function rowsOf(site: Site, name: string, questions: readonly Asked[]): Promise<Row[]> {
  const { tokenizer, session, hot } = site;
  const nowMs = Date.now();
  const hits = { without: [] as number[], mild: [] as number[], strong: [] as number[] };
  for (const { question, wanted } of questions) {
    const vector = await session.run([tokenizer.encode(question, modelShape.maxTokens)]);
    const found = hot.search({ vector, text: question, limit: limits.candidatesPerShard });
    const hit = (recency?: Recency): number => {
      const at = recency && { recency, nowMs };
      const perList = limits.candidatesPerShard;
      const [first] = fuse({ question, hot: found, cold: [], limit: 1, perList, recency: at });
      return first?.candidate.documentId === wanted ? 1 : 0;
    };
    hits.without.push(hit());
    hits.mild.push(hit(settings.mild));
    hits.strong.push(hit(settings.strong));
  }
  const row = (setting: "mild" | "strong"): Row =>
    measured({
      ...{ name: `${name}.${setting}`, unit: "hits", p50: null, p99: null },
      ...{ value: mean(hits[setting]), against: mean(hits.without), n: questions.length },
    });
  return [row("mild"), row("strong")];
}
