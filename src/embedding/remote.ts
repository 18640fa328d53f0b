/**
 * The embedder that asks servers: any OpenAI-compatible `/embeddings`, text-embeddings-inference,
 * or embed servers of Freshet, over HTTP or NATS. So one pool on GPU hosts serves many engines.
 *
 * Owns: the two lanes and the pool of servers. Never does: batching across callers (that is the
 * embedder actor's), tokenization.
 *
 *   RE1  a query never waits for an ingest request: the lanes share no connection and no queue;
 *   RE2  vectors come out in the order of the inputs, of unit length, whatever order and length the
 *       server chose;
 *   RE3  a text goes to a server of the pool, and nowhere else: no error and no log line holds one,
 *       or the key.
 */

import { FreshetError, toFreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import { type Logger, type Metrics, silentLogger, silentMetrics } from "../contract/observation.ts";
import type { Clock } from "../runtime/clock.ts";
import { explainUrl } from "../runtime/tls-probe.ts";
import { checkInputs, checkNotAborted, checkVector } from "./checks.ts";
import { probeText } from "./model-probe.ts";
import type { Embedder, EmbeddingModel, EmbedInput, EmbedOptions, Lane } from "./port.ts";
import { errorOf } from "./remote-failure.ts";
import { RemoteLane } from "./remote-lane.ts";
import { httpLink } from "./remote-link.ts";
import type { Discovery } from "./remote-nats.ts";
import { ServerPool } from "./remote-pool.ts";
import { type Endpoint, endpointOf, endpointsOf, splitTexts } from "./remote-wire.ts";

export interface RemoteEmbedderOptions extends Shared {
  /**
   * Base URL of an OpenAI-compatible API, or the URL of an `/embeddings` or `/embed` route itself;
   * several of one model with commas between.
   */
  readonly url: string;
  /** Sent as `model`; undefined where the endpoint serves one. */
  readonly requestModel?: string | undefined;
  /** Sent as bearer token. */
  readonly apiKey?: Secret | undefined;
  readonly tls?: TlsFiles | undefined;
}

interface Shared {
  readonly model: Omit<EmbeddingModel, "fingerprint">;
  readonly clock: Clock;
  /** From 0 to 1: spreads the retries of many engines. */
  readonly random: () => number;
  readonly logger?: Logger | undefined;
  readonly metrics?: Pick<Metrics, "set" | "count"> | undefined;
}

type Lanes = Readonly<Record<Lane, RemoteLane>>;

/**
 * Asks each server once, so that a wrong address, key, model or number of dimensions ends the start
 * and not the first document. So does an endpoint that is down: whether it serves the right model
 * is not known yet. Of several, one that is there is enough, and those that are must agree.
 * @throws FreshetError embedding_unavailable, overloaded or embedding_failed, with one line that
 * says what to do
 */
export async function createRemoteEmbedder(options: RemoteEmbedderOptions): Promise<Embedder> {
  const endpoints = endpointsOf(options.url);
  const [endpoint, second] = endpoints;
  const isAlone = second === undefined;
  const pool = poolOf(options, isAlone);
  for (const each of endpoints) pool.add(linkTo(each, options));
  const opened = embedderOver({ ...options, pool, servers: endpoints.length, isAlone });
  try {
    if (isAlone) {
      const [vector] = await opened.lanes.query.run([probeText], undefined);
      if (vector !== undefined) pool.refersTo(vector);
    } else await pool.open();
  } catch (thrown) {
    await opened.embedder.close();
    const { code, message, details } = toFreshetError(thrown);
    const why = isAlone ? await explainEnd(options, message) : undefined;
    if (why !== undefined) throw new FreshetError(code, why, { details });
    const says = isAlone ? `${endpoint?.origin}: ${message}` : message;
    throw new FreshetError(code, says, { details });
  }
  if (!isAlone) for (const server of pool.servers) pool.watch(server);
  return opened.embedder;
}

/** Servers that are found on NATS, and come and go. @throws FreshetError as above */
export async function createNatsEmbedder(
  options: Shared & { readonly discovery: Discovery },
): Promise<Embedder> {
  const { discovery } = options;
  const pool = poolOf(options, false);
  const servers = limits.embedNatsServersExpected;
  const opened = embedderOver({ ...options, pool, servers, isAlone: false });
  const embedder = {
    ...opened.embedder,
    close: async () => {
      // Its connection is what the requests that run go over (RL4).
      await opened.embedder.close();
      await discovery.close();
    },
  };
  try {
    for (const link of await discovery.first()) pool.add(link);
    await pool.open();
  } catch (thrown) {
    await embedder.close();
    throw thrown;
  }
  for (const server of pool.servers) pool.watch(server);
  discovery.follow({
    names: () => new Set([...pool.servers].map(({ link }) => link.name)),
    found: (link) => pool.watch(pool.add(link)),
    lost: (name) => {
      for (const server of pool.servers) if (server.link.name === name) void pool.remove(server);
    },
  });
  return embedder;
}

function poolOf({ clock, logger, metrics }: Shared, isAlone: boolean): ServerPool {
  const reports = { logger: logger ?? silentLogger, metrics: metrics ?? silentMetrics };
  return new ServerPool({ clock, isAlone, ...reports });
}

interface PoolParts extends Shared {
  readonly pool: ServerPool;
  readonly servers: number;
  readonly isAlone: boolean;
}

function embedderOver(parts: PoolParts): { readonly embedder: Embedder; readonly lanes: Lanes } {
  const { pool } = parts;
  const model: EmbeddingModel = { ...parts.model, fingerprint: `remote:${parts.model.name}` };
  const lanes: Lanes = {
    ingest: laneOf("ingest", limits.embedRemoteIngestInFlightMax, parts),
    query: laneOf("query", limits.embedRemoteQueryInFlightMax, parts),
  };
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([lanes.ingest.close(), lanes.query.close()]);
    await pool.close();
  };
  return {
    lanes,
    embedder: {
      model,
      embed: (batch, options) => embed({ lanes, model, batch, options }),
      async ping() {
        if (!canServe(parts)) throw errorOf(pool.nobody());
      },
      close: () => (closing ??= close()),
    },
  };
}

/** One that is fixed is asked whatever it does, and counts as away while it fails (EP4, EP6). */
function canServe({ pool, isAlone }: PoolParts): boolean {
  return [...pool.servers].some(
    ({ state, outage }) => state.kind === "serving" && !(isAlone && outage.isOut),
  );
}

function laneOf(
  lane: Lane,
  inFlightMax: number,
  { pool, servers, isAlone, clock, random }: PoolParts,
): RemoteLane {
  return new RemoteLane({
    ...{ lane, pool, clock, random },
    inFlightMax: inFlightMax * servers,
    runMs: isAlone ? undefined : limits.embedPoolRunMs,
  });
}

function linkTo(
  endpoint: Endpoint,
  { requestModel, apiKey, tls, clock, model }: RemoteEmbedderOptions,
) {
  return httpLink({
    endpoint,
    model: requestModel,
    dimensions: model.dimensions,
    apiKey,
    tls,
    connections: {
      ingest: limits.embedRemoteIngestInFlightMax,
      query: limits.embedRemoteQueryInFlightMax,
    },
    clock,
  });
}

/** A server that wants a client certificate cuts the connection; nothing else is passed on. */
async function explainEnd(
  { url, tls }: RemoteEmbedderOptions,
  message: string,
): Promise<string | undefined> {
  if (!message.includes("UND_ERR_SOCKET")) return undefined;
  const where = `the embedding endpoint at ${endpointOf(url).origin}`;
  const link = { where, tls, settings: "FRESHET_EMBED_TLS" };
  return await explainUrl(undefined, { ...link, url, timeoutMs: limits.tlsProbeMs });
}

interface EmbedRequest {
  readonly lanes: Lanes;
  readonly model: EmbeddingModel;
  readonly batch: readonly EmbedInput[];
  readonly options: EmbedOptions;
}

async function embed({ lanes, model, batch, options }: EmbedRequest): Promise<Float32Array[]> {
  checkNotAborted(options.signal);
  checkInputs(batch, model);
  const vectors: Float32Array[] = [];
  // One after the other, so that a large call takes one place in the lane and not all of them.
  for (const texts of splitTexts(batch.map(({ text }) => text))) {
    vectors.push(...(await lanes[options.lane].run(texts, options.signal)));
  }
  for (const vector of vectors) checkVector(vector, model.dimensions);
  return vectors;
}
