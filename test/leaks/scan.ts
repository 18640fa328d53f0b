/**
 * Looks for many values at once in bytes: files of servers, requests, logs. A value is found as it
 * is and in what programs make of it: without its separators, in base64, hexadecimal, percent
 * escapes, UTF-16, escapes of JSON and of HTML, in any case of its letters. Of a long value a part
 * is enough.
 *
 * A window of eight bytes slides over the input; its rolling hash says where a needle may begin.
 */

import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";

export interface Needle {
  /** What is told of it. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Of few digits: as a part of a longer number, of a time or of a digest it is a coincidence. */
  readonly isAlone?: true;
}

const windowBytes = 8;
const multiplier = 0x01_00_01_93;
const topMultiplier = power(multiplier, windowBytes);
const bitmapBits = 27;
const blockBytes = 4 * 1024 * 1024;
/** Shorter parts of a value stand in other texts as well. */
const partCharsMin = 10;
/**
 * A date without its separators has eight digits. Among 1,573 of them and megabytes of traces, full
 * of times in nanoseconds, some are met by chance; so are some in digests.
 */
const digitsMin = 10;

/** What to look for of one value. Pure. */
export function needlesOf(name: string, value: string): readonly Needle[] {
  const plain = new Set([value, value.replaceAll(/[^\p{L}\p{N}]+/gu, "")]);
  for (const part of value.split(/[^A-Za-z0-9]+/)) if (part.length >= partCharsMin) plain.add(part);
  const forms = [...plain].flatMap((text) => formsOf(text));
  const unique = new Map(forms.map((bytes) => [bytes.toString("latin1"), bytes]));
  return [...unique.values()]
    .filter(({ length }) => length >= windowBytes)
    .map((bytes) => (isFewDigits(bytes) ? { name, bytes, isAlone: true } : { name, bytes }));
}

function isFewDigits(bytes: Buffer): boolean {
  return bytes.length < digitsMin && bytes.every((byte) => byte >= 0x30 && byte <= 0x39);
}

/** Letters and digits of ASCII, folded. */
function isWordByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a);
}

function formsOf(text: string): readonly Buffer[] {
  const utf8 = Buffer.from(text, "utf8");
  const inner = JSON.stringify(text).slice(1, -1);
  const forms = [
    utf8,
    Buffer.from(text, "utf16le"),
    Buffer.from(utf8.toString("hex")),
    Buffer.from(encodeURIComponent(text)),
    Buffer.from(inner),
    Buffer.from(inner.replaceAll("@", "\\u0040")),
    Buffer.from(text.replaceAll("@", "&#64;").replaceAll("&", "&amp;")),
    ...[0, 1, 2].map((shift) => base64At(utf8, shift)),
  ];
  return forms.map((bytes) => folded(bytes));
}

/** The characters that depend on nothing but the value, wherever it begins in what is encoded. */
function base64At(bytes: Buffer, shift: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
  const from = Math.ceil((shift * 8) / 6);
  const to = Math.floor(((shift + bytes.length) * 8) / 6);
  return Buffer.from(encoded.slice(from, to));
}

/** In place: letters of ASCII in lower case. */
function folded(bytes: Buffer): Buffer {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte >= 0x41 && byte <= 0x5a) bytes[at] = byte + 0x20;
  }
  return bytes;
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let at = 0; at < exponent; at += 1) result = Math.imul(result, base);
  return result;
}

export class Scanner {
  readonly #bits = new Uint32Array(2 ** (bitmapBits - 5));
  readonly #byHash = new Map<number, Needle[]>();
  #longest = 0;

  constructor(needles: Iterable<Needle>) {
    for (const needle of needles) {
      const hash = hashOf(needle.bytes);
      const place = hash >>> (32 - bitmapBits);
      this.#bits[place >>> 5] = (this.#bits[place >>> 5] as number) | (1 << (place & 31));
      const known = this.#byHash.get(hash);
      if (known === undefined) this.#byHash.set(hash, [needle]);
      else known.push(needle);
      this.#longest = Math.max(this.#longest, needle.bytes.length);
    }
  }

  /** How often each was found. */
  text(text: string | Buffer): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    const bytes = folded(Buffer.from(text));
    this.#scan(bytes, bytes.length, found);
    return found;
  }

  /** One that is removed meanwhile holds nothing. */
  file(path: string): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    let file: number;
    try {
      file = openSync(path, "r");
    } catch {
      return found;
    }
    try {
      const buffer = Buffer.alloc(this.#longest + blockBytes);
      let kept = 0;
      for (;;) {
        const read = readSync(file, buffer, kept, blockBytes, null);
        if (read === 0) break;
        folded(buffer.subarray(kept, kept + read));
        const length = kept + read;
        const rest = Math.min(this.#longest, length);
        // What begins in the rest is looked at with the next block.
        this.#scan(buffer.subarray(0, length), length - rest, found);
        buffer.copyWithin(0, length - rest, length);
        kept = rest;
      }
      this.#scan(buffer.subarray(0, kept), kept, found);
    } finally {
      closeSync(file);
    }
    return found;
  }

  /** Needles that begin before `end`. */
  #scan(bytes: Buffer, end: number, found: Map<string, number>): void {
    if (bytes.length < windowBytes) return;
    const bits = this.#bits;
    let hash = hashOf(bytes);
    const last = Math.min(end - 1, bytes.length - windowBytes);
    for (let at = 0; ; at += 1) {
      const place = hash >>> (32 - bitmapBits);
      if (((bits[place >>> 5] as number) >>> (place & 31)) & 1)
        this.#compare(bytes, at, hash, found);
      if (at >= last) return;
      hash =
        (Math.imul(hash, multiplier) +
          (bytes[at + windowBytes] as number) -
          Math.imul(bytes[at] as number, topMultiplier)) >>>
        0;
    }
  }

  #compare(bytes: Buffer, at: number, hash: number, found: Map<string, number>): void {
    for (const needle of this.#byHash.get(hash) ?? []) {
      const { length } = needle.bytes;
      if (at + length > bytes.length) continue;
      if (needle.bytes.compare(bytes, at, at + length) !== 0) continue;
      const isPart = isWordByte(bytes[at - 1]) || isWordByte(bytes[at + length]);
      if (needle.isAlone === true && isPart) continue;
      found.set(needle.name, (found.get(needle.name) ?? 0) + 1);
    }
  }
}

function hashOf(bytes: Buffer): number {
  let hash = 0;
  for (let at = 0; at < windowBytes; at += 1)
    hash = (Math.imul(hash, multiplier) + (bytes[at] as number)) >>> 0;
  return hash;
}

/** Every file below the folders. */
export function* filesBelow(roots: readonly string[]): Generator<string> {
  for (const root of roots) {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) yield join(entry.parentPath, entry.name);
    }
  }
}
