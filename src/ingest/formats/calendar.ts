/**
 * Invitations of calendars (iCalendar, RFC 5545) as text: what, when, where, who. Linear. Times
 * stay in the zone that they are written in, which is named: nobody knows where the reader is.
 */

import { durationText, repetitionText } from "./calendar-rules.ts";
import type { Converted } from "./convert.ts";
import { readFragment } from "./html/page.ts";

interface Property {
  readonly name: string;
  readonly parameters: string;
  readonly value: string;
}

const peopleMax = 50;

const kindsOfEvents = new Set(["VEVENT", "VTODO", "VJOURNAL"]);

/** The events of a calendar in their order; none of what is no calendar. */
export function calendarDocument(source: string): Converted {
  const properties = propertiesOf(source);
  const method = properties.find(({ name }) => name === "METHOD")?.value.toUpperCase() ?? "";
  const events = eventsIn(properties);
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
  const status = method === "CANCEL" ? "CANCELLED" : saidBy(event, "STATUS").toUpperCase();
  const people = event.filter(({ name }) => name === "ATTENDEE");
  const who = (isComing: boolean) =>
    peopleText(people.filter((each) => isComing !== isDeclined(each)));
  const lines = [
    status === "CANCELLED" ? "Cancelled" : "",
    status === "TENTATIVE" ? "Tentative" : "",
    saidBy(event, "SUMMARY"),
    labelled("When", timesOf(event)),
    labelled("Due", timeOf(event, "DUE")),
    labelled("Repeats", repetitionText(saidBy(event, "RRULE"))),
    labelled("Also", daysOf(event, "RDATE")),
    labelled("Not", daysOf(event, "EXDATE")),
    // One of a series that was moved: this is where it stood.
    labelled("Instead of", timeOf(event, "RECURRENCE-ID")),
    labelled("Where", saidBy(event, "LOCATION")),
    labelled("Call", saidBy(event, "CONFERENCE")),
    labelled(
      "Organizer",
      event
        .filter(({ name }) => name === "ORGANIZER")
        .map(personOf)
        .join(""),
    ),
    labelled("Attendees", who(true)),
    labelled("Declined", who(false)),
    descriptionOf(event),
  ];
  return lines.filter((line) => line !== "").join("\n");
}

function peopleText(people: readonly Property[]): string {
  const more = people.length - peopleMax;
  const said = people.slice(0, peopleMax).map(personOf);
  return [...said, ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

function isDeclined(person: Property): boolean {
  return parameterOf(person, "PARTSTAT")?.toUpperCase() === "DECLINED";
}

/** Outlook writes it as a page, and some calendars write nothing else. */
function descriptionOf(event: readonly Property[]): string {
  const plain = saidBy(event, "DESCRIPTION");
  const page = plain === "" ? saidBy(event, "X-ALT-DESC") : "";
  return page === "" ? plain : readFragment(page).text.trim();
}

function daysOf(event: readonly Property[], name: string): string {
  return (
    event
      .filter((property) => property.name === name)
      .flatMap((property) => property.value.split(",").map((value) => ({ ...property, value })))
      // A period is written as its start and its end.
      .map((property) => timeSaid({ ...property, value: property.value.split("/", 1)[0] ?? "" }))
      .filter((day) => day !== "")
      .join(", ")
  );
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
  const lasts = end === "" && start !== "" ? durationText(saidBy(event, "DURATION")) : "";
  if (lasts !== "") return `${start}, for ${lasts}`;
  if (end === "" || end === start) return start;
  // The day once, where it is one.
  const isOneDay = end.length > dayChars && end.slice(0, dayChars) === start.slice(0, dayChars);
  const [from = ""] = isOneDay ? start.slice(dayChars + 1).split(" ", 1) : [start];
  return isOneDay
    ? `${start.slice(0, dayChars)} ${from} to ${end.slice(dayChars + 1)}`
    : `${start} to ${end}`;
}

const dayChars = "2024-05-13".length;

function timeOf(event: readonly Property[], name: string): string {
  const property = event.find((each) => each.name === name);
  return property === undefined ? "" : timeSaid(property);
}

/** `20240513T140000Z`, `20240513T140000` with the zone beside it, `20240513`. */
function timeSaid(property: Property): string {
  const found = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d{0,2}(Z?))?$/.exec(property.value.trim());
  if (found === null) return "";
  const [, year, month, day, hour, minute, utc] = found;
  if (hour === undefined) return dayBefore(`${year}-${month}-${day}`, property.name);
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
