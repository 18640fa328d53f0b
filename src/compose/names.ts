/** The part of the composition root that knows the lane of names: where its model lies. */

import { homedir } from "node:os";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { limits } from "../contract/limits.ts";
import type { ClassifierFiles } from "../embedding/port.ts";
import { type NamesOf, namesBy } from "../ingest/preparation/names.ts";
import { QuestionNames } from "../ingest/preparation/names-thread.ts";
import type { RedactionKeys } from "../text/redaction-keys.ts";
import { loadTokenizer } from "../text/tokenizer.ts";
import { newestGraph } from "./embedding.ts";
import type { Foundation } from "./foundation.ts";

/** What `ops/setup` installs. */
const defaultModel = "rampart";

/** Undefined where the lane is off. @throws FreshetError embedding_unavailable */
export function namesFiles({ names, cacheDir }: Config): ClassifierFiles | undefined {
  if (names === undefined) return undefined;
  const cache = cacheDir ?? join(homedir(), ".cache", "freshet");
  const modelDir = names.modelDir ?? join(cache, "models", defaultModel);
  const wayOut =
    "run ops/start once with FRESHET_REDACT_NAMES=model, or set FRESHET_NAMES_MODEL_DIR";
  return { modelDir, graphFile: newestGraph(modelDir, "fp32", wayOut) };
}

/** In this process; undefined where the lane is off. @throws FreshetError embedding_unavailable */
export async function openNames(config: Config): Promise<NamesOf | undefined> {
  const files = namesFiles(config);
  if (files === undefined) return undefined;
  // It brings onnxruntime, which no process without this lane needs on its main thread.
  const { openTokenClassifier } = await import("../embedding/onnx-classifier.ts");
  return namesBy(await openTokenClassifier(files), await loadTokenizer(files.modelDir));
}

/** Undefined where the lane is off. */
export function openQuestionNames(
  { config, clock }: Foundation,
  keys: RedactionKeys,
): QuestionNames | undefined {
  const files = namesFiles(config);
  if (files === undefined) return undefined;
  return new QuestionNames({
    files,
    workerUrl: new URL("../ingest/preparation/names-worker.ts", import.meta.url),
    redactionKeyOf: (tenant) => keys.of(tenant),
    clock,
    limits: {
      deadlineMs: limits.questionNamesDeadlineMs,
      readyMs: limits.prepareReadyMs,
      waitingMax: limits.questionNamesWaitingMax,
    },
  });
}
