/** With whose key, and with which lanes, the documents of a tenant are prepared. */

import type { TokenClassifier } from "../../embedding/port.ts";
import { createNameRedactor, type NameRedactor } from "../../text/names.ts";
import type { Tokenizer } from "../../text/port.ts";
import { createRedactor } from "../../text/redaction.ts";
import {
  createPreparer,
  createPreparerWithNames,
  type Preparer,
  type PreparerOptions,
} from "../preparer.ts";

export type NamesOf = (redactionKey: Uint8Array) => NameRedactor;

/** @param tokenizer the classifier's own */
export function namesBy(classifier: TokenClassifier, tokenizer: Tokenizer): NamesOf {
  const { labels, classify } = classifier;
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
