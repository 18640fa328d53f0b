/** Subtitles and transcripts: who said what, and when. */

import { afterAll, describe, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { cpuMs } from "../support/cpu-time.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

async function documentOf(name: string, content: string) {
  return (await readNamed(reader, name, content)).documents[0];
}

const cue = (at: string, text: string) => `${at}.000 --> 01:59:59.000 align:start\n${text}\n\n`;
const webVtt = (...cues: readonly string[]) => `WEBVTT\n\n${cues.join("")}`;

describe("a transcript", () => {
  test("is a paragraph for each turn, with its time, its speaker and no markup", async () => {
    const content =
      "\ufeffWEBVTT - Board of May\r\nKind: captions\r\n\r\nNOTE ask Bo\r\nfirst\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\nintro\r\n00:01.000 --> 00:04.000 align:start\r\n<v.loud Ann Aune>Welcome, <i>all</i>.</v>\r\n\r\n7\r\n00:00:05.000 --> 00:00:08.000\r\n<v Ann Aune>First the <00:00:06.000>fees &amp; dues.\r\n\r\n01:05:04.500 --> 01:05:08.000\r\n<v Bo Lind>Dredging costs\r\nfour million.\r\n";
    expect(await documentOf("board.vtt", content)).toMatchObject({
      title: "Board of May",
      text: "[00:00:01] Ann Aune: Welcome, all. First the fees & dues.\n\n[01:05:04] Bo Lind: Dredging costs four million.",
      metadata: { speakers: ["Ann Aune", "Bo Lind"] },
    });
  });

  test.each([
    [
      "two voices of one cue",
      webVtt(cue("00:00:01", "<v Ann>Is it nine?</v>\n<v Bo>It is ten.</v>")),
      "[00:00:01] Ann: Is it nine?\n\n[00:00:01] Bo: It is ten.",
    ],
    [
      "speakers before a colon, said again for each turn only",
      webVtt(
        cue("00:00:01", "Ann Aune: Hello."),
        cue("00:00:03", "Ann Aune: Sit."),
        cue("00:00:05", "Bo: No."),
      ),
      "[00:00:01] Ann Aune: Hello. Sit.\n\n[00:00:05] Bo: No.",
    ],
    [
      "a line that rolls up once",
      webVtt(
        cue("00:00:01", "so today"),
        cue("00:00:02", "so today\nwe dredge"),
        cue("00:00:03", "we dredge"),
      ),
      "[00:00:01] so today we dredge",
    ],
    [
      "what two say each",
      webVtt(cue("00:00:01", "<v Ann>Yes."), cue("00:00:02", "<v Bo>Yes.")),
      "[00:00:01] Ann: Yes.\n\n[00:00:02] Bo: Yes.",
    ],
    [
      "a blank line within a cue",
      webVtt(cue("00:00:01", "First\n\nsecond")),
      "[00:00:01] First second",
    ],
    [
      "a time after a silence",
      webVtt(cue("00:00:01", "Before."), cue("00:09:01", "After.")),
      "[00:00:01] Before.\n\n[00:09:01] After.",
    ],
    [
      "what is less than something as it is",
      webVtt(cue("00:00:01", "3 < 5 > 2")),
      "[00:00:01] 3 < 5 > 2",
    ],
  ])("of WebVTT has %s", async (_name, content, text) => {
    expect(await documentOf("a.vtt", content)).toMatchObject({ text });
  });

  test("of SubRip is read, also where no blank line stands between its cues", async () => {
    const content =
      "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<font color=red>The pier</font>\n2\n00:00:03,000 --> 00:00:04,000\nis shut in 2026\n";
    const text = "[00:00:01] The pier is shut in 2026";
    expect(await documentOf("a.srt", content)).toMatchObject({ text, title: "a.srt" });
  });

  test("of a long speech says the time again and again", async () => {
    const minutes = Array.from({ length: 40 }, (_, at) => {
      const time = `00:${String(at).padStart(2, "0")}:${at % 2 === 0 ? "00" : "01"}`;
      return cue(time, `<v Ann>${at} ${"The pier is long. ".repeat(20)}`);
    });
    const text = String((await documentOf("a.vtt", webVtt(...minutes)))?.["text"]);
    const paragraphs = text.split("\n\n");
    expect(paragraphs.length).toBeGreaterThan(19);
    expect(paragraphs.every((each) => /^\[00:\d\d:\d\d\] Ann: /.test(each))).toBe(true);
  });

  test.each(["00:00:01.000 --> x\n", "a\n", "<v a>", "{\\", "<"])(
    "of nothing but %j is read in time that is linear in it",
    async (sign) => {
      const before = cpuMs();
      const content = webVtt(cue("00:00:01", `x\n${sign.repeat(1_000_000 / sign.length)}`));
      expect(await documentOf("a.vtt", content)).toBeDefined();
      expect(cpuMs() - before).toBeLessThan(5_000);
    },
  );

  test("without a cue is empty, and what is none is told", async () => {
    expect((await readNamed(reader, "a.vtt", "WEBVTT\n")).skipped).toEqual(["empty"]);
    expect((await readNamed(reader, "a.srt", "Hello\n")).skipped).toEqual(["broken"]);
    const page = "<!doctype html><p>404";
    const parts = await reader.documentsOf(
      { id: "a.vtt", source: "a.vtt", kind: "subtitles" },
      Buffer.from(page),
    );
    expect(parts).toEqual([{ skipped: "broken", detail: "it is a page of HTML" }]);
  });
});
