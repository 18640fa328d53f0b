/**
 * The certificate of the HTTP API, from files that may be replaced while it serves.
 *
 *   GT1  a new certificate is used for the next connection, without a restart;
 *   GT2  files that do not fit together leave the old one in place, and are logged once;
 *   GT3  with a CA for clients, who shows no certificate of it reaches no route.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import { createSecureContext, type Server as TlsServer } from "node:tls";
import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";

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

/** Looks again and again; returns the function that ends it. */
export function watchCertificate(
  server: Server,
  {
    tls,
    log,
    everyMs,
  }: { readonly tls: ListenerTls; readonly log: Logger; readonly everyMs?: number },
): () => void {
  let known = versionOf(tls);
  const timer = setInterval(() => {
    const version = versionOf(tls);
    if (version === known) return;
    known = version;
    try {
      (server as TlsServer).setSecureContext({ ...checkedMaterial(tls), minVersion: "TLSv1.2" });
      log.info({ certFile: tls.certFile }, "the HTTP API has a new certificate");
    } catch (thrown) {
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
  try {
    createSecureContext(material);
    return material;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unusable";
    const message = `FRESHET_HTTP_TLS_CERT_FILE: ${certFile} and the key ${keyFile} do not belong together, or are no PEM (${code})`;
    throw new Error(message, { cause });
  }
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
