/**
 * The days that a text names, whatever way it writes them: `2026-03-04`, `4 March 2026`,
 * `March 4th, 2026`, `4.3.2026`, `le 4 mars 2026`. Of `03/04/2026` nobody can tell which it
 * is: both are named. A day without its year is none. Pure.
 */

/** Of each month its names, in the languages that write months in Latin letters. */
const names = [
  "january jan januar jänner janner jaenner janvier enero gennaio janeiro januari",
  "february feb februar feber février fevrier febrero febbraio fevereiro februari",
  "march mar märz mär marz maerz mars marzo março maart marts",
  "april apr avril abril aprile",
  "may mai mayo maggio maio mei maj",
  "june jun juni juin junio giugno junho",
  "july jul juli juillet julio luglio julho",
  "august aug août aout agosto augustus augusti",
  "september sep sept septembre septiembre settembre setembro",
  "october oct oktober okt octobre octubre ottobre outubro",
  "november nov novembre noviembre novembro",
  "december dec dezember dez décembre decembre diciembre dicembre dezembro desember",
];

const months: ReadonlyMap<string, number> = new Map(
  names.flatMap((list, index) => list.split(" ").map((name) => [name, index + 1] as const)),
);

const figures = /(?<![\d.-])(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)/g;
const dotted = /(?<![\d.])(\d{1,2})\.[ ]?(\d{1,2})\.[ ]?(\d{4})(?!\d)/g;
const slashed = /(?<![\d/])(\d{1,2})\/(\d{1,2})\/(\d{4})(?![\d/])/g;
const dayFirst =
  /(?<![\d.:])(\d{1,2})(?:st|nd|rd|th|er|\.|º)? (?:(?:of|de|di) )?(\p{L}{3,10})\.?,?(?: de)? (\d{4})(?!\d)/gu;
const monthFirst = /(?<!\p{L})(\p{L}{3,10})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})(?!\d)/gu;

/** As `2026-03-04`. */
export function daysIn(text: string): ReadonlySet<string> {
  const days = new Set<string>();
  if (!/\d{4}/.test(text)) return days;
  const add = (year = "", month = 0, day = 0): void => {
    if (month < 1 || month > 12 || day < 1 || day > 31) return;
    const two = (value: number): string => String(value).padStart(2, "0");
    days.add(`${year}-${two(month)}-${two(day)}`);
  };
  for (const [, year, month, day] of text.matchAll(figures)) add(year, Number(month), Number(day));
  for (const [, day, month, year] of text.matchAll(dotted)) add(year, Number(month), Number(day));
  for (const [, one, other, year] of text.matchAll(slashed)) {
    add(year, Number(one), Number(other));
    add(year, Number(other), Number(one));
  }
  const plain = text.replace(/\s+/g, " ").toLowerCase();
  for (const [, day, name = "", year] of plain.matchAll(dayFirst)) {
    add(year, months.get(name), Number(day));
  }
  for (const [, name = "", day, year] of plain.matchAll(monthFirst)) {
    add(year, months.get(name), Number(day));
  }
  return days;
}

/** What of a day's spelling may be a term: `2026-03-04`, `4.3.2026`, `4th`, `march`. */
export const isOfDay = (term: string): boolean =>
  months.has(term) ||
  /^\d{1,4}(?:[-./]\d{1,4}){0,2}(?:st|nd|rd|th|er)?$|^(?:\d{8}|st|nd|rd|th|er)$/.test(term);
