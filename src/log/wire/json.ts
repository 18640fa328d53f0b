/** JSON bodies of the log's messages, and the schemas that several of them use. Pure. */

import { z } from "zod";
import { epoch, position, version } from "../../contract/ids.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export const versionSchema = z.int().min(0).transform(version);
export const positionSchema = z.int().min(0).transform(position);
export const epochSchema = z.int().min(0).transform(epoch);

export function encodeJson(value: object): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/**
 * Undefined when the bytes are not what the schema says, or no JSON at all: the message was not
 * written by this log. Never throws: what that means, the caller says with an error of its own.
 */
export function decodeJson<Value>(schema: z.ZodType<Value>, data: Uint8Array): Value | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(decoder.decode(data)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** What a later Freshet wrote into a record beside the fields that are known here. */
export function laterFields(known: ReadonlySet<string>, stored: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(stored).filter(([name]) => !known.has(name)));
}
