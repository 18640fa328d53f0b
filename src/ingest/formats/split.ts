/** A long text as several: a document has a bound, a file has none. */

/**
 * Pieces of at most `bytesMax` bytes of UTF-8, cut where the text has a seam: before a heading, at
 * a blank line, at a line's end, at a space. Nothing but blanks at the cuts is lost. Linear.
 */
export function splitText(text: string, bytesMax: number): readonly string[] {
  if (text.length * utf8BytesPerUnit <= bytesMax) return text.trim() === "" ? [] : [text];
  const room = new Uint8Array(bytesMax);
  const pieces: string[] = [];
  let from = 0;
  while (from < text.length) {
    const window = text.slice(from, from + bytesMax);
    const fits = Math.max(1, encoder.encodeInto(window, room).read);
    const end = from + fits >= text.length ? fits : seamOf(window.slice(0, fits));
    const piece = window.slice(0, end).trimEnd();
    if (piece !== "") pieces.push(piece);
    from += end;
    while (text[from] === "\n") from += 1;
  }
  return pieces;
}

/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const utf8BytesPerUnit = 3;
const encoder = new TextEncoder();

/** The best first; a worse one is taken where the better ones would leave half of the room. */
const seams = ["\n\n# ", "\n\n## ", "\n\n### ", "\n\n", "\n", " "];

function seamOf(window: string): number {
  for (const seam of seams) {
    const at = window.lastIndexOf(seam);
    if (at > window.length / 2) return at;
  }
  return window.length;
}
