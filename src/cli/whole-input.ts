/** What is piped into a command, whole. */

import { usageError } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

/** @throws CliError 2 as soon as it is more than `bytesMax` */
export async function wholeInput(stdin: Terminal["stdin"], bytesMax: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stdin) {
    const read = Buffer.from(part);
    bytes += read.byteLength;
    if (bytes > bytesMax) throw usageError(`stdin holds more than ${bytesMax} bytes`);
    parts.push(read);
  }
  return Buffer.concat(parts);
}
