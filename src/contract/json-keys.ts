/**
 * Keys that stand in one JSON object twice. A parser takes the last of them without a word, and
 * another parser the first: what was meant is nowhere to be read, so it is refused.
 */

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

export interface RepeatedKey {
  readonly key: string;
  /** In which item of the list that the text is; 0 where it is none. */
  readonly item: number;
}

/**
 * Each key that its object had before. Linear: texts are skipped by a search for their end.
 * @param text that JSON.parse has read without an error
 */
export function* repeatedKeys(text: string): Generator<RepeatedKey> {
  /** Of the objects around a place; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let keys: Set<string> | undefined;
  let isKey = false;
  let item = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = endOf(text, at);
      if (isKey && keys !== undefined) {
        const key = keyOf(text, at, end);
        if (keys.has(key)) yield { key, item };
        keys.add(key);
        isKey = false;
      }
      at = end;
    } else if (code === openObject || code === openList) {
      open.push(keys);
      keys = code === openObject ? new Set() : undefined;
      isKey = code === openObject;
    } else if (code === closeObject || code === closeList) {
      keys = open.pop();
      isKey = false;
    } else if (code === comma) {
      isKey = keys !== undefined;
      if (!isKey && open.length === 1) item += 1;
    }
  }
}

/** The first of them. */
export function repeatedKey(text: string): string | undefined {
  for (const { key } of repeatedKeys(text)) return key;
  return undefined;
}

/**
 * A key that the sender chose may hold personal data (I10), and is not said. `names` are ours.
 */
export function repeatedKeyMessage(key: string, names: ReadonlySet<string>): string {
  return `${names.has(key) ? `the key "${key}"` : "a key"} stands in an object twice`;
}

/** Where the text that begins at a place ends: at a quotation mark that nothing escapes. */
function endOf(text: string, start: number): number {
  for (let at = start; ; ) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let first = at;
    while (text.charCodeAt(first - 1) === backslash) first -= 1;
    if ((at - first) % 2 === 0) return at;
  }
}

/** `te\u0078t` is the key `text`, too. */
function keyOf(text: string, start: number, end: number): string {
  const written = text.slice(start + 1, end);
  return written.includes("\\") ? (JSON.parse(`"${written}"`) as string) : written;
}
