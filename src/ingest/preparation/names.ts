/** With whose key, and with which lanes, the documents of a tenant are prepared. */

import type { ClassifierFiles } from "../../embedding/onnx-classifier.ts";
import type { NameRedactor } from "../../text/names.ts";
import { createRedactor } from "../../text/redaction.ts";
import {
  createPreparer,
  createPreparerWithNames,
  type Preparer,
  type PreparerOptions,
} from "../preparer.ts";

export type NamesOf = (redactionKey: Uint8Array) => NameRedactor;

/** Undefined where that lane is off. @throws what `openNames` throws */
export async function namesOfFiles(
  files: ClassifierFiles | undefined,
): Promise<NamesOf | undefined> {
  if (files === undefined) return undefined;
  // It brings onnxruntime: a thread without this lane starts without it.
  const { openNames } = await import("./open-names.ts");
  return openNames(files);
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
