/**
 * Text that runs up, down or upside down on its page: tables too wide for it, pages that were
 * turned after they were written. It is read as if the page had been turned so that it is upright.
 * Pure.
 */

import { linesOf, type Page, type TextItem } from "./pdf-lines.ts";

/** Quarters of a turn, against the clock. */
type Turn = 0 | 1 | 2 | 3;

/** What is drawn askew, such as a watermark, is taken as it is. */
function turnOf({ transform: [a = 1, b = 0] }: TextItem): Turn {
  if (Math.abs(b) > Math.abs(a)) return b > 0 ? 1 : 3;
  return a < 0 ? 2 : 0;
}

/** Lines of one direction, and where the page ends above and below most of them. */
export function readLines(items: readonly TextItem[], view: readonly number[]): Page {
  const [left = 0, bottom = 0, right = 0, top = 0] = view;
  const runs: { readonly turn: Turn; readonly items: TextItem[] }[] = [];
  for (const item of items) {
    const run = runs.at(-1);
    // A blank and the end of a line have no direction of their own.
    const turn = item.str.trim() === "" ? (run?.turn ?? 0) : turnOf(item);
    if (run?.turn === turn) run.items.push(item);
    else runs.push({ turn, items: [item] });
  }
  const upright = ({ transform, ...item }: TextItem, turn: Turn): TextItem => {
    const [x = 0, y = 0] = transform.slice(4);
    const places = [
      [x, y],
      [y, left + right - x],
      [left + right - x, bottom + top - y],
      [bottom + top - y, x],
    ] as const;
    return { ...item, transform: [...transform.slice(0, 4), ...places[turn]] };
  };
  const lines = runs.flatMap((run) => linesOf(run.items.map((item) => upright(item, run.turn))));
  const sideways = runs.reduce(
    (sum, run) => sum + (run.turn % 2 === 0 ? -run.items.length : run.items.length),
    0,
  );
  return sideways > 0 ? { lines, bottom: left, top: right } : { lines, bottom, top };
}
