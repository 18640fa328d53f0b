/**
 * The model of names inside a thread or a process that prepares. `names.ts` loads this file only
 * where the lane is on, because it brings onnxruntime.
 */

import { type ClassifierFiles, openTokenClassifier } from "../../embedding/onnx-classifier.ts";
import { createNameRedactor } from "../../text/names.ts";
import { loadTokenizer } from "../../text/tokenizer.ts";
import type { NamesOf } from "./names.ts";

/** @throws FreshetError embedding_unavailable, internal (its tokenizer cannot be used) */
export async function openNames(files: ClassifierFiles): Promise<NamesOf> {
  const { labels, classify } = await openTokenClassifier(files);
  const tokenizer = await loadTokenizer(files.modelDir);
  return (redactionKey) => createNameRedactor({ tokenizer, labels, classify }, redactionKey);
}
