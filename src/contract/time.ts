/**
 * Times as publishers and askers write them: RFC 3339 text or unix seconds. One reading for
 * documents and filters, so that a filter means the moment that a document was given.
 *
 *   RFC1  text is what RFC 3339 allows, whole: small `t` and `z`, a blank for `T`, any number
 *        of decimals, offsets, `-00:00`, years 0 to 9999, leap seconds. Seconds may be left out;
 *   RFC2  the unit kept is the millisecond. Finer decimals of a text are left out, so that a moment
 *        never moves into the next second; seconds given as a number are rounded, because their
 *        decimals are not exact;
 *   RFC3  a leap second is the first of the next minute, as in unix time, which does not count it;
 *   RFC4  a time that its offset pushes out of the years 0 to 9999 is the end of that range, so
 *        that what is kept can always be written as RFC 3339 again.
 */

import { z } from "zod";
import { limits } from "./limits.ts";

const pattern =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

const minuteMs = 60_000;
/** 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z. */
const firstMs = -62_167_219_200_000;
const lastMs = 253_402_300_799_999;
/** Numbers begin with year 1: what languages call their zero time. */
const firstSeconds = -62_135_596_800;
const lastSeconds = 253_402_300_799;

/** Unix milliseconds; undefined for a text that is no RFC 3339 time. */
export function parseTime(text: string): number | undefined {
  if (text.length > limits.timeCharsMax) return undefined;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day] = [part(1), part(2), part(3)];
  const [hour, minute, second] = [part(4), part(5), part(6)];
  const [offsetHour, offsetMinute] = [part(9), part(10)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const offset = (match[8] === "-" ? -1 : 1) * (offsetHour * 60 + offsetMinute) * minuteMs;
  const minuteStart = startOf([year, month, day]) + (hour * 60 + minute) * minuteMs - offset;
  if (second > 59 && !(second === 60 && mayLeap(minuteStart))) return undefined;
  const decimals = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  return Math.min(lastMs, Math.max(firstMs, minuteStart + second * 1000 + decimals));
}

/** `Date.UTC` takes years below 100 for those of the last century. */
function startOf([year, month, day]: readonly [number, number, number]): number {
  return new Date(0).setUTCFullYear(year, month - 1, day);
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return isLeapYear ? 29 : 28;
}

/** Leap seconds are inserted at the end of a month, and only there. */
function mayLeap(minuteStartMs: number): boolean {
  const next = new Date(minuteStartMs + minuteMs);
  return next.getUTCDate() === 1 && next.getUTCHours() === 0 && next.getUTCMinutes() === 0;
}

/** Unix seconds in the unit in which times are kept. */
export function secondsToMs(seconds: number): number {
  // Adding zero makes -0 the moment that everybody calls 0.
  return Math.round(seconds * 1000) + 0;
}

export const timeText = z
  .string()
  .refine((text) => parseTime(text) !== undefined, {
    error: "is no time as RFC 3339 writes it, such as 2026-03-01T10:00:00Z",
  })
  .meta({ format: "date-time" });

const timeSeconds = z
  .number()
  .refine((seconds) => seconds >= firstSeconds && seconds <= lastSeconds, {
    error: "is no unix time in seconds of the years 1 to 9999",
  })
  .meta({ minimum: firstSeconds, maximum: lastSeconds });

const neither = "a time is RFC 3339 text, such as 2026-03-01T10:00:00Z, or unix seconds";

/** A time as it was written. */
export const timeSchema = z.union([timeText, timeSeconds], { error: neither });

/** Unix milliseconds of a time that `timeSchema` has accepted. */
export function timeMs(time: string | number): number {
  return typeof time === "number" ? secondsToMs(time) : (parseTime(time) ?? Number.NaN);
}

/** RFC 3339 text or unix seconds; kept as unix milliseconds. */
export const timestampSchema = timeSchema.transform(timeMs);
