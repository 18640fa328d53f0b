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
    ["what repeats", ["RRULE:FREQ=WEEKLY;BYDAY=MO"], "Repeats: FREQ WEEKLY; BYDAY MO"],
  ])("says %s", async (_name, lines, text) => {
    expect(await textOf(calendar(lines))).toBe(text);
  });

  test("says that it is cancelled", async () => {
    expect(await textOf(calendar(["SUMMARY:Review"], "CANCEL"))).toBe("Cancelled\nReview");
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
