/**
 * TLS of the two interfaces of Weaviate. Its client has no setting for a CA or a certificate: REST
 * goes through Node's fetch, gRPC through credentials that it makes without any.
 *
 *   WT1  for REST the process's fetch uses the link's files for Weaviate's origin, and no other;
 *   WT2  gRPC of the vendor's client trusts the CA that `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH` named
 *        when the process began, which `src/main.ts` sets to this link's: it makes its credentials
 *        without asking for any;
 *   WT3  for REST files are read for each new connection, so that they may be replaced.
 */

import type * as Undici from "undici";
import type { Dispatcher } from "undici";
import { limits } from "../contract/limits.ts";
import type { TlsFiles } from "../contract/links.ts";
import { loadedLater } from "../runtime/loaded-later.ts";
import { explainTls } from "../runtime/tls-fault.ts";
import { readTlsFiles } from "../runtime/tls-files.ts";
import { probeTls } from "../runtime/tls-probe.ts";

const undici = loadedLater<typeof Undici>("undici");

interface Address {
  readonly url: string;
  readonly grpc: string;
  readonly tls?: TlsFiles | undefined;
}

/** Runs `open`, which makes the vendor's client. @throws Error what reading the files throws */
export function trustFor<Client>({ url, tls }: Address, open: () => Client): Client {
  if (tls === undefined) return open();
  routeThrough(new URL(url).origin, tls);
  return open();
}

const routes = new Map<string, Dispatcher>();

/** Once an origin: the dispatcher asks for the files itself, for each connection. */
function routeThrough(origin: string, tls: TlsFiles): void {
  const key = JSON.stringify([origin, tls]);
  if (routes.has(key)) return;
  const { Agent, buildConnector, getGlobalDispatcher, setGlobalDispatcher } = undici();
  const agent = new Agent({
    connect: (options, callback) => buildConnector(readTlsFiles(tls))(options, callback),
  });
  routes.set(key, agent);
  setGlobalDispatcher(originRoute(origin, agent, getGlobalDispatcher()));
}

/** The origin's requests go through its own dispatcher. */
function originRoute(origin: string, own: Dispatcher, others: Dispatcher): Dispatcher {
  class OriginRoute extends undici().Dispatcher {
    override dispatch(...request: Parameters<Dispatcher["dispatch"]>): boolean {
      const [{ origin: to = "" }] = request;
      const isOwn = URL.canParse(String(to)) && new URL(to).origin === origin;
      return (isOwn ? own : others).dispatch(...request);
    }
  }
  return new OriginRoute();
}

/** What TLS has against REST or gRPC, as one sentence. Never throws. */
export async function explainWeaviate(
  { url, grpc, tls }: Address,
  error: unknown,
): Promise<string | undefined> {
  const settings = "FRESHET_WEAVIATE_TLS";
  const rest = explainTls(error, { where: `weaviate at ${url}`, tls, settings });
  if (rest !== undefined) return rest;
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === "https:";
  const own = tls ?? { settings, caFile: undefined, certFile: undefined, keyFile: undefined };
  const shared = { settings, tls: isSecure ? own : undefined, timeoutMs: limits.tlsProbeMs };
  const channel = new URL(`${protocol}//${grpc}`);
  const of = ({ hostname: name, port: number }: URL) => ({
    host: name.replace(/^\[(.*)\]$/, "$1"),
    port: Number(number) || (isSecure ? 443 : 80),
  });
  const where = `weaviate at ${url}`;
  return (
    (await probeTls({ ...shared, where, ...of(new URL(`${protocol}//${hostname}:${port}`)) })) ??
    (await probeTls({ ...shared, where: `weaviate's gRPC at ${grpc}`, alpn: "h2", ...of(channel) }))
  );
}
