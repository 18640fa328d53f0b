/** Whether a text has anything that a reader sees. */

import { withoutTerminalSigns } from "./terminal-text.ts";

/**
 * Beside blanks, controls and what formats others there are characters that are never drawn by
 * themselves: joiners, fillers, tags, variation selectors; and what colours the text of a terminal.
 */
const visible = /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/u;

export function hasVisible(text: string): boolean {
  return visible.test(withoutTerminalSigns(text));
}
