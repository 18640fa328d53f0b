/**
 * The archive in which nats-server gives and takes whole streams since 2.15 (its ADR "JetStream
 * Stream Backup and Restore V2"): `state.json`, then each message with its subject, sequence and
 * time, then an entry of nothing. Entries are kept in a backup as they came. Pure.
 */

import type { CopiedMessage, CopiedState } from "../../contract/backup.ts";
import { FreshetError } from "../../contract/errors.ts";
import type { ReadHeader, WireHeaders } from "./record.ts";

const archiveMagic = Buffer.from("NATSARC1");
export const stateEntry = "state.json";

/** A message, or what is none: `state.json`, and the end with a subject of nothing. */
type ArchiveEntry = CopiedMessage;

const damaged = (what: string): FreshetError =>
  new FreshetError("internal", `a copy of a stream cannot be read: ${what}`);

/** Takes bytes as they come and gives back the entries that are complete. */
export class ArchiveReader {
  #rest: Buffer = Buffer.alloc(0);
  #isBegun: boolean;

  /** @param isBegun the bytes come from the middle of an archive */
  constructor(isBegun = false) {
    this.#isBegun = isBegun;
  }

  /** @throws FreshetError internal (damaged, or of an older server) */
  push(bytes: Uint8Array): ArchiveEntry[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    if (!this.#isBegun && !this.#begin()) return [];
    const entries: ArchiveEntry[] = [];
    for (;;) {
      const entry = entryIn(this.#rest);
      if (entry === undefined) return entries;
      entries.push(entry);
      this.#rest = this.#rest.subarray(entry.raw.length);
    }
  }

  get isAtEnd(): boolean {
    return this.#rest.length === 0;
  }

  #begin(): boolean {
    if (this.#rest.length < archiveMagic.length) return false;
    if (!this.#rest.subarray(0, archiveMagic.length).equals(archiveMagic)) {
      const message =
        "this nats-server copies streams in an older format: backups take 2.15 or later";
      throw new FreshetError("not_ready", message);
    }
    this.#rest = this.#rest.subarray(archiveMagic.length);
    this.#isBegun = true;
    return true;
  }
}

const nameBytesMax = 64 * 1024;
const entryBytesMax = 64 * 1024 * 1024;

function entryIn(bytes: Buffer): ArchiveEntry | undefined {
  const numbers: number[] = [];
  let at = 0;
  // Length of the name, time, sequence, length of headers, of the body.
  for (let field = 0; field < 5; field += 1) {
    let value = 0;
    for (let unit = 1, count = 0; ; unit *= 128, count += 1) {
      const byte = bytes[at];
      if (byte === undefined) return undefined;
      if (count === 10) throw damaged("a number is too long");
      at += 1;
      value += (byte & 127) * unit;
      if (byte < 128) break;
    }
    numbers.push(value);
  }
  const [nameBytes = 0, , seq = 0, headerBytes = 0, bodyBytes = 0] = numbers;
  if (nameBytes > nameBytesMax || headerBytes + bodyBytes > entryBytesMax) {
    throw damaged("an entry is too large");
  }
  const headersAt = at + nameBytes;
  const bodyAt = headersAt + headerBytes;
  const end = bodyAt + bodyBytes;
  if (end > bytes.length) return undefined;
  return {
    subject: bytes.toString("utf8", at, headersAt),
    seq,
    headers: bytes.subarray(headersAt, bodyAt),
    body: bytes.subarray(bodyAt, end),
    raw: bytes.subarray(0, end),
  };
}

export interface NewEntry {
  readonly subject: string;
  readonly seq: number;
  /** Unix milliseconds; 0 for what is no message. */
  readonly atMs: number;
  readonly headers?: WireHeaders | undefined;
  readonly body: Uint8Array;
}

export function encodeEntry({ subject, seq, atMs, headers, body }: NewEntry): Buffer {
  const nameBytes = Buffer.from(subject, "utf8");
  const headerBytes = headerBlock(headers ?? {});
  // The time is signed: zigzag doubles it.
  const time = BigInt(Math.trunc(atMs)) * 1_000_000n * 2n;
  return Buffer.concat([
    varint(BigInt(nameBytes.length)),
    varint(time),
    varint(BigInt(seq)),
    varint(BigInt(headerBytes.length)),
    varint(BigInt(body.length)),
    ...[nameBytes, headerBytes, body],
  ]);
}

export const archiveEnd: Buffer = encodeEntry({
  ...{ subject: "", seq: 0, atMs: 0, body: new Uint8Array() },
});

/** How an archive of a stream begins. */
export function archiveHead(state: CopiedState): Buffer {
  const body = Buffer.from(
    JSON.stringify({
      ...{ messages: state.messages, bytes: state.bytes, consumer_count: 0, num_subjects: 0 },
      ...{ first_seq: state.firstSeq, last_seq: state.lastSeq },
      ...{ first_ts: "0001-01-01T00:00:00Z", last_ts: "0001-01-01T00:00:00Z" },
    }),
  );
  return Buffer.concat([archiveMagic, encodeEntry({ subject: stateEntry, seq: 0, atMs: 0, body })]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const headersBegin = "NATS/1.0\r\n";

function headerBlock(headers: WireHeaders): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (lines.length === 0) return Buffer.alloc(0);
  return Buffer.from(`${headersBegin}${lines.join("")}\r\n`, "utf8");
}

/** The first value of each name, as the client of NATS reads it. */
export function headersIn(block: Uint8Array): ReadHeader {
  const values = new Map<string, string>();
  for (const line of Buffer.from(block).toString("utf8").split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    if (name !== "" && !values.has(name)) values.set(name, line.slice(colon + 1).trim());
  }
  return (name) => {
    const value = values.get(name);
    return value === "" ? undefined : value;
  };
}
