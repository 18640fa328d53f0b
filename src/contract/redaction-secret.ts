/**
 * Under what a deployment redacts. The log keeps either the secret itself, made by the first
 * engine, or what tells a configured secret from others.
 */

import { z } from "zod";

const schema = z.discriminatedUnion("kind", [
  z.object({ format: z.literal(1), kind: z.literal("kept"), secret: z.base64().min(40) }),
  z.object({ format: z.literal(1), kind: z.literal("configured"), check: z.string().min(16) }),
]);

export type RedactionSecret =
  | { readonly kind: "kept"; readonly secret: Uint8Array }
  | { readonly kind: "configured"; readonly check: string };

export function encodeRedactionSecret(secret: RedactionSecret): string {
  if (secret.kind === "configured") return JSON.stringify({ format: 1, ...secret });
  const base64 = Buffer.from(secret.secret).toString("base64");
  return JSON.stringify({ format: 1, kind: "kept", secret: base64 });
}

/** Undefined when it is not what `encodeRedactionSecret` wrote. */
export function decodeRedactionSecret(json: string): RedactionSecret | undefined {
  const stored = schema.safeParse(parseJson(json)).data;
  if (stored === undefined) return undefined;
  if (stored.kind === "configured") return { kind: "configured", check: stored.check };
  return { kind: "kept", secret: new Uint8Array(Buffer.from(stored.secret, "base64")) };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
