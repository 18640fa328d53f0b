/** Who sent a webhook: signatures over its body, compared in constant time. */

import { createHmac, timingSafeEqual } from "node:crypto";
import { limits } from "../../contract/limits.ts";
import type { signatureKinds } from "../../contract/source.ts";

type Headers = Readonly<Record<string, string>>;

export interface SignedRequest {
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly nowMs: number;
}

/** GitHub's `X-Hub-Signature-256`. */
export function isSignedByGitHub({ headers, body }: SignedRequest, secret: string): boolean {
  const given = /^sha256=([0-9a-f]{64})$/.exec(headers["x-hub-signature-256"] ?? "")?.[1];
  const own = createHmac("sha256", secret).update(body).digest();
  return given !== undefined && timingSafeEqual(Buffer.from(given, "hex"), own);
}

/** Standard Webhooks: id, time and body together; several signatures while secrets change. */
export function isSignedByStandard(
  { headers, body, nowMs }: SignedRequest,
  secret: string,
): boolean {
  const id = headers["webhook-id"];
  const seconds = headers["webhook-timestamp"];
  if (id === undefined || seconds === undefined || !/^\d{1,12}$/.test(seconds)) return false;
  if (Math.abs(Number(seconds) * 1_000 - nowMs) > limits.webhookToleranceMs) return false;
  const isEncoded = secret.startsWith("whsec_");
  const key = isEncoded ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;
  const own = createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest();
  const given = (headers["webhook-signature"] ?? "").split(" ");
  return given.some((each) => {
    const [version, value = ""] = each.split(",");
    const bytes = Buffer.from(value, "base64");
    return version === "v1" && bytes.length === own.length && timingSafeEqual(bytes, own);
  });
}

/**
 * What the sender calls this delivery: a repetition has the same name. Where a signature covers a
 * name only that one counts: whoever has read a request could send it again under another.
 */
export function deliveryOf(
  headers: Headers,
  signature: (typeof signatureKinds)[number] | undefined,
): string | undefined {
  if (signature === "standard") return headers["webhook-id"];
  const ceId = headers["ce-id"];
  return (
    headers["x-github-delivery"] ??
    headers["webhook-id"] ??
    (ceId === undefined ? undefined : `${headers["ce-source"] ?? ""}#${ceId}`) ??
    headers["idempotency-key"]
  );
}
