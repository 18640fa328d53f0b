/**
 * Why a TLS connection did not come about, in one sentence that says what to do. The words of
 * OpenSSL and of the libraries above it say neither which link it was nor which setting helps.
 */

import type { TlsFiles } from "./tls-files.ts";

export interface Link {
  /** The other side, such as `nats at tls://nats.example:4222`. */
  readonly where: string;
  readonly tls: TlsFiles | undefined;
  /** First words of its settings, such as `FRESHET_NATS_TLS`. */
  readonly settings: string;
}

const unknownCa = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "INVALID_CA",
]);

const plainText = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_UNSUPPORTED_PROTOCOL",
]);

/** What the other side sends when it will not do without a certificate of ours. */
const certificateWanted = /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE|ALERT_NO_CERTIFICATE/;
const certificateRefused =
  /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/;
const badFiles = /^ERR_OSSL_|^ERR_CRYPTO_|KEY_VALUES_MISMATCH|NO_START_LINE|BAD_END_LINE/;

/** The sentence, or undefined when the error has nothing to do with TLS. */
export function explainTls(error: unknown, link: Link): string | undefined {
  for (const { code, names } of chainOf(error)) {
    const why = code === undefined ? undefined : explainCode(code, names, link);
    if (why !== undefined) return `${link.where} ${why}`;
  }
  return undefined;
}

function explainCode(
  code: string,
  names: string | undefined,
  { settings, tls }: Link,
): string | undefined {
  if (unknownCa.has(code)) {
    return `shows a certificate of an unknown CA: put that CA's certificate into the file that ${settings}_CA_FILE names`;
  }
  if (plainText.has(code)) return `answers in plain text: turn TLS on there, or off here`;
  if (certificateWanted.test(code)) {
    return `wants a client certificate: set ${settings}_CERT_FILE and ${settings}_KEY_FILE`;
  }
  if (certificateRefused.test(code)) {
    return tls?.certFile === undefined
      ? `wants a client certificate: set ${settings}_CERT_FILE and ${settings}_KEY_FILE`
      : `refuses the client certificate (${alertOf(code)}): ${settings}_CERT_FILE needs one that is valid and of a CA that it trusts`;
  }
  if (badFiles.test(code)) {
    return `cannot be reached: the files of ${settings}_CA_FILE, ${settings}_CERT_FILE and ${settings}_KEY_FILE are no PEM, or do not belong together (${code})`;
  }
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `shows a certificate for other names (${names ?? "see its subject alternative names"}): reach it under one of them${serverNameHint(settings)}`;
    case "CERT_HAS_EXPIRED":
      return "shows a certificate that has expired: renew it there (and look at the clock here)";
    case "CERT_NOT_YET_VALID":
      return "shows a certificate that is not valid yet: compare its clock with the one here";
    default:
      return undefined;
  }
}

/** Only these links let the expected name be set; for the others the URL says it. */
function serverNameHint(settings: string): string {
  return /NATS|TEMPORAL/.test(settings) ? `, or set ${settings}_SERVER_NAME` : "";
}

function alertOf(code: string): string {
  return code
    .replace(/^.*ALERT_/, "")
    .toLowerCase()
    .replaceAll("_", " ");
}

function namesIn(certificate: unknown): string | undefined {
  if (typeof certificate !== "object" || certificate === null) return undefined;
  const { subjectaltname: names } = certificate as { subjectaltname?: unknown };
  return typeof names === "string" ? names.slice(0, 200) : undefined;
}

interface Named {
  readonly code: string | undefined;
  /** In the certificate that was refused. */
  readonly names: string | undefined;
}

/** An error and what it was made from; libraries use three names for the latter. */
function* chainOf(error: unknown): Iterable<Named> {
  const waiting: unknown[] = [error];
  for (let seen = 0; waiting.length > 0 && seen < 16; seen += 1) {
    const next = waiting.shift();
    if (typeof next !== "object" || next === null) continue;
    const { code, message, cause, chainedError, errors, cert } = next as Record<string, unknown>;
    yield { code: typeof code === "string" ? code : codeIn(message), names: namesIn(cert) };
    waiting.push(cause, chainedError, ...(Array.isArray(errors) ? (errors as unknown[]) : []));
  }
}

/** Some keep the code in their words only: gRPC's status, or a wrapped `cause.message`. */
function codeIn(message: unknown): string | undefined {
  if (typeof message !== "string") return undefined;
  return /\b(ERR_(?:SSL|TLS|OSSL)_[A-Z0-9_]+)\b/.exec(message)?.[1];
}
