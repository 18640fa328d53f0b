/**
 * How Freshet reaches Temporal: the only place that makes options of its libraries from
 * configuration, for client and worker alike.
 *
 *   TA1  certificates and keys are read for each new connection; a changed file is a reason to make
 *        one, because neither library reads them again;
 *   TA2  a profile of Temporal's own configuration file is taken whole: nothing of the shell that
 *        Freshet was started from changes it.
 */

import { createHash } from "node:crypto";
import { rootCertificates } from "node:tls";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { limits } from "../../contract/limits.ts";
import type { Secret, TlsFiles } from "../../contract/links.ts";
import { readTlsFiles } from "../../runtime/tls-files.ts";
import { probeTls } from "../../runtime/tls-probe.ts";

export interface TemporalAccess {
  /** host:port of Temporal's frontend. */
  readonly address: string;
  readonly namespace: string;
  readonly apiKey?: Secret | undefined;
  /** Undefined: plain text. */
  readonly tls?: TlsFiles | undefined;
  /** Of a `temporal.toml`; it says address, namespace, TLS and key instead of the above. */
  readonly profile?: { readonly name: string; readonly file: string } | undefined;
}

type Tls = ReturnType<typeof loadClientConnectConfig>["connectionOptions"]["tls"];

export interface ResolvedAccess {
  readonly address: string;
  readonly namespace: string;
  readonly tls: Tls;
  readonly apiKey: Secret | undefined;
}

/** @throws Error with one line that names the setting of a file that cannot be used */
export function resolveAccess(access: TemporalAccess): ResolvedAccess {
  const { profile, address, namespace, apiKey } = access;
  if (profile !== undefined) return fromProfile(access, profile);
  return { address, namespace, apiKey, tls: tlsOf(access.tls) };
}

function fromProfile(
  { address, namespace }: TemporalAccess,
  { name, file }: { readonly name: string; readonly file: string },
): ResolvedAccess {
  try {
    const { connectionOptions, ...loaded } = loadClientConnectConfig({
      profile: name,
      configSource: { path: file },
      disableEnv: true,
      configFileStrict: true,
    });
    const { apiKey } = connectionOptions;
    return {
      address: connectionOptions.address ?? address,
      namespace: loaded.namespace ?? namespace,
      tls: connectionOptions.tls,
      apiKey: apiKey === undefined ? undefined : () => apiKey,
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`FRESHET_TEMPORAL_PROFILE: cannot use ${name} of ${file}: ${why}`, { cause });
  }
}

function tlsOf(files: TlsFiles | undefined): Tls {
  if (files === undefined) return false;
  const { cert, key, ...own } = readTlsFiles(files);
  // Weaviate's CA may be gRPC's default in this process (`src/main.ts`), and is not Temporal's.
  const isForeign = process.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] !== undefined;
  const ca = own.ca ?? (isForeign ? Buffer.from(rootCertificates.join("\n")) : undefined);
  return {
    ...(files.serverName === undefined ? {} : { serverNameOverride: files.serverName }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(cert === undefined || key === undefined ? {} : { clientCertPair: { crt: cert, key } }),
  };
}

/** For a connection of the client; a worker's wants the key itself. */
export function connectionOf({ address, tls, apiKey }: ResolvedAccess) {
  return {
    address,
    ...(tls === undefined ? {} : { tls }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/** Changes when a connection that is made now would be made otherwise. Never throws. */
export function accessVersion(access: TemporalAccess): string {
  const { tls, profile } = access;
  if (tls === undefined && profile === undefined) return "";
  try {
    const resolved = resolveAccess(access);
    const key = profile === undefined ? "" : resolved.apiKey?.();
    return createHash("sha256")
      .update(JSON.stringify([resolved, key]))
      .digest("hex");
  } catch {
    // Half written: the connection that is there stays.
    return "";
  }
}

/** What TLS has against the connection, as one sentence; undefined when it is something else. */
export async function explainTemporal(access: TemporalAccess): Promise<string | undefined> {
  const { address, profile, tls } = access;
  if (profile !== undefined) return undefined;
  const { hostname, port } = new URL(`http://${address}`);
  return await probeTls({
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? 80 : Number(port),
    alpn: "h2",
    where: `temporal at ${address}`,
    settings: "FRESHET_TEMPORAL_TLS",
    tls,
    timeoutMs: limits.tlsProbeMs,
  });
}
