/**
 * Searches and writes over Weaviate's gRPC without the vendor's client, which spends more of the
 * main thread on a search than Weaviate on answering it, and half a second on each write
 * (ops/decisions/0039-cold-at-weaviates-speed.md). One HTTP/2 connection, opened by the first call
 * and again after it has ended.
 *
 * Retries nothing, and waits for as long as its caller's signal allows (weaviate-connection.ts).
 * What it rejects with reads as the vendor's errors do, so that one file tells them apart.
 */

import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { limits } from "../contract/limits.ts";
import type { TlsFiles } from "../contract/links.ts";
import { readTlsFiles } from "../runtime/tls-files.ts";
import { decodeHits, encodeSearch, type WireHit, type WireSearch } from "./weaviate-wire.ts";
import {
  decodeFailures,
  encodeBatch,
  type WireBatch,
  type WireFailure,
} from "./weaviate-wire-batch.ts";

export interface ChannelOptions {
  /** `http://host:port`, or `https:` for TLS. */
  readonly url: string;
  /** What the header `authorization` says, if anything; asked for each search. */
  readonly bearer?: (() => Promise<string | undefined>) | undefined;
  /** Read for each connection. */
  readonly tls?: TlsFiles | undefined;
  /** A larger reply is given up; `limits.coldReplyBytesMax` when absent. */
  readonly replyBytesMax?: number | undefined;
}

type Path = `/weaviate.v1.Weaviate/${"Search" | "BatchObjects"}`;

/** A message on the wire: one byte that says whether it is compressed, four for its length. */
const prefixBytes = 5;

/** By number, as gRPC defines them. */
const statusNames = [
  ...["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"],
  ...["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"],
  ...["ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
  "UNAUTHENTICATED",
];

interface Call {
  readonly path: Path;
  readonly body: Uint8Array;
  readonly bearer: string | undefined;
  readonly traceparent?: string | undefined;
}

export class SearchChannel {
  readonly #options: ChannelOptions;
  #session: ClientHttp2Session | null = null;
  /** Where parts of a reply come together: room of its own for each costs more than the copy. */
  #joining: Buffer | undefined;
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** @throws Error in the vendor's words: a gRPC status and what the server said */
  async search(
    search: WireSearch,
    signal: AbortSignal,
    traceparent?: string,
  ): Promise<readonly WireHit[]> {
    const bearer = await this.#options.bearer?.();
    const body = framed(encodeSearch(search));
    const path = "/weaviate.v1.Weaviate/Search";
    const parts = await this.#call({ path, body, bearer, traceparent }, signal);
    return decodeHits(this.#joined(parts).subarray(prefixBytes));
  }

  /**
   * Writes objects; what the server refuses of them is no error.
   * @throws Error as `search` does
   */
  async write(batch: WireBatch, signal: AbortSignal): Promise<readonly WireFailure[]> {
    const bearer = await this.#options.bearer?.();
    const body = framed(encodeBatch(batch));
    const path = "/weaviate.v1.Weaviate/BatchObjects";
    const parts = await this.#call({ path, body, bearer }, signal);
    return decodeFailures(this.#joined(parts).subarray(prefixBytes));
  }

  /** Good until the next call. */
  #joined(parts: readonly Buffer[]): Buffer {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (bytes > limits.coldReplyWindowBytes) return Buffer.concat(parts, bytes);
    this.#joining ??= Buffer.allocUnsafeSlow(limits.coldReplyWindowBytes);
    let end = 0;
    for (const part of parts) end += part.copy(this.#joining, end);
    return this.#joining.subarray(0, end);
  }

  /** What runs is cancelled. */
  close(): void {
    this.#isClosed = true;
    this.#session?.destroy();
    this.#session = null;
  }

  #connected(): ClientHttp2Session {
    if (this.#isClosed) throw new Error("UNAVAILABLE: the channel is closed");
    this.#session ??= this.#open();
    return this.#session;
  }

  #open(): ClientHttp2Session {
    const { url, tls } = this.#options;
    const name = tls?.serverName;
    const session = connect(url, {
      ...(tls === undefined ? {} : readTlsFiles(tls)),
      ...(name === undefined ? {} : { servername: name }),
      // Above a usual reply: with HTTP/2's own 64 KiB the server waits for us several times.
      settings: { initialWindowSize: limits.coldReplyWindowBytes, enablePush: false },
    });
    session.once("connect", () => {
      // Node tells it of a session that was closed or broke meanwhile, too, which throws here.
      if (!session.destroyed) session.setLocalWindowSize(limits.coldChannelWindowBytes);
    });
    const forget = (): void => {
      if (this.#session === session) this.#session = null;
    };
    // Its streams fail with the same error; without a listener it would end the process.
    session.on("error", forget);
    session.once("goaway", forget);
    session.once("close", forget);
    return session;
  }

  #call(
    { path, body, bearer, traceparent }: Call,
    signal: AbortSignal,
  ): Promise<readonly Buffer[]> {
    signal.throwIfAborted();
    const { replyBytesMax = limits.coldReplyBytesMax } = this.#options;
    const stream = this.#connected().request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...(bearer === undefined ? {} : { authorization: bearer }),
      ...(traceparent === undefined ? {} : { traceparent }),
    });
    const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL);
    signal.addEventListener("abort", cancel, { once: true });
    return new Promise<readonly Buffer[]>((resolve, reject) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      const said: IncomingHttpHeaders = {};
      let failure: Error | undefined;
      const hear = (headers: IncomingHttpHeaders): void => {
        Object.assign(said, headers);
      };
      stream.on("response", hear);
      stream.on("trailers", hear);
      stream.on("data", (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > replyBytesMax) cancel();
      });
      stream.on("error", (error: Error) => {
        failure = error;
      });
      stream.on("close", () => {
        signal.removeEventListener("abort", cancel);
        const isTooLarge = bytes > replyBytesMax;
        const error = isTooLarge ? tooLarge(path) : errorOf(path, said, failure);
        if (error === undefined) resolve(parts);
        else reject(signal.aborted ? reasonOf(signal) : error);
      });
      stream.end(body);
    });
  }
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function framed(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

function tooLarge(path: Path): Error {
  return new Error(`${path} RESOURCE_EXHAUSTED: received a message larger than its bound`);
}

/** Undefined when the server says that all went well. */
function errorOf(
  path: Path,
  said: IncomingHttpHeaders,
  failure: Error | undefined,
): Error | undefined {
  const status = said["grpc-status"];
  if (status === undefined) {
    const what = failure?.message ?? `the stream ended, HTTP status ${said[":status"] ?? "none"}`;
    return new Error(`${path} UNAVAILABLE: ${what}`, { cause: failure });
  }
  if (status === "0") return undefined;
  const name = statusNames[Number(status)] ?? `status ${status}`;
  return new Error(`${path} ${name}: ${textOf(said["grpc-message"])}`);
}

/** gRPC writes what is not ASCII in percent signs. */
function textOf(message: string | string[] | undefined): string {
  const text = String(message ?? "");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
