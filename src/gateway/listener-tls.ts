/**
 * The certificate of the HTTP API, from files that may be replaced while it serves.
 *
 *   GT1  a new certificate is used for the next connection, without a restart;
 *   GT2  files that do not fit together, or are half written, leave the old one in place, and are
 *        logged once; so does a certificate that is not valid now, while the old one is;
 *   GT3  with a CA for clients, who shows no certificate of it reaches no route.
 */

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import { createSecureContext, type Server as TlsServer } from "node:tls";
import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";
import { systemClock } from "../runtime/clock.ts";

export interface ListenerTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
}

interface ListenerMaterial {
  cert: Buffer;
  key: Buffer;
  ca?: Buffer;
}

/** What Node's server is made with. @throws Error with one line that names the setting */
export function listenerOptions(tls: ListenerTls) {
  const asksForCertificate = tls.clientCaFile !== undefined;
  return {
    ...checkedMaterial(tls),
    minVersion: "TLSv1.2" as const,
    requestCert: asksForCertificate,
    rejectUnauthorized: asksForCertificate,
    handshakeTimeout: limits.httpHeadersMs,
  };
}

interface WatchOptions {
  readonly tls: ListenerTls;
  readonly log: Logger;
  readonly everyMs?: number;
  readonly nowMs?: (() => number) | undefined;
}

/** Looks again and again; returns the function that ends it. */
export function watchCertificate(
  server: Server,
  { tls, log, everyMs, nowMs = () => systemClock.nowMs() }: WatchOptions,
): () => void {
  let used = versionOf(tls);
  let shown = certificateOf(tls);
  const atStart = shown && invalidity(shown, nowMs());
  if (atStart !== undefined) {
    log.error({ certFile: tls.certFile, reason: atStart }, "clients refuse the HTTP API");
  }
  let refused: string | undefined;
  const timer = setInterval(() => {
    const version = versionOf(tls);
    if (version === used) return;
    try {
      const material = checkedMaterial(tls);
      const next = new X509Certificate(material.cert);
      const why = invalidity(next, nowMs());
      const isWorse = why !== undefined && shown && invalidity(shown, nowMs()) === undefined;
      if (isWorse) throw new Error(`FRESHET_HTTP_TLS_CERT_FILE: the one in ${tls.certFile} ${why}`);
      (server as TlsServer).setSecureContext({ ...material, minVersion: "TLSv1.2" });
      [used, shown] = [version, next];
      log.info({ certFile: tls.certFile }, "the HTTP API has a new certificate");
    } catch (thrown) {
      // Looked at again: what is not valid yet will be.
      if (version === refused) return;
      refused = version;
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      log.error({ reason }, "the HTTP API keeps its old certificate");
    }
  }, everyMs ?? limits.certificateLookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function checkedMaterial(tls: ListenerTls): ListenerMaterial {
  const { certFile, keyFile, clientCaFile } = tls;
  const material = {
    cert: readNamed("FRESHET_HTTP_TLS_CERT_FILE", certFile),
    key: readNamed("FRESHET_HTTP_TLS_KEY_FILE", keyFile),
    ...(clientCaFile === undefined
      ? {}
      : { ca: readNamed("FRESHET_HTTP_TLS_CLIENT_CA_FILE", clientCaFile) }),
  };
  if (material.ca !== undefined) checkAuthorities(material.ca, clientCaFile);
  try {
    createSecureContext(material);
    return material;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unusable";
    const message = `FRESHET_HTTP_TLS_CERT_FILE: ${certFile} and the key ${keyFile} do not belong together, or are no PEM (${code})`;
    throw new Error(message, { cause });
  }
}

const pemBegin = /-----BEGIN (?:TRUSTED )?CERT/g;
const pemCertificate =
  /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g;

/** TLS takes as many as it can read, also none, and then refuses clients without a word. */
function checkAuthorities(pem: Buffer, file: string | undefined): void {
  const text = pem.toString("latin1");
  const whole = text.match(pemCertificate) ?? [];
  const begun = text.match(pemBegin) ?? [];
  try {
    for (const one of whole) new X509Certificate(one);
    if (whole.length > 0 && whole.length === begun.length) return;
  } catch {
    // Told below.
  }
  throw new Error(
    `FRESHET_HTTP_TLS_CLIENT_CA_FILE: ${file} holds no certificates in PEM, or half of one`,
  );
}

function certificateOf({ certFile }: ListenerTls): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(certFile));
  } catch {
    return undefined;
  }
}

/** Why clients refuse it at this time. */
function invalidity({ validFromDate, validToDate }: X509Certificate, nowMs: number) {
  if (nowMs > validToDate.getTime()) return `has expired (${validToDate.toISOString()})`;
  if (nowMs < validFromDate.getTime()) {
    return `is not valid before ${validFromDate.toISOString()}`;
  }
  return undefined;
}

function readNamed(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new Error(`${setting}: cannot read ${file} (${code})`, { cause });
  }
}

/** Of the contents: a certificate renewed within the same second has the same time. */
function versionOf({ certFile, keyFile, clientCaFile }: ListenerTls): string {
  const digest = createHash("sha256");
  for (const file of [certFile, keyFile, clientCaFile]) {
    try {
      if (file !== undefined) digest.update(readFileSync(file));
    } catch {
      // Gone: another version than the one that was there.
      digest.update("gone");
    }
    digest.update("\0");
  }
  return digest.digest("hex");
}
