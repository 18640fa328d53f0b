/** The JSON summary of a run: `ops/start --report FILE`. */
import { accessSync, constants, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Answer } from "../../src/contract/query.ts";
import type { EngineStatus } from "../../src/contract/service.ts";
import { SetupError } from "../setup/setup-error.ts";

export interface AskedQuestion {
  readonly query: string;
  /** The document that is known to hold the answer, and whether it is among the sources. */
  readonly expects: string;
  readonly expected_found: boolean;
  readonly answer: string;
  readonly sources: Answer["sources"];
  readonly coverage: Answer["coverage"];
  readonly timings: Answer["timings"];
}

export interface JobReport {
  /** Documents of the corpus that were published, in this run or (unchanged) in an earlier one. */
  readonly documents: number;
  /** Of these, published in this run; the others were there already, unchanged. */
  readonly published_now: number;
  /** Of these, how many a question can find: looked up one by one. */
  readonly visible: number;
  readonly rejected: number;
  /** Files left out before publishing, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Chunks of the tenant's live documents, hot and cold. */
  readonly chunks: number;
  /** From publish to visible, one document at a time, idle. */
  readonly visible_ms: { readonly p50: number; readonly p99: number; readonly n: number };
  readonly merged_chunks: number;
  readonly merge_workflow_id: string;
  readonly questions: readonly AskedQuestion[];
  readonly urls: { readonly http: string; readonly nats: string; readonly temporal_ui: string };
  /** Every engine of the run, and what it owned at the end. */
  readonly nodes: readonly {
    readonly name: string;
    readonly http: string;
    readonly partitions: EngineStatus["partitions"];
  }[];
  readonly seconds: number;
}

/** Before minutes of work, at whose end it could not be written. @throws SetupError */
export function prepareReport(file: string): void {
  const folder = dirname(file);
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? ` (${String(thrown.code)})` : "";
    throw new SetupError(`--report: cannot write into ${folder}${code}: choose another place`);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new SetupError(`--report: ${file} is a folder: name a file in it`);
  }
}

export function writeReport(file: string, report: JobReport): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(report, null, 2)}\n`);
  renameSync(draft, file);
}
