/**
 * Small models fall into loops: they say a sentence again, and again, until their tokens run out.
 * The guard lets text through as it comes, holds a sentence back only while it reads like one said
 * before, and ends the answer when it turns out to be one. Decided letter by letter, so however it
 * is split.
 */

export interface RepetitionGuard {
  /** The text that may leave now. After a loop was found, nothing more does. */
  push(text: string): string;
  /** What was held back, once nothing more comes; a cut-off repetition is dropped. */
  end(): string;
  isLooping(): boolean;
}

/** Shorter sentences ("Yes.", "}") are repeated honestly. */
const sentenceCharsMin = 12;

export function createRepetitionGuard(): RepetitionGuard {
  const said = new Set<string>();
  /** Without blanks before it. */
  let sentence = "";
  /** To look into the sentence for it would join its letters anew each time. */
  let last = "";
  let held = "";
  /** Whether the sentence may still turn out to be one of those said; only then it is compared. */
  let isSuspect = true;
  let isCode = false;
  let looping = false;

  function isSaidSoFar(): boolean {
    if (sentence === "") return true;
    return !isCode && [...said].some((earlier) => earlier.startsWith(sentence));
  }

  function endSentence(): void {
    const whole = sentence.trimEnd();
    if (whole.startsWith("```")) isCode = !isCode;
    else if (!isCode && whole.length >= sentenceCharsMin) {
      looping = said.has(whole);
      said.add(whole);
    }
    sentence = "";
    isSuspect = true;
  }

  function pushLetter(letter: string): string {
    const isEnd = letter === "\n" || (letter === " " && /[.!?]/.test(last));
    last = letter;
    // Blanks before it are no part of it, so that nobody has to pass over them at each letter.
    if (sentence !== "" || letter.trim() !== "") sentence += letter;
    if (isEnd) {
      endSentence();
      if (looping) return "";
    } else {
      isSuspect = isSuspect && isSaidSoFar();
      if (isSuspect) {
        held += letter;
        return "";
      }
    }
    const out = held + letter;
    held = "";
    return out;
  }

  return {
    push(text) {
      let out = "";
      for (const letter of text) {
        if (looping) break;
        out += pushLetter(letter);
      }
      return out;
    },
    end() {
      const isCutRepetition = isSuspect && sentence.trimEnd().length >= sentenceCharsMin;
      return looping || isCutRepetition ? "" : held;
    },
    isLooping: () => looping,
  };
}
