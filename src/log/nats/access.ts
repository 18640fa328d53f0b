/**
 * How Freshet shows who it is to NATS and how it knows that it is NATS: the only place that makes
 * options of the client from configuration, for engine, merge worker and command line alike.
 *
 *   NY1  what stands in files is read for each attempt to connect, so that what was rotated is used
 *        without a restart;
 *   NY2  with TLS configured a server without it is refused; a certificate must be for a name that
 *        an operator wrote, also that of a server which the cluster named by its address;
 *   NY3  refused credentials end a first connection at once and a later one never: they may be
 *        renewed.
 */

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  ErrorCode,
  NatsError,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "nats";
import { limits } from "../../contract/limits.ts";
import type { Secret, TlsFiles } from "../../contract/links.ts";
import { explainTls } from "../../runtime/tls-fault.ts";
import { readTlsFiles } from "../../runtime/tls-files.ts";
import { probeTls } from "../../runtime/tls-probe.ts";
import { endAbandonedDials } from "./abandoned-dials.ts";
import { shareCancelled } from "./cancelled.ts";

/** At most one of the ways to show who we are. */
export interface NatsAccess {
  /** One URL or several, separated by commas. */
  readonly servers: string;
  readonly name?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  readonly token?: Secret | undefined;
  readonly nkeySeed?: Secret | undefined;
  /** Path of a credentials file (JWT and seed). */
  readonly credsFile?: string | undefined;
  /** What names that file, for messages; FRESHET_NATS_CREDS_FILE by default. */
  readonly credsSetting?: string | undefined;
  /** Undefined: TLS where the server has it, with what Node trusts. */
  readonly tls?: TlsFiles | undefined;
  /** TLS before the server's first word. */
  readonly tlsFirst?: boolean | undefined;
  /** Also connect to servers that the cluster names; true by default. */
  readonly gossip?: boolean | undefined;
  readonly connectMs?: number | undefined;
  /** Aborted: nobody waits for the first connection any more. */
  readonly stopping?: AbortSignal | undefined;
}

/** @throws Error with one line when a file that is needed cannot be read */
export function connectionOptions(access: NatsAccess): ConnectionOptions {
  shareCancelled();
  endAbandonedDials();
  const authenticator = authenticatorOf(access);
  return {
    servers: serversOf(access),
    name: access.name ?? "freshet",
    timeout: limits.publishAckMs,
    // The first connection is bounded by our own loop; after it the client never gives up.
    waitOnFirstConnect: false,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    // By default the client closes itself for good after two refusals in a row.
    ignoreAuthErrorAbort: true,
    ignoreClusterUpdates: access.gossip === false,
    pingInterval: limits.natsPingMs,
    maxPingOut: 2,
    // Two stack traces a request, made before anything has gone wrong; our errors say what failed.
    noAsyncTraces: true,
    ...(authenticator === undefined ? {} : { authenticator }),
    ...tlsOptions(access),
  };
}

function serversOf({ servers }: NatsAccess): string[] {
  return servers.split(",").map((server) => server.trim());
}

/** The client calls it for each connection. */
function authenticatorOf(access: NatsAccess): Authenticator | undefined {
  const { user, password, token, nkeySeed, credsFile, credsSetting } = access;
  if (credsFile !== undefined) return credsAuthenticator(credsReader(credsFile, credsSetting));
  if (nkeySeed !== undefined) {
    return nkeyAuthenticator(() => new TextEncoder().encode(nkeySeed()));
  }
  if (token !== undefined) return tokenAuthenticator(token);
  if (user !== undefined) return usernamePasswordAuthenticator(user, () => password?.() ?? "");
  return undefined;
}

const credsPattern = /-----BEGIN NATS USER JWT-----[\s\S]+-----BEGIN USER NKEY SEED-----/;

/**
 * The last good content while the file is being replaced: an exception inside the client would
 * close the connection for good. @throws Error with one line when it was never readable
 */
function credsReader(file: string, setting = "FRESHET_NATS_CREDS_FILE"): () => Uint8Array {
  let last = readCreds(file, setting);
  return () => {
    try {
      last = readCreds(file, setting);
    } catch {
      // Half written or gone: the server decides about the old ones.
    }
    return last;
  };
}

function readCreds(file: string, setting: string): Uint8Array {
  const text = read(file, setting);
  if (credsPattern.test(text)) return new TextEncoder().encode(text);
  throw new Error(`${setting}: ${file} is no credentials file of NATS (JWT and seed)`);
}

function read(file: string, setting: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new Error(`${setting}: cannot read ${file} (${code})`, { cause });
  }
}

/**
 * The client hands what it does not know on to Node, which so learns how names are checked. It
 * reads the files itself, for each connection.
 */
function tlsOptions(access: NatsAccess): Pick<ConnectionOptions, "tls"> {
  const { tls, tlsFirst = false } = access;
  if (tls === undefined) return {};
  // A file that is missing is named now; the client would say no more than "tls".
  readTlsFiles(tls);
  const { caFile, certFile, keyFile, serverName } = tls;
  const names = namesOf(access);
  const options = {
    handshakeFirst: tlsFirst,
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName }),
    checkServerIdentity: identityCheck(names, serverName === undefined),
  };
  return { tls: options };
}

type Identity = typeof checkServerIdentity;

/**
 * Where the client dials an address it checks for the name `localhost`, whatever machine that is:
 * then the certificate has to be for one of the hosts that were configured.
 */
function identityCheck(names: readonly string[], alsoDialled: boolean): Identity {
  return (dialled, certificate) => {
    const isPlaceholder = dialled === "localhost" || dialled === "";
    const accepted = alsoDialled && !isPlaceholder ? [...names, dialled] : names;
    let refusal: ReturnType<Identity>;
    for (const name of accepted) {
      refusal = checkServerIdentity(name, certificate);
      if (refusal === undefined) return undefined;
    }
    return refusal;
  };
}

function namesOf(access: NatsAccess): readonly string[] {
  const { serverName } = access.tls ?? {};
  if (serverName !== undefined) return [serverName];
  return serversOf(access).map((server) => {
    const { hostname } = new URL(server.includes("://") ? server : `nats://${server}`);
    return hostname.replace(/^\[(.*)\]$/, "$1");
  });
}

/** What is wrong with the link, in words that say what to set; undefined when it is not TLS. */
export function explainAccess(access: NatsAccess, cause: unknown): string | undefined {
  const where = `nats at ${shownServers(access.servers)}`;
  const { tls } = access;
  const explained = explainTls(cause, { where, tls, settings: "FRESHET_NATS_TLS" });
  if (explained !== undefined) return explained;
  if (tls !== undefined && isPlainText(cause)) {
    return `${where} speaks plain text: turn TLS on there, or unset FRESHET_NATS_TLS_* and use nats://`;
  }
  return undefined;
}

/**
 * The client waits in vain where a server refuses it behind the handshake, for the lack of a
 * certificate: a handshake of our own is told why.
 */
export async function explainSilence(access: NatsAccess): Promise<string | undefined> {
  const { tls, tlsFirst = false, servers } = access;
  if (tls === undefined) return undefined;
  return await probeTls({
    ...{ tls, settings: "FRESHET_NATS_TLS", where: `nats at ${shownServers(servers)}` },
    ...firstServer(access),
    greets: !tlsFirst,
    timeoutMs: limits.tlsProbeMs,
  });
}

/** Where that of the servers is that was written first. */
export function firstServer(access: NatsAccess): { readonly host: string; readonly port: number } {
  const [first = ""] = serversOf(access);
  const { hostname, port } = new URL(first.includes("://") ? first : `nats://${first}`);
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) || 4222 };
}

/** The client's word for an option that the server lacks: TLS is the only one we ask for. */
function isPlainText(cause: unknown): boolean {
  return cause instanceof NatsError && cause.code === ErrorCode.ServerOptionNotAvailable;
}

/** Passwords in a URL do not belong into a message. */
export function shownServers(servers: string): string {
  return servers.replaceAll(/\/\/[^@/,]*@/g, "//");
}
