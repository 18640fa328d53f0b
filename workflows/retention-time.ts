/** Pure: when the sweep looks for what is old. */

/**
 * Whether the sweep that begins now is the first after a full `everyMs`; it remembers no other
 * sweep.
 */
export function isRetentionTime(
  startedAtMs: number,
  { everyMs, sweepEveryMs }: { readonly everyMs: number; readonly sweepEveryMs: number },
): boolean {
  return Math.floor(startedAtMs / everyMs) !== Math.floor((startedAtMs - sweepEveryMs) / everyMs);
}
