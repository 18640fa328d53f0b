/** Every variant that we compile, by name. */

import type { GraphVariant } from "../../src/embedding/precision.ts";
import { fp16, fp32, int8, type Operators } from "./operators.ts";
import { plain } from "./plain-operators.ts";

export const operatorsOf: Readonly<Record<GraphVariant, Operators>> = {
  fp32,
  int8,
  fp16,
  "plain-fp32": { ...fp32, ...plain },
  "plain-fp16": { ...fp16, ...plain },
};
