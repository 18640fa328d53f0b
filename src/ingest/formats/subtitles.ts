/**
 * What was said, and when: subtitles and transcripts of meetings (WebVTT, SubRip). Short cues
 * become paragraphs of one speaker that say when they begin. Linear in the file.
 */

import { type Converted, Unreadable } from "./convert.ts";

interface Cue {
  readonly startSeconds: number;
  readonly speaker: string | undefined;
  readonly text: string;
}

/** A paragraph that is being written. */
interface Turn {
  readonly startSeconds: number;
  readonly speaker: string | undefined;
  readonly texts: string[];
  lastSeconds: number;
  chars: number;
}

/** Long enough to be understood, short enough that its time leads to the place. */
const turnCharsMax = 700;
/** After a silence like this somebody begins anew. */
const pauseSeconds = 30;
/** A line stays so long before the next one stands below it. */
const repeatSecondsMax = 10;
const speakersMax = 32;

const timing = /^\s{0,8}(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,]\d{1,3}[ \t]{0,8}-->/;
/** Blocks for players and for the next author. */
const silentBlock = /^(?:NOTE|STYLE|REGION|X-TIMESTAMP-MAP)\b/;
const heading = /^\ufeff?WEBVTT\b[ \t]*(?:[-–:][ \t]*)?/;

/** @throws Unreadable broken */
export function subtitlesDocument(source: string): Converted {
  const blocks = blocksOf(source);
  const [first = []] = blocks;
  const isWebVtt = heading.test(first[0] ?? "");
  const cues = writtenCues(blocks.slice(isWebVtt ? 1 : 0)).flatMap(voicesOf);
  if (cues.length === 0 && !isWebVtt) throw new Unreadable("broken", "no time of a cue in it");
  const turns = turnsOf(withoutRepeats(cues));
  const speakers = new Set(turns.flatMap(({ speaker }) => (speaker === undefined ? [] : speaker)));
  return {
    title: isWebVtt ? first[0]?.replace(heading, "").trim() : undefined,
    text: turns.map(turnText).join("\n\n"),
    metadata: speakers.size === 0 ? {} : { speakers: [...speakers].slice(0, speakersMax) },
  };
}

/** What stands between blank lines. */
function blocksOf(source: string): readonly (readonly string[])[] {
  const blocks: string[][] = [];
  let isOpen = false;
  for (const line of source.split(/\r\n|\r|\n/)) {
    if (line.trim() === "") isOpen = false;
    else if (isOpen) blocks.at(-1)?.push(line);
    else {
      blocks.push([line]);
      isOpen = true;
    }
  }
  return blocks;
}

interface WrittenCue {
  readonly startSeconds: number;
  readonly lines: string[];
}

/** A cue with a blank line in it goes on in the next block, which has no time. */
function writtenCues(blocks: readonly (readonly string[])[]): readonly WrittenCue[] {
  const cues: WrittenCue[] = [];
  for (const block of blocks) {
    const own = cuesIn(block);
    const goesOn = own.length === 0 && !silentBlock.test(block[0] ?? "");
    // One by one: a block may be all of a file.
    if (goesOn) for (const line of block) cues.at(-1)?.lines.push(line);
    for (const cue of own) cues.push(cue);
  }
  return cues;
}

/** Above its time may stand its name or number. Some programs leave no blank line between cues. */
function cuesIn(block: readonly string[]): readonly WrittenCue[] {
  if (silentBlock.test(block[0] ?? "")) return [];
  const starts = block.flatMap((line, at) => (timing.test(line) ? [at] : []));
  return starts.map((start, index) => {
    const next = starts[index + 1];
    const isNumbered = next !== undefined && /^\d{1,9}$/.test((block[next - 1] ?? "").trim());
    const end = next === undefined ? block.length : next - (isNumbered ? 1 : 0);
    const startSeconds = secondsOf(block[start] ?? "");
    return { startSeconds, lines: block.slice(start + 1, end) };
  });
}

function secondsOf(line: string): number {
  const [, hours = "0", minutes = "0", seconds = "0"] = timing.exec(line) ?? [];
  return Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
}

const voice = /<v(?:\.[^\s<>]{0,100})?[ \t]+([^<>]{1,200})>/g;
/** `Ann Aune: Welcome`, as where a format has no other place for it. */
const saidBy = /^(?:- ?)?(\p{Lu}[\p{L}\p{M}\p{N}.'’() -]{0,60}):[ \t]+(?=\S)/u;

/** One for each voice. */
function voicesOf({ startSeconds, lines }: WrittenCue): readonly Cue[] {
  const written = lines.join("\n");
  // Without a voice the first piece is all there is.
  const [before = "", ...voices] = written.split(voice);
  const pieces: (readonly [speaker: string | undefined, text: string])[] = [[undefined, before]];
  for (let at = 0; at < voices.length; at += 2) {
    pieces.push([plain(voices[at] ?? ""), voices[at + 1] ?? ""]);
  }
  return pieces.flatMap(([named, piece]) => {
    const text = plain(piece);
    if (text === "" || text === "-") return [];
    const said = named === undefined ? saidBy.exec(text) : null;
    const speaker = named ?? said?.[1]?.trim();
    return [{ startSeconds, speaker, text: said === null ? text : text.slice(said[0].length) }];
  });
}

const entities: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", nbsp: " ", lrm: "", rlm: "", quot: '"' },
};

/** Without italics, colours, places (`{\an8}`) and the times of single words. */
function plain(text: string): string {
  return text
    .replace(/<\/?[a-z\d][^<>]{0,300}>|\{\\[^{}]{0,100}\}/gi, "")
    .replace(/&(amp|lt|gt|nbsp|lrm|rlm|quot);/g, (_written, name: string) => entities[name] ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n");
}

/** Captions that roll up show a line again above the next one; nobody else says it by that. */
function withoutRepeats(cues: readonly Cue[]): readonly Cue[] {
  let last: Cue | undefined;
  return cues.flatMap((cue) => {
    const lines = cue.text.split("\n");
    const isNear =
      last?.speaker === cue.speaker &&
      cue.startSeconds - (last?.startSeconds ?? 0) <= repeatSecondsMax;
    const isAgain = isNear && lines[0] === last?.text.split("\n").at(-1);
    last = cue;
    const fresh = isAgain ? lines.slice(1) : lines;
    return fresh.length === 0 ? [] : [{ ...cue, text: fresh.join(" ") }];
  });
}

function turnsOf(cues: readonly Cue[]): readonly Turn[] {
  const turns: Turn[] = [];
  for (const { startSeconds, speaker, text } of cues) {
    const turn = turns.at(-1);
    const goesOn =
      turn !== undefined &&
      (speaker === undefined || speaker === turn.speaker) &&
      turn.chars + text.length <= turnCharsMax &&
      Math.abs(startSeconds - turn.lastSeconds) <= pauseSeconds;
    if (goesOn) {
      turn.texts.push(text);
      turn.chars += text.length;
      turn.lastSeconds = startSeconds;
    } else {
      const [chars, lastSeconds] = [text.length, startSeconds];
      turns.push({ startSeconds, speaker, texts: [text], chars, lastSeconds });
    }
  }
  return turns;
}

/** `[00:05:04] Bo Lind: Dredging costs four million.` */
function turnText({ startSeconds, speaker, texts }: Turn): string {
  const parts = [startSeconds / 3_600, (startSeconds / 60) % 60, startSeconds % 60];
  const time = parts.map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
  const name = speaker === undefined ? "" : `${speaker}: `;
  return `[${time}] ${name}${texts.join(" ")}`;
}
