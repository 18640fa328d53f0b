import { afterAll, describe, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

const calendar = (lines: readonly string[], method = "REQUEST") =>
  ["BEGIN:VCALENDAR", `METHOD:${method}`, "BEGIN:VEVENT", ...lines, "END:VEVENT", "END:VCALENDAR"]
    .join("\r\n")
    .concat("\r\n");

async function textOf(source: string) {
  return (await readNamed(reader, "a.ics", source)).documents[0]?.["text"];
}

const review = calendar([
  "SUMMARY:Boiler review",
  "LOCATION;LANGUAGE=en:Room 4.12\\, east wing",
  "DTSTART;TZID=Europe/Sofia:20240513T140000",
  "DTEND;TZID=Europe/Sofia:20240513T150000",
  'ORGANIZER;CN="Koleva: Mira":mailto:mira@example.org',
  "ATTENDEE;ROLE=REQ-PARTICIPANT;CN=Ivo:mailto:ivo@exam",
  " ple.org",
  "DESCRIPTION:Bring the log.\\nThe inspector comes at 15.",
  "BEGIN:VALARM",
  "DESCRIPTION:Reminder",
  "END:VALARM",
]);
const said = [
  "Boiler review",
  "When: 2024-05-13 14:00 to 15:00 Europe/Sofia",
  "Where: Room 4.12, east wing",
  "Organizer: Koleva: Mira <mira@example.org>",
  "Attendees: Ivo <ivo@example.org>",
  "Bring the log.",
  "The inspector comes at 15.",
];

describe("a calendar", () => {
  test("says what is when, where and with whom", async () => {
    const { documents } = await readNamed(reader, "a.ics", review);
    expect(documents).toMatchObject([{ title: "Boiler review", text: said.join("\n") }]);
  });

  test.each([
    ["a time of UTC", ["DTSTART:20240513T140000Z"], "When: 2024-05-13 14:00 UTC"],
    [
      "whole days, of which the last is one of them",
      ["DTSTART;VALUE=DATE:20240513", "DTEND;VALUE=DATE:20240516"],
      "When: 2024-05-13 to 2024-05-15",
    ],
    [
      "one whole day",
      ["DTSTART;VALUE=DATE:20240513", "DTEND;VALUE=DATE:20240514"],
      "When: 2024-05-13",
    ],
    [
      "a night",
      ["DTSTART:20240513T230000Z", "DTEND:20240514T010000Z"],
      "When: 2024-05-13 23:00 UTC to 2024-05-14 01:00 UTC",
    ],
    ["what repeats", ["RRULE:FREQ=WEEKLY;BYDAY=MO"], "Repeats: every week on Monday"],
    [
      "what repeats on some days until one",
      ["RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR,1MO;WKST=MO;UNTIL=20240601T000000Z"],
      "Repeats: every 2 months on last Friday, first Monday until 2024-06-01",
    ],
    [
      "what repeats on a day of the year",
      ["RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=15;COUNT=4"],
      "Repeats: every year in March on day 15 4 times",
    ],
    [
      "a rule that has no words here, as it is written",
      ["RRULE:FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2"],
      "Repeats: FREQ MONTHLY; BYDAY MO; BYSETPOS 2",
    ],
    [
      "days that are left out and added",
      [
        "RRULE:FREQ=DAILY",
        "EXDATE;VALUE=DATE:20240513,20240514",
        "EXDATE;VALUE=DATE:20240516",
        "RDATE;VALUE=PERIOD:20240601T100000Z/PT1H",
      ],
      "Repeats: every day\nAlso: 2024-06-01 10:00 UTC\nNot: 2024-05-13, 2024-05-14, 2024-05-16",
    ],
    [
      "how long it takes",
      ["DTSTART:20240513T140000Z", "DURATION:P1DT1H30M"],
      "When: 2024-05-13 14:00 UTC, for 1 day 1 h 30 min",
    ],
    [
      "which one of a series it takes the place of",
      ["RECURRENCE-ID:20240513T140000Z", "DTSTART:20240514T140000Z"],
      "When: 2024-05-14 14:00 UTC\nInstead of: 2024-05-13 14:00 UTC",
    ],
    [
      "who does not come",
      ["ATTENDEE;PARTSTAT=DECLINED:mailto:a@example.org", "ATTENDEE:mailto:b@example.org"],
      "Attendees: b@example.org\nDeclined: a@example.org",
    ],
    ["that it is not certain", ["SUMMARY:Trip", "STATUS:TENTATIVE"], "Tentative\nTrip"],
    [
      "what only a page describes",
      ["X-ALT-DESC;FMTTYPE=text/html:<p>Bring the <b>log</b></p>"],
      "Bring the log",
    ],
  ])("says %s", async (_name, lines, text) => {
    expect(await textOf(calendar(lines))).toBe(text);
  });

  test("says that it is cancelled", async () => {
    expect(await textOf(calendar(["SUMMARY:Review"], "CANCEL"))).toBe("Cancelled\nReview");
  });

  test("of years is read to its end, and many people are counted", async () => {
    const event = (at: number) => `BEGIN:VEVENT\nSUMMARY:Event ${at}\nEND:VEVENT`;
    const events = Array.from({ length: 3_000 }, (_, at) => event(at)).join("\n");
    const { documents } = await readNamed(reader, "a.ics", events);
    expect(String(documents[0]?.["text"]).endsWith("Event 2999")).toBe(true);
    const people = Array.from({ length: 60 }, (_, at) => `ATTENDEE:mailto:p${at}@example.org`);
    expect(await textOf(calendar(people))).toMatch(/p49@example\.org, and 10 more$/);
  });

  test("without an event is empty", async () => {
    const { skipped } = await readNamed(reader, "a.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n");
    expect(skipped).toEqual(["empty"]);
  });
});

describe("an invitation by mail", () => {
  const part = (type: string, content: string) => `--B\r\nContent-Type: ${type}\r\n\r\n${content}`;
  const mail = (...parts: readonly string[]) =>
    [
      "From: mira@example.org\r\nSubject: Invitation\r\nMIME-Version: 1.0",
      'Content-Type: multipart/mixed; boundary="B"\r\n',
      ...parts,
      "--B--\r\n",
    ].join("\r\n");

  test("says when and where, once, and what its text says not again", async () => {
    const source = mail(
      part("text/plain", "Please join. Bring the log.\r\n"),
      part("text/calendar; method=REQUEST", review),
      part('application/octet-stream; name="invite.ics"', review),
    );
    const { documents, skipped } = await readNamed(reader, "a.eml", source);
    const added = said.filter((line) => line !== "Bring the log.");
    expect(documents).toMatchObject([{ title: "Invitation" }]);
    expect(documents[0]?.["text"]).toMatch(/^Please join\. Bring the log\.\s/);
    expect(String(documents[0]?.["text"]).split("\n").slice(-added.length)).toEqual(added);
    expect(skipped).toEqual([]);
  });

  test("is read where there is nothing but the calendar", async () => {
    const { documents } = await readNamed(reader, "a.eml", mail(part("text/calendar", review)));
    expect(documents[0]?.["text"]).toContain("When: 2024-05-13 14:00 to 15:00 Europe/Sofia");
  });
});
