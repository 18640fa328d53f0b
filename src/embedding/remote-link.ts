/** One embedding server as a pool sees it, and the one that is reached over HTTP. */

import type * as Undici from "undici";
import type { Pool } from "undici";
import { limits } from "../contract/limits.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import type { Clock } from "../runtime/clock.ts";
import { loadedLater } from "../runtime/loaded-later.ts";
import { readTlsFiles } from "../runtime/tls-files.ts";
import type { Lane } from "./port.ts";
import { post } from "./remote-request.ts";
import {
  type AskedTexts,
  type Endpoint,
  type Reply,
  readReply,
  requestBody,
} from "./remote-wire.ts";

const undici = loadedLater<typeof Undici>("undici");

export interface LinkRequest extends AskedTexts {
  /** The server refuses to compute with another model; undefined where it has named none. */
  readonly fingerprint: string | undefined;
}

export interface ServerLink {
  /** For people; without what a URL says of passwords. */
  readonly name: string;
  /** After so much silence of a server that has work it is asked whether it lives. */
  readonly silentMs: number;
  /** Bounded in time and size, never repeated here. @throws FreshetError cancelled */
  send(request: LinkRequest, signal: AbortSignal | undefined): Promise<Reply>;
  /** Whether its process answers at all, busy or not. False when the signal aborts first. */
  isAlive(signal: AbortSignal): Promise<boolean>;
  /** Ends what still runs. */
  close(): Promise<void>;
}

export interface HttpLinkOptions {
  readonly endpoint: Endpoint;
  /** What the endpoint calls its model; undefined where it serves one. */
  readonly model: string | undefined;
  readonly dimensions: number;
  readonly apiKey: Secret | undefined;
  readonly tls: TlsFiles | undefined;
  /** Connections: the lanes share none, so that a query never waits for an ingest request. */
  readonly connections: Readonly<Record<Lane, number>>;
  readonly clock: Clock;
}

export function httpLink(options: HttpLinkOptions): ServerLink {
  const { endpoint, model, dimensions, apiKey, tls, connections, clock } = options;
  const pools = {
    ingest: poolOf(endpoint, connections.ingest, tls),
    query: poolOf(endpoint, connections.query, tls),
  };
  // Made when it is first needed: most pools have one server, and nobody asks whether it lives.
  let looking: Pool | undefined;
  return {
    name: endpoint.origin,
    // A process that ends closes its sockets: only one that hangs has to be asked.
    silentMs: limits.embedPoolSilentMs,
    async send({ fingerprint, ...asked }, signal) {
      const body = requestBody(endpoint, asked, { model, fingerprint });
      const request = { path: endpoint.path, body, apiKey: apiKey?.(), signal, tls };
      const answer = await post(pools[asked.lane], request, clock);
      if (answer.kind !== "body") return answer;
      return readReply(endpoint, answer.text, { count: asked.texts.length, dimensions });
    },
    async isAlive(signal) {
      looking ??= poolOf(endpoint, 1, tls);
      try {
        // Whatever it answers, also that it knows no such page, it answers.
        const { body } = await looking.request({ path: "/healthz", method: "GET", signal });
        await body.dump({ limit: limits.embedRemoteErrorBytesMax });
        return true;
      } catch {
        return false;
      }
    },
    async close() {
      const all = [pools.ingest, pools.query, ...(looking === undefined ? [] : [looking])];
      await Promise.all(all.map((pool) => pool.destroy()));
    },
  };
}

function poolOf({ origin }: Endpoint, connections: number, tls: TlsFiles | undefined): Pool {
  return new (undici().Pool)(origin, {
    connections,
    ...connecting(tls),
    // A request has one time-out as a whole, by our own clock.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/** With files of its own each new connection reads them, so that they may be replaced. */
function connecting(tls: TlsFiles | undefined): Pool.Options {
  const timeout = limits.embedRemoteConnectMs;
  if (tls === undefined) return { connectTimeout: timeout };
  return {
    connect: (options, callback) =>
      undici().buildConnector({ ...readTlsFiles(tls), timeout })(options, callback),
  };
}
