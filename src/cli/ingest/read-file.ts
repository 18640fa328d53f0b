/** Bytes of one file, bounded, and lines of a stream. A file that changes meanwhile is no trap. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { FreshetError } from "../../contract/errors.ts";

/** Why a file is not read; `reason` as it is counted. */
export class FileProblem extends Error {
  override readonly name = "FileProblem";
  readonly reason: "vanished" | "size";

  constructor(reason: "vanished" | "size", message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Opens what is still a plain file. Never waits: what became a pipe since the folder was listed
 * would block the open until somebody writes into it.
 * @throws FileProblem, or what the system throws
 */
export async function openPlain(path: Buffer, followLinks: boolean): Promise<FileHandle> {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const file = await open(path, O_RDONLY | O_NONBLOCK | (followLinks ? 0 : O_NOFOLLOW));
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new FileProblem("vanished", "it is no file any more");
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

const growthBytes = 64 * 1024;

/** @throws FileProblem size when there is more, also when the file grows while it is read */
export async function readBounded(file: FileHandle, bytesMax: number): Promise<Buffer> {
  const { size } = await file.stat();
  if (size > bytesMax) throw new FileProblem("size", `more than ${bytesMax} bytes`);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    // One byte more than there should be tells the end. Where there was more, the file grows, and
    // a reader that took it by the byte would never reach who writes it.
    const piece = Buffer.alloc(bytes <= size ? size - bytes + 1 : growthBytes);
    const { bytesRead } = await file.read(piece);
    if (bytesRead === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, bytesRead));
    bytes += bytesRead;
    if (bytes > bytesMax) throw new FileProblem("size", `more than ${bytesMax} bytes`);
  }
}

export type Line =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly problem: "encoding" | "size" };

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Lines as text; blank ones are left out. JSON holds no raw line end, so any of the three kinds
 * (LF, CR LF, CR) ends one. A line that is too long is passed over without being kept.
 */
export async function* linesOf(
  stream: AsyncIterable<Uint8Array | string>,
  bytesMax: number,
): AsyncGenerator<Line> {
  const line = new LineBuffer(bytesMax);
  let number = 1;
  let last = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] as number;
      if (byte === lineFeed || byte === carriageReturn) {
        line.add(bytes.subarray(from, at));
        from = at + 1;
        const content = line.take();
        if (content !== undefined) yield { number, ...content };
        // CR LF ends one line, not two.
        if (byte === carriageReturn || last !== carriageReturn) number += 1;
      }
      last = byte;
    }
    line.add(bytes.subarray(from));
  }
  const content = line.take();
  if (content !== undefined) yield { number, ...content };
}

class LineBuffer {
  readonly #bytesMax: number;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    if (bytesMax < 1) throw new FreshetError("internal", "a line has at least one byte");
    this.#bytesMax = bytesMax;
  }

  add(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#bytesMax) this.#pieces = [];
    // A copy: a stream may use its buffer again.
    else if (piece.length > 0) this.#pieces.push(piece.slice());
  }

  take(): { readonly text: string } | { readonly problem: "encoding" | "size" } | undefined {
    const pieces = this.#pieces;
    const bytes = this.#bytes;
    this.#pieces = [];
    this.#bytes = 0;
    if (bytes > this.#bytesMax) return { problem: "size" };
    try {
      const text = this.#utf8.decode(Buffer.concat(pieces));
      return text.trim() === "" ? undefined : { text };
    } catch {
      return { problem: "encoding" };
    }
  }
}
