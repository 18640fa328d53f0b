/** From what an expression returned to operations that DOCS takes. Pure. */

import { checkOperation } from "../../contract/document.ts";
import { limits } from "../../contract/limits.ts";
import type { Mapped, MappedOperation } from "../../contract/source.ts";

/** Beside `upsert` and `delete`: leaves the event out, and says why. */
const skip = "skip";

const nothing = "the expression returned nothing";

/** @param result a copy of plain JSON: what an expression returns may be shared or odd */
export function mappedOf(result: unknown, documentTextBytesMax: number): Mapped {
  if (result === undefined || result === null) return { kind: "skipped", reason: nothing };
  const values = Array.isArray(result) ? result : [result];
  if (values.length > limits.mapOperationsMax) {
    return failed(`more than ${limits.mapOperationsMax} operations of one event`);
  }
  const operations: MappedOperation[] = [];
  let reason = nothing;
  let bytes = 0;
  for (const [index, value] of values.entries()) {
    const place = Array.isArray(result) ? `operation ${index}: ` : "";
    const one = operationOf(value, documentTextBytesMax);
    if (one.kind === "skipped") reason = one.reason;
    if (one.kind === "failed") return failed(`${place}${one.message}`);
    if (one.kind !== "operation") continue;
    bytes += one.operation.payload.length;
    if (bytes > limits.mapOutputBytesMax)
      return failed("the operations of one event are too large");
    operations.push(one.operation);
  }
  return operations.length === 0 ? { kind: "skipped", reason } : { kind: "operations", operations };
}

type One =
  | { readonly kind: "operation"; readonly operation: MappedOperation }
  | Extract<Mapped, { kind: "skipped" | "failed" }>;

function operationOf(value: unknown, documentTextBytesMax: number): One {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return failed("the expression returned something that is no operation (an object with an id)");
  }
  const fields = value as Readonly<Record<string, unknown>>;
  if (fields["op"] === skip) {
    const given = fields["reason"];
    return { kind: "skipped", reason: typeof given === "string" ? given.slice(0, 80) : nothing };
  }
  const operation = tidied(fields);
  const checked = checkOperation(operation, documentTextBytesMax);
  if (!checked.ok) return failed(`no operation: ${checked.error.message}`);
  const { id } = checked.operation;
  return { kind: "operation", operation: { id, payload: JSON.stringify(operation) } };
}

/**
 * A null says the same as a field that is not there, and an id that is a number means its digits:
 * rows are full of both.
 */
function tidied(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const operation = withoutNulls(fields);
  const { id, metadata } = operation;
  if (Number.isSafeInteger(id)) operation["id"] = String(id);
  if (typeof metadata === "object" && metadata !== null && !Array.isArray(metadata)) {
    operation["metadata"] = withoutNulls(metadata as Readonly<Record<string, unknown>>);
  }
  return operation;
}

function withoutNulls(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

const failed = (message: string) => ({ kind: "failed", message }) as const;
