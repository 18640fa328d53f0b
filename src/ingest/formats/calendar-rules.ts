/** When an event of a calendar is again, and how long it takes, in words that are asked for. */

const units: Readonly<Record<string, string>> = {
  SECONDLY: "second",
  MINUTELY: "minute",
  HOURLY: "hour",
  DAILY: "day",
  WEEKLY: "week",
  MONTHLY: "month",
  YEARLY: "year",
};
const days: Readonly<Record<string, string>> = {
  MO: "Monday",
  TU: "Tuesday",
  WE: "Wednesday",
  TH: "Thursday",
  FR: "Friday",
  SA: "Saturday",
  SU: "Sunday",
};
const months =
  "January February March April May June July August September October November December".split(
    " ",
  );
const places: Readonly<Record<string, string>> = {
  "1": "first ",
  "2": "second ",
  "3": "third ",
  "4": "fourth ",
  "5": "fifth ",
  "-1": "last ",
  "-2": "second last ",
};

/**
 * `FREQ=MONTHLY;BYDAY=-1FR` is `every month on last Friday`. A rule with a part that has no words
 * here stays as it is written: half of it would be another rule.
 */
export function repetitionText(rule: string): string {
  const parts = new Map(
    rule.split(";").map((part): [string, string] => {
      const [name = "", value = ""] = part.split("=", 2);
      return [name.trim().toUpperCase(), value.trim().toUpperCase()];
    }),
  );
  const written = rule.replaceAll(";", "; ").replaceAll("=", " ");
  const said: string[] = [];
  for (const [name, value] of parts) {
    const words = wordsOf(name, value, parts);
    if (words === undefined) return written;
    said.push(words);
  }
  return parts.has("FREQ") ? said.filter((words) => words !== "").join(" ") : written;
}

function wordsOf(
  name: string,
  value: string,
  parts: ReadonlyMap<string, string>,
): string | undefined {
  switch (name) {
    case "FREQ": {
      const unit = units[value];
      const interval = parts.get("INTERVAL") ?? "1";
      if (unit === undefined || !/^\d{1,4}$/.test(interval)) return undefined;
      return Number(interval) === 1 ? `every ${unit}` : `every ${Number(interval)} ${unit}s`;
    }
    case "INTERVAL":
    case "WKST":
    case "":
      return "";
    case "BYDAY":
      return listed("on", value, dayName);
    case "BYMONTHDAY":
      return listed("on", value, (day) => {
        if (day === "-1") return "the last day";
        return /^\d{1,2}$/.test(day) ? `day ${day}` : undefined;
      });
    case "BYMONTH":
      return listed("in", value, (month) => months[Number(month) - 1]);
    case "COUNT":
      return /^\d{1,6}$/.test(value) ? `${value} times` : undefined;
    case "UNTIL": {
      const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)(?:T\d{6}Z?)?$/.exec(value) ?? [];
      return year === undefined ? undefined : `until ${year}-${month}-${day}`;
    }
    default:
      return undefined;
  }
}

function listed(
  before: string,
  value: string,
  nameOf: (each: string) => string | undefined,
): string | undefined {
  const names = value.split(",").map(nameOf);
  return names.includes(undefined) ? undefined : `${before} ${names.join(", ")}`;
}

function dayName(written: string): string | undefined {
  const [, place = "", code = ""] = /^\+?(-?\d{1,2})?([A-Z]{2})$/.exec(written) ?? [];
  const day = days[code];
  const which = place === "" ? "" : places[String(Number(place))];
  return day === undefined || which === undefined ? undefined : `${which}${day}`;
}

/** `PT1H30M` is `1 h 30 min`. */
export function durationText(written: string): string {
  const found =
    /^\+?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:\d{1,5}S)?)?$/.exec(
      written.trim().toUpperCase(),
    );
  if (found === null) return "";
  const [, weeks, whole, hours, minutes] = found;
  const said: readonly (readonly [string | undefined, string])[] = [
    [weeks, "weeks"],
    [whole, "days"],
    [hours, "h"],
    [minutes, "min"],
  ];
  return said
    .filter(([count]) => Number(count ?? 0) > 0)
    .map(
      ([count, unit]) => `${Number(count)} ${Number(count) === 1 ? unit.replace(/s$/, "") : unit}`,
    )
    .join(" ");
}
