/**
 * A folder of files with edits, moves and deletions at random, and its mirror killed in the
 * middle of each round: what of the log differs from the folder in the end, and what a pass costs.
 * The log is in memory, with an owner behind it that embeds nothing: the command line is measured.
 */

import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readCorpora } from "../../src/cli/ingest/corpus.ts";
import { type IngestSummary, ingestCorpus } from "../../src/cli/ingest/ingest.ts";
import { isInScope, planMirror } from "../../src/cli/ingest/mirror.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { random } from "../hot/documents.ts";
import { LogEngine } from "../support/log-engine.ts";
import type { BenchContext } from "./context.ts";
import { type BenchResult, measured } from "./report.ts";

const filesByDefault = 2_000;
const rounds = 10;
/** Of the files, in each round. */
const shareChanged = 0.1;
const seed = 20_261_129;
const tenant = tenantId("mirror");
const prefix = "wiki/";

export async function benchMirror(context: BenchContext): Promise<BenchResult> {
  const filesAtStart = context.files ?? filesByDefault;
  const changesPerRound = Math.ceil(filesAtStart * shareChanged);
  const site = new Site(context.scratch);
  for (let n = 0; n < filesAtStart; n += 1) site.put(`${n % 97}/${n}.txt`, `text ${n}`);
  await site.engine.publish({ id: "neighbour", text: "stays" });
  const begun = performance.now();
  const first = await site.mirror();
  const firstMs = performance.now() - begun;
  let killed = 0;
  for (let round = 1; round <= rounds; round += 1) {
    site.change(changesPerRound);
    if (await site.mirrorKilled(changesPerRound)) killed += 1;
    if (round % 4 === 0) await site.engine.merge();
    context.say(`round ${round}: ${site.files.size} files`);
  }
  await site.mirror();
  const differences = await site.differences();
  const again = performance.now();
  const last = await site.mirror();
  const unchangedMs = performance.now() - again;
  const row = (name: string, unit: string, value: number, n: number) =>
    measured({ name, unit, value, p50: null, p99: null, n });
  return {
    settings: {
      files: `${filesAtStart}, ${rounds} rounds of ${changesPerRound} changes, ${killed} killed`,
      left: `${last.unchanged} unchanged, ${last.documents} sent, ${last.deleted} deleted`,
    },
    rows: [
      row("mirror.differences", "documents", differences, site.files.size),
      row("mirror.first_documents_s", "/s", (first.documents / firstMs) * 1_000, first.documents),
      row("mirror.unchanged_pass_ms", "ms", unchangedMs, last.unchanged),
    ],
  };
}

class Site {
  readonly engine = new LogEngine(tenant);
  readonly files = new Map<string, string>();
  readonly #folder: string;
  readonly #next = random(seed);

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, "docs"));
  }

  put(name: string, text: string): void {
    mkdirSync(dirname(this.#path(name)), { recursive: true });
    writeFileSync(this.#path(name), text);
    this.files.set(name, text);
  }

  change(times: number): void {
    const names = [...this.files.keys()];
    for (let count = 0; count < times; count += 1) {
      const name = names[this.#below(names.length)] as string;
      const kind = this.#below(4);
      if (kind === 0) this.put(name, `edited ${this.#below(1e6)}`);
      else if (kind === 1) this.put(`new/${this.#below(1e6)}.txt`, "new");
      else if (kind === 2) this.#remove(name);
      else this.#move(name, `moved/${this.#below(100)}/${this.#below(1_000)}.txt`);
    }
  }

  async mirror(): Promise<IngestSummary> {
    const corpus = await readCorpora([join(this.#folder, "docs")], { prefix });
    const { contents } = corpus;
    const options = { scopes: [prefix], isNamed: true, yes: true };
    return ingestCorpus({
      documents: corpus.documents,
      tenant,
      log: this.engine.log,
      clock: systemClock,
      signal: new AbortController().signal,
      seenPath: this.#journal,
      mirror: {
        isInScope: (id) => isInScope(id, options.scopes),
        ids: () => contents.ids.keys(),
        listed: () => this.engine.listed(),
        plan: (state) => planMirror(options, { ...state, contents, hasCome: () => false }),
      },
    });
  }

  /** Somewhere in the middle; what is on disk at that moment is what is left. */
  async mirrorKilled(changes: number): Promise<boolean> {
    let left = this.#below(changes);
    let isKilled = false;
    const copy = `${this.#journal}.copy`;
    const isStored = this.#below(2) === 0;
    this.engine.onPublish = async (publish) => {
      left -= 1;
      if (!isKilled && left >= 0) return publish();
      if (!isKilled && isStored) await publish();
      if (!isKilled) cpSync(this.#journal, copy);
      isKilled = true;
      throw new Error("killed");
    };
    await this.mirror().catch((error: unknown) => {
      if (!isKilled) throw error;
    });
    this.engine.onPublish = (publish) => publish();
    if (isKilled) renameSync(copy, this.#journal);
    return isKilled;
  }

  async differences(): Promise<number> {
    const texts = new Map(await this.engine.texts());
    let count = texts.get("neighbour") === "stays" ? 0 : 1;
    texts.delete("neighbour");
    for (const [name, text] of this.files) {
      if (texts.get(prefix + name) !== text) count += 1;
      texts.delete(prefix + name);
    }
    return count + texts.size;
  }

  get #journal(): string {
    return join(this.#folder, "ingested.ndjson");
  }

  #path(name: string): string {
    return join(this.#folder, "docs", name);
  }

  #remove(name: string): void {
    rmSync(this.#path(name), { force: true });
    this.files.delete(name);
  }

  #move(name: string, to: string): void {
    const text = this.files.get(name);
    if (text === undefined || !existsSync(this.#path(name))) return;
    mkdirSync(dirname(this.#path(to)), { recursive: true });
    renameSync(this.#path(name), this.#path(to));
    this.files.delete(name);
    this.files.set(to, text);
  }

  #below(end: number): number {
    return Math.floor(this.#next() * end);
  }
}
