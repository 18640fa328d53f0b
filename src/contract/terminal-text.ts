/** Text that a program wrote for a terminal: colours and titles of windows are no words. Pure. */

const escape = String.raw`\u001b`;
const sequences = new RegExp(
  [
    `${escape}\\[[0-?]{0,64}[ -/]{0,8}[@-~]`,
    // The title of a window, an address behind a word; one without an end is none.
    `${escape}\\][^\\u0007\\u001b\\n]{0,2000}(?:\\u0007|${escape}\\\\)`,
    `${escape}[()][0AB]`,
    `${escape}[=>78]`,
  ].join("|"),
  "g",
);
/**
 * A letter, a step back, the letter again, or a line first: how manuals write bold and underline.
 * Any other step back may be a `\\b` that was written into JSON, and takes nothing with it.
 */
const overstruck = /([^\n\u0008])\u0008(?=\1)|_\u0008(?=[^\n\u0008])/g;

export function withoutTerminalSigns(text: string): string {
  const plain = text.includes("\u001b") ? text.replace(sequences, "") : text;
  return plain.includes("\u0008") ? plain.replace(overstruck, "") : plain;
}

/** A bar of progress is written over itself: what stands there at the end. */
export function lastOverwritten(text: string): string {
  if (!text.includes("\r")) return text;
  return text
    .split(/\r?\n/)
    .map((line) => line.split("\r").findLast((piece) => piece.trim() !== "") ?? "")
    .join("\n");
}
