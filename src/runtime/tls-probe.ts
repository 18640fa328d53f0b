/**
 * Asks a server once what its TLS has against us. Libraries over gRPC answer every mistake with
 * "failed to connect before the deadline"; a handshake of our own, with the same files, says which.
 */

import { once } from "node:events";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { explainTls, type Link } from "./tls-fault.ts";
import type { TlsFiles } from "./tls-files.ts";
import { readTlsFiles } from "./tls-files.ts";

export interface Probe extends Link {
  readonly host: string;
  readonly port: number;
  /** Such as `h2`, where the server insists on it. */
  readonly alpn?: string | undefined;
  readonly timeoutMs: number;
  /** The server says something in plain text before TLS begins, as NATS does. */
  readonly greets?: boolean | undefined;
}

/** The sentence, or undefined when nothing is wrong that TLS could know. Never throws. */
export async function probeTls(probe: Probe): Promise<string | undefined> {
  if (probe.tls === undefined) {
    const failure = await handshake(probe, { rejectUnauthorized: false });
    const talks = failure === undefined || failure === endedBehind || isAlert(failure);
    return talks ? `${probe.where} asks for TLS: turn it on here` : undefined;
  }
  try {
    const failure = await handshake(probe, readTlsFiles(probe.tls));
    if (failure === undefined) return undefined;
    if (failure === endedBehind) return explainEnd(probe, probe.tls);
    if (failure === endedEarly) return `${probe.where} ended the TLS handshake: is TLS on there?`;
    return explainTls(failure, probe);
  } catch (unreadable) {
    return explainTls(unreadable, probe) ?? messageOf(unreadable);
  }
}

/** Some servers refuse a client certificate without a word. */
function explainEnd({ where, settings }: Probe, { certFile }: TlsFiles): string {
  const [has, may] = [
    `${where} ended the connection behind the TLS handshake`,
    `${settings}_CERT_FILE`,
  ];
  return certFile === undefined
    ? `${has}: it may want a client certificate, set ${may} and ${settings}_KEY_FILE`
    : `${has}: it refuses the client certificate, ${may} needs one of a CA that it trusts`;
}

const endedEarly = new Error("the connection ended during the handshake");
const endedBehind = new Error("the connection ended behind the handshake");
/** Says nothing about TLS: there is no server. */
const noAnswer = new Error("no answer");

/** Behind the server's greeting, where it has one. */
async function dial({ host, port, greets = false, timeoutMs }: Probe): Promise<Socket | undefined> {
  if (!greets) return undefined;
  const socket = connectPlain({ host, port });
  socket.setTimeout(timeoutMs, () => socket.destroy(noAnswer));
  await once(socket, "data");
  socket.setTimeout(0);
  return socket;
}

/** How a handshake failed; undefined when it did not. */
async function handshake(probe: Probe, options: ConnectionOptions): Promise<Error | undefined> {
  const { host, port, alpn, timeoutMs, tls } = probe;
  const name = tls?.serverName ?? host;
  const dialled = await dial(probe).catch(() => noAnswer);
  if (dialled instanceof Error) return dialled;
  return await new Promise((resolve) => {
    const finish = (failure: Error | undefined): void => {
      socket.destroy();
      resolve(failure);
    };
    let isSecure = false;
    const ended = () => (isSecure ? endedBehind : endedEarly);
    const socket: TLSSocket = connect({
      host,
      port,
      ...options,
      ...(dialled === undefined ? {} : { socket: dialled }),
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
    });
    // With TLS 1.3 a missing client certificate is refused behind the handshake: a server that
    // is content says something of its own first, or nothing for a while.
    socket.setTimeout(timeoutMs, () => finish(isSecure ? undefined : noAnswer));
    socket.on("secureConnect", () => {
      isSecure = true;
    });
    socket.on("data", () => finish(undefined));
    socket.on("error", (error: Error & { code?: string }) => {
      finish(error.code === "ECONNRESET" ? ended() : error);
    });
    socket.on("end", () => finish(ended()));
  });
}

/** A server that refuses our handshake in TLS speaks it. */
function isAlert(failure: Error & { code?: string }): boolean {
  return failure.code?.includes("_ALERT_") === true;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * For a client over fetch: by its error, and where that says no more than that the socket closed,
 * by a handshake.
 */
export async function explainUrl(
  error: unknown,
  { url, timeoutMs, ...link }: Link & { readonly url: string; readonly timeoutMs: number },
): Promise<string | undefined> {
  const known = explainTls(error, link);
  if (known !== undefined) return known;
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === "https:";
  const none = { ...link, caFile: undefined, certFile: undefined, keyFile: undefined };
  return await probeTls({
    ...link,
    tls: isSecure ? (link.tls ?? none) : undefined,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port) || (isSecure ? 443 : 80),
    timeoutMs,
  });
}
