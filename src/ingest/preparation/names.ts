/** The lane of names inside a thread or a process that prepares: its model, and whose key it uses. */

import {
  type ClassifierFiles,
  openTokenClassifier,
  type TokenClassifier,
} from "../../embedding/onnx-classifier.ts";
import { createNameRedactor, type NameRedactor } from "../../text/names.ts";
import { createRedactor } from "../../text/redaction.ts";
import { loadTokenizer } from "../../text/tokenizer.ts";
import {
  createPreparer,
  createPreparerWithNames,
  type Preparer,
  type PreparerOptions,
} from "../preparer.ts";

export type NamesOf = (redactionKey: Uint8Array) => NameRedactor;

/** @throws FreshetError embedding_unavailable, internal (its tokenizer cannot be used) */
export async function openNames(files: ClassifierFiles): Promise<NamesOf> {
  const { labels, classify }: TokenClassifier = await openTokenClassifier(files);
  const tokenizer = await loadTokenizer(files.modelDir);
  return (redactionKey) => createNameRedactor({ tokenizer, labels, classify }, redactionKey);
}

/** A preparer for the tenant that a key belongs to. */
export function preparersOf(
  options: Omit<PreparerOptions, "redactor">,
  namesOf: NamesOf | undefined,
): (redactionKey: Uint8Array) => Preparer {
  return (redactionKey) => {
    const own = { ...options, redactor: createRedactor(redactionKey) };
    return namesOf === undefined
      ? createPreparer(own)
      : createPreparerWithNames({ ...own, names: namesOf(redactionKey) });
  };
}
