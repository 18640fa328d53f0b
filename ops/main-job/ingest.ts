/** The ingest steps of the main job: the bulk together, the rest one by one. */

import { readCorpus } from "../../src/cli/ingest/corpus.ts";
import type { IngestLog } from "../../src/cli/ingest/feed.ts";
import {
  type IngestProgress,
  type IngestSummary,
  ingestCorpus,
} from "../../src/cli/ingest/ingest.ts";
import { progressBar } from "../../src/cli/ingest/progress.ts";
import type { DocumentEvent } from "../../src/contract/events.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { SetupError } from "../setup/setup-error.ts";
import type { PlannedDocument } from "./plan.ts";

/** What runs in well under a minute on two cores, embedding included. */
const corpusBounds = { maxDocuments: 300, maxTokens: 150_000 };
/** Behind all that was published before it, which a slow machine embeds for a minute or two. */
const visibleWithinMs = 180_000;
const lineEveryMs = 5_000;

export type JobDocument = Readonly<Record<string, unknown>> & PlannedDocument;

export interface JobCorpus {
  readonly documents: readonly JobDocument[];
  readonly skipped: Readonly<Record<string, number>>;
}

/** The given corpus, or the Markdown files that the installed packages ship, smallest first. */
export async function loadCorpus(given: string | undefined, packages: string): Promise<JobCorpus> {
  const corpus = await readCorpus(given ?? packages, {
    ...corpusBounds,
    order: "smallest",
    ...(given === undefined ? { kinds: ["markdown" as const] } : {}),
  });
  const documents: JobDocument[] = [];
  for await (const document of corpus.documents) {
    const { id, text } = document;
    if (typeof id === "string" && typeof text === "string") {
      documents.push({ ...document, id, text });
    }
  }
  if (documents.length < 3) {
    const where = given ?? packages;
    const found = documents.length === 0 ? "no document" : `only ${documents.length} of them`;
    throw new SetupError(`three documents are needed, and ${where} holds ${found}`);
  }
  return { documents, skipped: Object.fromEntries(corpus.skipped) };
}

export interface IngestStep {
  readonly documents: readonly JobDocument[];
  readonly tenant: TenantId;
  readonly log: IngestLog;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly seenPath: string;
}

export async function ingestTogether(
  step: IngestStep,
  say: (line: string) => void,
): Promise<IngestSummary> {
  const total = step.documents.length;
  const terminal = process.stderr.isTTY;
  const bar = progressBar({ total, terminal });
  // In a log file a line now and then does what the bar does on a terminal.
  let nextLineMs = step.clock.monotonicMs() + lineEveryMs;
  const onProgress = (progress: IngestProgress): void => {
    bar.update(progress);
    const now = step.clock.monotonicMs();
    if (terminal || now < nextLineMs) return;
    nextLineMs = now + lineEveryMs;
    const { documents, visible, lag } = progress;
    say(`  ${documents} of ${total} published, ${visible} visible, ${lag} under way`);
  };
  try {
    return await ingestCorpus({ ...step, onProgress });
  } finally {
    bar.stop();
  }
}

export interface SinglesResult {
  readonly visibleMs: readonly number[];
  readonly visible: number;
  readonly rejected: number;
}

/**
 * Publishes one document after the other, each when the one before is visible, and takes the time
 * from the publish call to the event, with this process's own clock. They are sent also when they
 * are unchanged: the time is what is asked.
 */
export async function ingestSingly(step: IngestStep): Promise<SinglesResult> {
  const { documents, tenant, log, clock, signal } = step;
  const heard = new Map<number, DocumentEvent["status"]>();
  let wake = (): void => {};
  const unsubscribe = await log.events.subscribe(tenant, ({ seq, status }) => {
    heard.set(seq, status);
    wake();
  });
  const visibleMs: number[] = [];
  let rejected = 0;
  try {
    for (const document of documents) {
      signal.throwIfAborted();
      const begun = clock.monotonicMs();
      const payload = new TextEncoder().encode(JSON.stringify(document));
      const { seq } = await log.docs.publish({ tenant, payload });
      while (!heard.has(seq)) {
        if (clock.monotonicMs() - begun > visibleWithinMs) {
          throw new SetupError(
            `a document was not visible within ${visibleWithinMs / 1_000} s: see the engine's log`,
          );
        }
        const woken = new AbortController();
        wake = () => woken.abort();
        await clock.sleep(1_000, woken.signal);
        signal.throwIfAborted();
      }
      if (heard.get(seq) === "rejected") rejected += 1;
      else visibleMs.push(clock.monotonicMs() - begun);
    }
  } finally {
    unsubscribe();
  }
  return { visibleMs, visible: visibleMs.length, rejected };
}
