/**
 * Invitations of calendars (iCalendar, RFC 5545) as text: what, when, where, who. Linear. Times
 * stay in the zone that they are written in, which is named: nobody knows where the reader is.
 */

import type { Converted } from "./convert.ts";

interface Property {
  readonly name: string;
  readonly parameters: string;
  readonly value: string;
}

/** Beyond it a calendar is an export of years, and no invitation. */
const eventsMax = 1_000;
const peopleMax = 50;

const kindsOfEvents = new Set(["VEVENT", "VTODO", "VJOURNAL"]);

/** The events of a calendar in their order; none of what is no calendar. */
export function calendarDocument(source: string): Converted {
  const properties = propertiesOf(source);
  const method = properties.find(({ name }) => name === "METHOD")?.value.toUpperCase() ?? "";
  const events = eventsIn(properties).slice(0, eventsMax);
  const title = events.length === 1 ? saidBy(events[0] ?? [], "SUMMARY") : undefined;
  const text = events.map((event) => eventText(event, method)).filter((each) => each !== "");
  return { title: title === "" ? undefined : title, text: text.join("\n\n") };
}

/** A line that begins with a blank goes on with the one before. */
function propertiesOf(source: string): readonly Property[] {
  return source
    .replace(/\r?\n[ \t]/g, "")
    .split(/\r\n|\r|\n/)
    .flatMap((line): Property[] => {
      const colon = colonOf(line);
      if (colon === -1) return [];
      const head = line.slice(0, colon);
      const [name = ""] = head.split(";", 1);
      const parameters = head.slice(name.length);
      return [{ name: name.toUpperCase(), parameters, value: line.slice(colon + 1) }];
    });
}

/** The first one outside of quotation marks: names of people may hold one. */
function colonOf(line: string): number {
  let isQuoted = false;
  for (let at = 0; at < line.length; at += 1) {
    if (line[at] === '"') isQuoted = !isQuoted;
    else if (line[at] === ":" && !isQuoted) return at;
  }
  return -1;
}

/** Of alarms and the like within an event, nothing. */
function eventsIn(properties: readonly Property[]): readonly (readonly Property[])[] {
  const events: Property[][] = [];
  const open: string[] = [];
  for (const property of properties) {
    const part = property.value.trim().toUpperCase();
    if (property.name === "BEGIN") {
      open.push(part);
      if (kindsOfEvents.has(part)) events.push([]);
    } else if (property.name === "END") {
      open.pop();
    } else if (kindsOfEvents.has(open.at(-1) ?? "")) {
      events.at(-1)?.push(property);
    }
  }
  return events;
}

function eventText(event: readonly Property[], method: string): string {
  const isCancelled = method === "CANCEL" || saidBy(event, "STATUS").toUpperCase() === "CANCELLED";
  const people = event.filter(({ name }) => name === "ATTENDEE").slice(0, peopleMax);
  const lines = [
    isCancelled ? "Cancelled" : "",
    saidBy(event, "SUMMARY"),
    labelled("When", timesOf(event)),
    labelled("Due", timeOf(event, "DUE")),
    labelled("Repeats", saidBy(event, "RRULE").replaceAll(";", "; ").replaceAll("=", " ")),
    labelled("Where", saidBy(event, "LOCATION")),
    labelled("Call", saidBy(event, "CONFERENCE")),
    labelled(
      "Organizer",
      event
        .filter(({ name }) => name === "ORGANIZER")
        .map(personOf)
        .join(""),
    ),
    labelled("Attendees", people.map(personOf).join(", ")),
    saidBy(event, "DESCRIPTION"),
  ];
  return lines.filter((line) => line !== "").join("\n");
}

function labelled(label: string, text: string): string {
  return text === "" ? "" : `${label}: ${text}`;
}

function saidBy(event: readonly Property[], name: string): string {
  const value = event.find((property) => property.name === name)?.value ?? "";
  return value
    .replace(/\\([\\;,nN])/g, (_, sign: string) => (/n/i.test(sign) ? "\n" : sign))
    .trim();
}

function timesOf(event: readonly Property[]): string {
  const [start, end] = [timeOf(event, "DTSTART"), timeOf(event, "DTEND")];
  if (end === "" || end === start) return start;
  // The day once, where it is one.
  const isOneDay = end.length > dayChars && end.slice(0, dayChars) === start.slice(0, dayChars);
  const [from = ""] = isOneDay ? start.slice(dayChars + 1).split(" ", 1) : [start];
  return isOneDay
    ? `${start.slice(0, dayChars)} ${from} to ${end.slice(dayChars + 1)}`
    : `${start} to ${end}`;
}

const dayChars = "2024-05-13".length;

/** `20240513T140000Z`, `20240513T140000` with the zone beside it, `20240513`. */
function timeOf(event: readonly Property[], name: string): string {
  const property = event.find((each) => each.name === name);
  const found = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d{0,2}(Z?))?$/.exec(
    property?.value.trim() ?? "",
  );
  if (property === undefined || found === null) return "";
  const [, year, month, day, hour, minute, utc] = found;
  if (hour === undefined) return dayBefore(`${year}-${month}-${day}`, name);
  const zone = utc === "Z" ? "UTC" : (parameterOf(property, "TZID") ?? "");
  return `${year}-${month}-${day} ${hour}:${minute} ${zone}`.trimEnd();
}

/** Of whole days the end is the day after the last. */
function dayBefore(day: string, name: string): string {
  if (name !== "DTEND") return day;
  const time = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(time) ? day : new Date(time - 86_400_000).toISOString().slice(0, dayChars);
}

function personOf(property: Property): string {
  const address = property.value.replace(/^mailto:/i, "").trim();
  const name = parameterOf(property, "CN") ?? "";
  return name === "" || name === address ? address : `${name} <${address}>`;
}

function parameterOf({ parameters }: Property, name: string): string | undefined {
  const found = new RegExp(`;${name}=(?:"([^"]*)"|([^";:,]*))`, "i").exec(parameters);
  return found?.[1] ?? found?.[2];
}
