/** Where a mail begins. */

const blanks: ReadonlySet<number> = new Set([9, 10, 13, 32]);
/** The name of a field, or an address and a time. */
const headBytes = 200;

/** Blank lines above its head, or a byte order mark, would make all of it text without a head. */
export function fromHead(bytes: Uint8Array): Uint8Array {
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  let start = isMarked ? 3 : 0;
  while (blanks.has(bytes[start] ?? 0)) start += 1;
  const head = Buffer.from(bytes.subarray(start, start + headBytes)).toString("latin1");
  return /^(?:[!-9;-~]{1,100}:|From )/.test(head) ? bytes.subarray(start) : bytes;
}
