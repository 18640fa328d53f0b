/** Dates as files write them. */

const iso =
  /^(\d{4})-(\d{2})(?:-(\d{2}))?(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?[ \t]*(Z|[+-]\d{2}:?\d{2})?)?$/i;
/** `Tue, 5 Mar 2024 10:00:00 +0100`, also without its zone: then it is read as UTC. */
const zoned = /(?:Z|GMT|UTC?|[A-Z]{3,4}|[+-]\d{4})\)?\s*(?:\([^)]*\))?$/i;
const mailLike = /^(?:[a-z]{3,9}(?:,\s*|\s+))?\d{1,2}\s+[a-z]{3,9}\.?,?\s+\d{2,4}/i;
const monthFirst = /^(?:[a-z]{3,9},?\s+)?[a-z]{3,9}\.?\s+\d{1,2},?\s+\d{4}/i;

/** `Tue Jul 24 18:55:07 2007`, as C and the first line of a mailbox have it. */
const yearLast = /^[a-z]{3}\s+[a-z]{3}\s+\d{1,2}\s+\d{1,2}:\d{2}(?::\d{2})?\s+\d{4}/i;
/** Names of zones that old programs write, and this language does not know. */
const zones: Readonly<Record<string, string>> = {
  ...{ WET: "+0000", WEST: "+0100", BST: "+0100", CET: "+0100", MET: "+0100", MEZ: "+0100" },
  ...{ CEST: "+0200", MEST: "+0200", MESZ: "+0200", EET: "+0200", EEST: "+0300", MSK: "+0300" },
  ...{ SGT: "+0800", HKT: "+0800", JST: "+0900", KST: "+0900", AEST: "+1000", AEDT: "+1100" },
  ...{ NZST: "+1200", NZDT: "+1300", HST: "-1000", AKST: "-0900", AKDT: "-0800" },
};
const zoneName = /\b([A-Z]{3,4})(?=\s*(?:\([^)]*\))?$)/;

/**
 * Unix seconds as a publisher sends them; undefined for what is no date, or could be two:
 * `3/4/2024` is read in two ways. A day alone is its first moment in UTC.
 */
export function timestampOf(written: string | undefined): number | undefined {
  const text = written?.trim().slice(0, 100) ?? "";
  const parts = iso.exec(text);
  if (parts !== null) return isoSeconds(parts);
  if (![mailLike, monthFirst, yearLast].some((form) => form.test(text))) return undefined;
  // Where no zone is said, this language takes that of the machine.
  const whole = zoned.test(text) ? text : `${text} UTC`;
  return inRange(Date.parse(whole.replace(zoneName, (name) => zones[name] ?? name)));
}

function isoSeconds(parts: RegExpExecArray): number | undefined {
  const [, year, month, day = "01", hour = "00", minute = "00", second = "00", zone = "Z"] = parts;
  // The engine of this language takes the 30th of February for the 1st of March.
  const last = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (Number(day) > last) return undefined;
  const offset = /^z$/i.test(zone) ? "Z" : zone.replace(/^(...)(\d\d)$/, "$1:$2");
  return inRange(Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`));
}

/** Programs without a date write zero; times before it exist in scanned archives only. */
function inRange(ms: number): number | undefined {
  return Number.isFinite(ms) && ms !== 0 ? Math.floor(ms / 1000) : undefined;
}
