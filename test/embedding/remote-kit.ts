/**
 * What the tests of the remote embedder share: an endpoint for each test, and embedders that ask
 * it.
 */

import { afterEach, beforeEach, expect } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { probeText } from "../../src/embedding/model-probe.ts";
import type { Embedder, EmbedInput, Lane } from "../../src/embedding/port.ts";
import { createRemoteEmbedder, type RemoteEmbedderOptions } from "../../src/embedding/remote.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { type Endpoint, type Handler, startEndpoint } from "../answer/misbehaving-endpoint.ts";
import { embedding } from "./remote-endpoint.ts";

export const model = { name: "word-hash", dimensions: 384, maxTokens: 256 };
export const apiKey = "the-secret-key";
export const secretText = "the secret words of the document";
export const input = (text: string): EmbedInput => ({ text, tokens: Int32Array.of(101, 7, 102) });

/** Sleeps are over at once and are recorded; time-outs of a request never come. */
export function hasty(): Clock & { readonly pausesMs: number[] } {
  const pausesMs: number[] = [];
  return {
    pausesMs,
    ...systemClock,
    sleep: (ms, signal) => {
      const isOfARequest = ms === limits.embedRemoteRequestMs || ms === limits.embedPoolProbeMs;
      if (isOfARequest) return systemClock.sleep(600_000, signal);
      pausesMs.push(ms);
      return Promise.resolve();
    },
  };
}

export const ask = (embedder: Embedder, lane: Lane = "ingest", signal?: AbortSignal) =>
  embedder.embed([input(secretText), input("another text")], { lane, signal });

export async function failure(work: Promise<unknown>): Promise<FreshetError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof FreshetError)) throw new Error(`expected a FreshetError: ${thrown}`);
  const said = JSON.stringify([thrown.message, thrown.details, String(thrown.cause)]);
  expect(said).not.toContain("secret");
  expect(thrown.message).not.toContain("\n");
  return thrown;
}

/** Answers with these one after the other, then with the last for ever. */
export function inTurn(
  ...handlers: readonly Handler[]
): Handler & { readonly calls: () => number } {
  let calls = 0;
  const handle: Handler = (request, response) => {
    const handler = handlers[Math.min(calls, handlers.length - 1)];
    calls += 1;
    handler?.(request, response);
  };
  return Object.assign(handle, { calls: () => calls });
}

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_request, response) => {
    response.writeHead(code, headers).end(`{"error": {"message": "${secretText}"}}`);
  };

/** What a server says of everything but the known sentence. */
export const toTexts =
  (handle: Handler): Handler =>
  (request, response) =>
    (request.body.includes(probeText) ? embedding() : handle)(request, response);

export interface RemoteKit {
  /** A new one for each test, which behaves well until it is told otherwise. */
  endpoint: Endpoint;
  /** Closed after the test. */
  open(options?: Partial<RemoteEmbedderOptions>): Promise<Embedder>;
}

/** Called once at the top of a test file. */
export function remoteKit(): RemoteKit {
  const opened: Embedder[] = [];
  let endpoint: Endpoint | undefined;
  const kit: RemoteKit = {
    get endpoint() {
      if (endpoint === undefined) throw new Error("no test runs");
      return endpoint;
    },
    set endpoint(other) {
      endpoint = other;
    },
    async open(options = {}) {
      const embedder = await createRemoteEmbedder({
        url: `${kit.endpoint.url}/v1`,
        model,
        clock: systemClock,
        random: () => 0.5,
        apiKey: () => apiKey,
        ...options,
      });
      opened.push(embedder);
      return embedder;
    },
  };
  beforeEach(async () => {
    endpoint = await startEndpoint();
    endpoint.handle = embedding();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((embedder) => embedder.close()));
    await endpoint?.close();
  });
  return kit;
}
