/** Pure: which sweep of the hour goes on to retention. */

/** Whether the sweep that begins now is the first behind a full `everyMs`; it remembers no other sweep. */
export function isRetentionTime(
  startedAtMs: number,
  { everyMs, sweepEveryMs }: { readonly everyMs: number; readonly sweepEveryMs: number },
): boolean {
  return Math.floor(startedAtMs / everyMs) !== Math.floor((startedAtMs - sweepEveryMs) / everyMs);
}
