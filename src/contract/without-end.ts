/** Pure. */

/**
 * The text without those of the signs that it ends with. By hand: a pattern such as `/+$` begins
 * anew at each sign of every run that is not the last.
 * @param signs each of one UTF-16 unit
 */
export function withoutEnd(text: string, signs: string): string {
  let end = text.length;
  while (end > 0 && signs.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
