/**
 * How long a server that is asked over HTTP wants to be left alone: `Retry-After` in seconds, or as
 * a date. One reading of it for all that Freshet asks; each caller has its own bound.
 */

/** In milliseconds; undefined where the header says nothing of the kind. */
export function retryAfterMsOf(header: unknown, nowMs: number): number | undefined {
  if (typeof header !== "string") return undefined;
  const text = header.trim();
  if (/^\d{1,9}(?:\.\d{1,3})?$/.test(text)) return Number(text) * 1_000;
  // A date of HTTP begins with a day's name; `-1` is a year to Date.parse.
  if (!/^[A-Za-z]{3}/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
