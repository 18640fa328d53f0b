/**
 * The replies to one request over NATS: a message for each piece.
 *
 * Owns the numbering of a reply. Never publishes to anything but the inbox that asked, and nothing
 * after the end.
 *
 *   NR1  each piece has the header `Freshet-Seq`, from 1 without a gap, and `Freshet-Event`, its
 *        kind; the last one is `done` or `error`, and there is exactly one of these;
 *   NR2  an error carries `Nats-Service-Error(-Code)` and the same JSON body as everywhere;
 *   NR3  a piece that finds nobody is told to `gone`: the server knows who listens;
 *   NR4  a stream is closed by an empty message behind its end, which general tools wait for.
 */

import { headers, type ServiceMsg } from "nats";
import { FreshetError } from "../contract/errors.ts";
import { respondError } from "./nats-errors.ts";

interface PiecesOptions {
  readonly message: ServiceMsg;
  /** What the server takes in one message. */
  readonly bytesMax: number;
  /** Where the server says that nobody heard a piece; undefined: it is not asked. */
  readonly gone: string | undefined;
}

const seqHeader = "Freshet-Seq";
const eventHeader = "Freshet-Event";
const encoder = new TextEncoder();

export class Pieces {
  readonly #options: PiecesOptions;
  #seq = 0;
  #isStream = false;

  constructor(options: PiecesOptions) {
    this.#options = options;
  }

  /** The asker wants pieces: from here on it is a stream, also if the next piece is an error. */
  open(): void {
    this.#isStream = true;
  }

  /** One more before the end. @throws FreshetError when the server takes none of this size */
  send(event: string, value: unknown): void {
    this.#publish(event, this.#encoded(value), this.#options.gone);
  }

  /** @throws FreshetError as `send`; then `fail` is still to be called */
  finish(value: unknown): void {
    this.#publish("done", this.#encoded(value));
    this.#close();
  }

  fail(error: FreshetError): void {
    respondError(this.#options.message, error, this.#headers("error"));
    this.#close();
  }

  /** NR4. */
  #close(): void {
    if (this.#isStream) this.#options.message.respond();
  }

  #encoded(value: unknown): Uint8Array {
    const bytes = encoder.encode(JSON.stringify(value));
    const { bytesMax } = this.#options;
    if (bytes.byteLength <= bytesMax - headerBytes) return bytes;
    throw new FreshetError(
      "document_too_large",
      `the reply has ${bytes.byteLength} bytes, the NATS server takes ${bytesMax}: ask for less`,
    );
  }

  #publish(event: string, bytes: Uint8Array, reply?: string): void {
    const named = this.#headers(event);
    const answered = reply === undefined ? {} : { reply };
    this.#options.message.respond(bytes, { headers: named, ...answered });
  }

  #headers(event: string) {
    this.#seq += 1;
    const named = headers();
    named.set(eventHeader, event);
    named.set(seqHeader, String(this.#seq));
    return named;
  }
}

/** Room for the headers of a piece, which count as part of a message. */
const headerBytes = 512;
