/** Lines of a byte stream, holding at most one line in memory. */

export interface Line {
  /** From 1, as editors count; empty lines count too but are not given out. */
  readonly line: number;
  /** Undefined when the line is longer than allowed: it was skipped to its end. */
  readonly bytes: Uint8Array | undefined;
}

const newline = 0x0a;

/** Splits at line feeds; a carriage return before one is white space to JSON and stays. */
export async function* splitLines(
  source: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<Line> {
  const pending = new PendingLine(lineBytesMax);
  let line = 1;
  for await (const chunk of source) {
    let from = 0;
    for (let at = lineEnd(chunk, from); at !== -1; at = lineEnd(chunk, from)) {
      // At once: a message of nothing but line ends has millions of them.
      const isShort = pending.isEmpty && at - from <= lineBytesMax;
      if (!isShort || !isBlank(chunk, from, at)) {
        pending.add(chunk.subarray(from, at));
        const bytes = pending.take();
        if (bytes === undefined || !isBlank(bytes)) yield { line, bytes };
      }
      line += 1;
      from = at + 1;
    }
    pending.add(chunk.subarray(from));
  }
  const last = pending.take();
  if (last === undefined || !isBlank(last)) yield { line, bytes: last };
}

/** A search costs more than a look. */
function lineEnd(chunk: Uint8Array, from: number): number {
  return chunk[from] === newline ? from : chunk.indexOf(newline, from);
}

class PendingLine {
  readonly #max: number;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > this.#max) this.#parts = [];
    else this.#parts.push(part);
  }

  take(): Uint8Array | undefined {
    const bytes = this.#length > this.#max ? undefined : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return bytes;
  }
}

function isBlank(bytes: Uint8Array, from = 0, to = bytes.length): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}
