/**
 * The replies to one request of a peer, in the order in which they were made, and whole.
 *
 * Owns the numbers of one exchange. Each message has an event, `Freshet-Event`, and since this
 * release a number, `Freshet-Seq`, from 1 without a gap (PE9). What is larger than one message
 * comes in several, all but the last with the event `part` (PE10).
 */

import { headers, type Msg, type MsgHdrs } from "nats";
import { errorBody, FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";

const eventHeader = "Freshet-Event";
const seqHeader = "Freshet-Seq";
const understoodHeader = "Freshet-Understood";
const partsHeader = "Freshet-Parts";
const partEvent = "part";
/** Room for the headers of a message, which count as part of it. */
const headerBytes = 512;
const encoder = new TextEncoder();

/** What an asker of this release says of itself: replies in several messages are put together. */
export function takesParts(named: MsgHdrs): MsgHdrs {
  named.set(partsHeader, "1");
  return named;
}

/** To one request, whose reply subject is an inbox. */
export class PeerReplies {
  /** Set once its content was read: an error is then about what it asks for, not its form. */
  isUnderstood = false;
  readonly #message: Msg;
  readonly #bytesMax: number;
  #seq = 0;

  /** @param payloadMax what the server takes in one message */
  constructor(message: Msg, payloadMax: number) {
    this.#message = message;
    this.#bytesMax = payloadMax - headerBytes;
  }

  /** @throws FreshetError document_too_large (an asker of an earlier release), and of the client */
  send(event: string, value: unknown): void {
    const bytes = encoder.encode(JSON.stringify(value));
    if (bytes.byteLength > this.#bytesMax && !this.#message.headers?.has(partsHeader)) {
      throw new FreshetError("document_too_large", "the reply is above what NATS takes");
    }
    let from = 0;
    for (; bytes.byteLength - from > this.#bytesMax; from += this.#bytesMax) {
      this.#publish(partEvent, bytes.subarray(from, from + this.#bytesMax));
    }
    this.#publish(event, bytes.subarray(from));
  }

  /** Where it cannot be sent, the asker's own time ends its wait. */
  fail(error: FreshetError): void {
    try {
      this.send("error", errorBody(error));
    } catch {
      // The connection is closed.
    }
  }

  #publish(event: string, bytes: Uint8Array): void {
    const named = headers();
    this.#seq += 1;
    named.set(eventHeader, event);
    named.set(seqHeader, String(this.#seq));
    if (this.isUnderstood) named.set(understoodHeader, "1");
    this.#message.respond(bytes, { headers: named });
  }
}

export interface PeerReply {
  readonly event: string;
  readonly value: unknown;
  readonly isUnderstood: boolean;
}

/** Of one exchange, as its messages come. */
export class HeardReplies {
  #seq = 0;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** Undefined for a part of one. @throws FreshetError not_ready (a message is missing) */
  next(message: Msg): PeerReply | undefined {
    const { headers: named } = message;
    const event = named?.get(eventHeader) ?? "";
    this.#seq += 1;
    // A node of an earlier release numbers nothing.
    const seq = named?.get(seqHeader) ?? "";
    if (seq !== "" && seq !== String(this.#seq)) {
      throw new FreshetError("not_ready", "a piece of the reply was lost");
    }
    const isUnderstood = named?.has(understoodHeader) === true;
    if (event !== partEvent && this.#parts.length === 0) {
      return { event, value: message.json(), isUnderstood };
    }
    this.#bytes += message.data.byteLength;
    if (this.#bytes > limits.peerReplyBytesMax) {
      throw new FreshetError("not_ready", "the reply is above its bound");
    }
    this.#parts.push(message.data);
    if (event === partEvent) return undefined;
    const value: unknown = JSON.parse(Buffer.concat(this.#parts).toString("utf8"));
    this.#parts = [];
    this.#bytes = 0;
    return { event, value, isUnderstood };
  }
}
