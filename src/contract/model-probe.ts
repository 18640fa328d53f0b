/**
 * What tells two embedding models apart: the vector that each makes of the same sentence. A name
 * says what a model is called; this says what it computes, so fp32, int8 and a remote server of the
 * same weights are one model.
 */

import { z } from "zod";

/** What stands before a text, by what it is; empty: nothing. */
export interface Prefixes {
  readonly query: string;
  readonly passage: string;
}

export interface ModelProbe {
  /** The sentence. It is kept with its vector, so that a later version may choose another one. */
  readonly text: string;
  /** Of unit length. */
  readonly vector: Float32Array;
  /** What the model was called, for people. */
  readonly name: string;
  /** Absent where there are none, as before there could be any. */
  readonly prefixes?: Prefixes | undefined;
}

const storedSchema = z.object({
  format: z.literal(1),
  text: z.string().min(1),
  /** Base64 of float32, little-endian. */
  vector: z.base64(),
  name: z.string(),
  prefixes: z.object({ query: z.string(), passage: z.string() }).optional(),
});

export function encodeProbe({ text, vector, name, prefixes }: ModelProbe): string {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  return JSON.stringify({ format: 1, text, vector: bytes.toString("base64"), name, prefixes });
}

/** Undefined when it is not what `encodeProbe` wrote. */
export function decodeProbe(json: string): ModelProbe | undefined {
  const parsed = storedSchema.safeParse(parseJson(json));
  if (!parsed.success) return undefined;
  // Copied: a pooled buffer need not begin at a multiple of four.
  const bytes = Uint8Array.from(Buffer.from(parsed.data.vector, "base64"));
  if (bytes.length === 0 || bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) return undefined;
  const { text, name, prefixes } = parsed.data;
  const probe = { text, vector: new Float32Array(bytes.buffer), name };
  return prefixes === undefined ? probe : { ...probe, prefixes };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
