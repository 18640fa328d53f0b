/**
 * The embedder that asks an endpoint: any OpenAI-compatible `/embeddings`, or
 * text-embeddings-inference. So one pool on GPU hosts serves many engines.
 *
 * Owns: the two lanes. Never does: batching across callers (that is the embedder actor's),
 * tokenization.
 *
 *   RE1  a query never waits for an ingest request: the lanes share no connection and no queue;
 *   RE2  vectors come out in the order of the inputs, of unit length, whatever order and length the
 *       server chose;
 *   RE3  a text goes to the endpoint, and nowhere else: no error and no log line holds one, or the
 *       key.
 */

import { FreshetError, toFreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import type { Clock } from "../runtime/clock.ts";
import { explainUrl } from "../runtime/tls-probe.ts";
import { checkInputs, checkNotAborted, checkVector } from "./checks.ts";
import { probeText } from "./model-probe.ts";
import type { Embedder, EmbeddingModel, EmbedInput, EmbedOptions, Lane } from "./port.ts";
import { RemoteLane } from "./remote-lane.ts";
import { type Endpoint, endpointOf, splitTexts } from "./remote-wire.ts";

export interface RemoteEmbedderOptions {
  /**
   * Base URL of an OpenAI-compatible API, or the URL of an `/embeddings` or `/embed` route itself.
   */
  readonly url: string;
  readonly model: Omit<EmbeddingModel, "fingerprint">;
  /** Sent as `model`; undefined where the endpoint serves one. */
  readonly requestModel?: string | undefined;
  /** Sent as bearer token. */
  readonly apiKey?: Secret | undefined;
  readonly tls?: TlsFiles | undefined;
  readonly clock: Clock;
  /** From 0 to 1: spreads the retries of many engines. */
  readonly random: () => number;
}

type Lanes = Readonly<Record<Lane, RemoteLane>>;

/**
 * Asks the endpoint once, so that a wrong address, key, model or number of dimensions ends the
 * start and not the first document. So does an endpoint that is down: whether it serves the right
 * model is not known yet.
 * @throws FreshetError embedding_unavailable, overloaded or embedding_failed, with one line that
 * says what to do
 */
export async function createRemoteEmbedder(options: RemoteEmbedderOptions): Promise<Embedder> {
  const endpoint = endpointOf(options.url);
  const model: EmbeddingModel = { ...options.model, fingerprint: `remote:${options.model.name}` };
  const lanes: Lanes = {
    ingest: createLane(limits.embedRemoteIngestInFlightMax, endpoint, options),
    query: createLane(limits.embedRemoteQueryInFlightMax, endpoint, options),
  };
  const close = async (): Promise<void> => {
    await Promise.all([lanes.ingest.close(), lanes.query.close()]);
  };
  try {
    await lanes.query.run([probeText], undefined);
  } catch (thrown) {
    await close();
    const { code, message, details } = toFreshetError(thrown);
    const why = await explainEnd(options, message);
    if (why !== undefined) throw new FreshetError(code, why, { details });
    throw new FreshetError(code, `${endpoint.origin}: ${message}`, { details });
  }
  return {
    model,
    embed: (batch, embedOptions) => embed({ lanes, model, batch, options: embedOptions }),
    close,
  };
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

function createLane(
  inFlightMax: number,
  endpoint: Endpoint,
  options: RemoteEmbedderOptions,
): RemoteLane {
  const { requestModel, apiKey, tls, clock, random } = options;
  const { dimensions } = options.model;
  return new RemoteLane({
    endpoint,
    model: requestModel,
    dimensions,
    apiKey,
    tls,
    inFlightMax,
    clock,
    random,
  });
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
