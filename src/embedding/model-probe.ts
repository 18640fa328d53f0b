/**
 * Whether two models may fill one log: decided by what they compute, not by what they are called.
 */

import { FreshetError } from "../contract/errors.ts";
import type { ModelProbe } from "../contract/model-probe.ts";
import { cosine } from "../contract/vector.ts";

/**
 * Ordinary words, a name and a number: what models, and precisions of one model, render
 * differently.
 */
export const probeText =
  "On Tuesday the pump at Mill Lane failed after 340 hours, because a bearing ran dry.";

/**
 * Below it a question and the documents are in different spaces. Precisions of one model stay above
 * 0.98; two models of the same width are near 0.
 */
export const sameModelCosineMin = 0.95;

/**
 * @param stored what the log's first engine made of the text
 * @param own what this engine's model makes of it
 * @throws FreshetError model_mismatch
 */
export function checkSameModel(stored: ModelProbe, own: ModelProbe): void {
  const [expected, actual] = [stored.vector.length, own.vector.length];
  if (expected !== actual) {
    throw mismatch(stored, own, `${actual} dimensions instead of ${expected}`);
  }
  // Vectors of one sentence with another prefix are near, and still those of other texts.
  for (const role of ["query", "passage"] as const) {
    const [expected, actual] = [stored, own].map(({ prefixes }) => prefixes?.[role] ?? "");
    if (expected === actual) continue;
    throw mismatch(stored, own, `${role} prefix "${actual}" instead of "${expected}"`);
  }
  const similarity = cosine(stored.vector, own.vector);
  // Written so that NaN is refused too.
  if (similarity >= sameModelCosineMin) return;
  throw mismatch(stored, own, `cosine ${similarity.toFixed(3)} on the same sentence`);
}

function mismatch(stored: ModelProbe, own: ModelProbe, how: string): FreshetError {
  const message =
    `the data was embedded with another model (${stored.name}) than the configured one (${own.name}): ${how}; ` +
    "set the old model back; freshet reembed gives a tenant another one";
  return new FreshetError("model_mismatch", message, {
    details: { stored: stored.name, configured: own.name },
  });
}
