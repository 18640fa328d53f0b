/**
 * What crosses the wire to an embedding endpoint, in two shapes. Pure.
 *
 *   openai  `POST …/embeddings`, also of vLLM, llama.cpp, Ollama and text-embeddings-inference
 *   tei     `POST …/embed`, the native one of text-embeddings-inference
 */

import { limits } from "../contract/limits.ts";
import { withoutEnd } from "../contract/without-end.ts";
import type { Lane } from "./port.ts";
import { type Failure, misconfigured } from "./remote-failure.ts";

export interface Endpoint {
  readonly origin: string;
  readonly path: string;
  readonly shape: "openai" | "tei";
}

export type Reply = VectorsReply | Failure;

export interface VectorsReply {
  readonly kind: "vectors";
  readonly vectors: Float32Array[];
  /** What computed them, as far as the server says. */
  readonly computedBy: ComputedBy;
}

/** Whether it is the server's fault; one that refuses a text is not at fault. */
export function isFault(reply: Reply): boolean {
  switch (reply.kind) {
    case "vectors":
    case "refused":
      return false;
    case "broken":
    case "misconfigured":
    case "busy":
    case "down":
    case "unanswered":
      return true;
  }
}

/** An embed server of Freshet names the fingerprint of its model; others name what they call it. */
export interface ComputedBy {
  readonly fingerprint: string | undefined;
  readonly model: string | undefined;
}

export function isSame(left: ComputedBy, right: ComputedBy): boolean {
  return left.fingerprint === right.fingerprint && left.model === right.model;
}

/** The base URL of an OpenAI-compatible API, or the URL of one of the two routes itself. */
export function endpointOf(url: string): Endpoint {
  const { origin, pathname, search } = new URL(url);
  const path = withoutEnd(pathname, "/");
  if (path.endsWith("/embed")) return { origin, path: path + search, shape: "tei" };
  const route = path.endsWith("/embeddings") ? path : `${path}/embeddings`;
  return { origin, path: route + search, shape: "openai" };
}

export interface AskedTexts {
  readonly texts: readonly string[];
  readonly lane: Lane;
}

/**
 * @param asked `model`: the name that the endpoint knows it by, where it serves several;
 * `fingerprint`: of an embed server of Freshet, once it has said it; others may refuse words that
 * they do not know
 */
export function requestBody(
  { shape }: Pick<Endpoint, "shape">,
  { texts, lane }: AskedTexts,
  asked: { readonly model: string | undefined; readonly fingerprint?: string | undefined },
): string {
  if (shape === "tei") return JSON.stringify({ inputs: texts, normalize: true });
  const { model, fingerprint } = asked;
  const own =
    fingerprint === undefined
      ? {}
      : { fingerprint, truncate: true, input_type: lane === "query" ? "query" : "document" };
  // Base64 is a third of the bytes and needs no parsing of numbers; a server that cannot ignores
  // the wish.
  return JSON.stringify({ model, input: texts, encoding_format: "base64", ...own });
}

/** The base URLs or routes of a list with commas between. */
export function endpointsOf(urls: string): readonly Endpoint[] {
  return urls.split(",").map((url) => endpointOf(url.trim()));
}

/** Consecutive texts that fit into one request each, in their order; never an empty one. */
export function splitTexts(
  texts: readonly string[],
  bytesMax: number = limits.embedRemoteBodyBytesMax,
): string[][] {
  const requests: string[][] = [];
  let current: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    const size = Buffer.byteLength(JSON.stringify(text));
    const fits = current.length < limits.embedRemoteInputsMax && bytes + size <= bytesMax;
    if (requests.length === 0 || !fits) {
      current = [];
      bytes = 0;
      requests.push(current);
    }
    current.push(text);
    bytes += size;
  }
  return requests;
}

/** Unit vectors in the order of the texts, or what is wrong with the reply. */
export function readReply(
  { shape }: Pick<Endpoint, "shape">,
  body: string,
  expected: { readonly count: number; readonly dimensions: number },
): Reply {
  const json = parseJson(body);
  // Python servers write NaN as a word, which is no JSON: that is about a text, not about the
  // server.
  if (json === undefined) {
    return /[[,:]\s*-?(?:NaN|Infinity)\b/.test(body) ? { kind: "broken" } : unusable("is not JSON");
  }
  const items = shape === "tei" ? json : field(json, "data");
  if (!Array.isArray(items)) return unusable("holds no list of vectors");
  if (items.length !== expected.count) {
    return unusable(`holds ${items.length} vectors for ${expected.count} texts`);
  }
  const ordered = shape === "tei" ? items : inOrder(items);
  if (ordered === undefined) return unusable("does not say which vector belongs to which text");
  const vectors: Float32Array[] = [];
  for (const item of ordered) {
    const vector = readVector(item);
    if (vector === undefined) return unusable("holds vectors in an unknown form");
    if (vector.length !== expected.dimensions)
      return otherModel(vector.length, expected.dimensions);
    if (!normalize(vector)) return { kind: "broken" };
    vectors.push(vector);
  }
  const computedBy = {
    fingerprint: textIn(field(json, "freshet"), "fingerprint"),
    model: textIn(json, "model"),
  };
  return { kind: "vectors", vectors, computedBy };
}

function textIn(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === "string" ? found : undefined;
}

export function unusable(what: string): Failure {
  return misconfigured(
    `sends a reply that ${what}: check that FRESHET_EMBED_URL is an embedding API`,
  );
}

function otherModel(actual: number, dimensions: number): Failure {
  return misconfigured(
    `makes vectors of ${actual} dimensions, expected ${dimensions}: ` +
      "check FRESHET_EMBED_MODEL and FRESHET_EMBED_DIMENSIONS",
  );
}

/**
 * The embeddings by their `index`, which need not be the order that they come in; undefined when it
 * is no order.
 */
function inOrder(items: readonly unknown[]): unknown[] | undefined {
  if (items.every((item) => field(item, "index") === undefined)) {
    return items.map((item) => field(item, "embedding"));
  }
  const ordered = new Map<unknown, unknown>();
  for (const item of items) ordered.set(field(item, "index"), field(item, "embedding"));
  const indexes = items.map((_, index) => index);
  if (!indexes.every((index) => ordered.has(index))) return undefined;
  return indexes.map((index) => ordered.get(index));
}

/** Numbers, or base64 of float32 in little-endian order; undefined for anything else. */
function readVector(item: unknown): Float32Array | undefined {
  if (typeof item === "string") {
    // Copied: a pooled buffer need not begin at a multiple of four.
    const bytes = new Uint8Array(Buffer.from(item, "base64"));
    const whole = bytes.length - (bytes.length % Float32Array.BYTES_PER_ELEMENT);
    return new Float32Array(bytes.buffer, 0, whole / Float32Array.BYTES_PER_ELEMENT);
  }
  if (!Array.isArray(item)) return undefined;
  // Anything but a number is NaN here: null would become a zero that looks sound.
  return Float32Array.from(item, (value) => (typeof value === "number" ? value : Number.NaN));
}

/** To unit length, because not every server does; false when there is no direction to keep. */
function normalize(vector: Float32Array): boolean {
  let squaredNorm = 0;
  for (const value of vector) squaredNorm += value * value;
  if (!Number.isFinite(squaredNorm) || squaredNorm === 0) return false;
  const scale = 1 / Math.sqrt(squaredNorm);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) * scale;
  return true;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
