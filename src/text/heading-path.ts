/**
 * The heading path of a chunk as text and tokens, within its own bound: "Guide > Setup > Linux".
 */

import { limits } from "../contract/limits.ts";
import type { Tokenizer } from "./port.ts";

export interface HeadingLabel {
  /** Undefined for an empty path. */
  readonly text: string | undefined;
  readonly ids: readonly number[];
}

export type HeadingLabeller = (path: readonly string[]) => HeadingLabel;

const noLabel: HeadingLabel = { text: undefined, ids: [] };
const separator = " > ";
/** Fewer tokens of an outer heading say nothing. */
const usefulTokensMin = 4;

/** Each title is tokenised once, however many chunks stand below it: that keeps chunking linear. */
export function createHeadingLabeller(tokenizer: Tokenizer): HeadingLabeller {
  const separatorIds = tokenizer.words(separator).flatMap((word) => word.ids);
  const known = new Map<string, HeadingLabel>();

  function part(title: string, tokensMax: number): HeadingLabel {
    if (tokensMax !== limits.headingTokensMax) return cutTitle(tokenizer, title, tokensMax);
    const found = known.get(title);
    if (found !== undefined) return found;
    const label = cutTitle(tokenizer, title, tokensMax);
    known.set(title, label);
    return label;
  }

  function join(parts: readonly HeadingLabel[]): HeadingLabel {
    const whole = parts.filter((each) => each.text !== undefined);
    if (whole.length === 0) return noLabel;
    const ids = whole.flatMap((each, index) =>
      index === 0 ? each.ids : [...separatorIds, ...each.ids],
    );
    return { text: whole.map((each) => each.text).join(separator), ids };
  }

  return (path) => {
    const parts = path.map((title) => part(title, limits.headingTokensMax));
    let label = join(parts);
    // The outermost title and the innermost heading say most; what is between goes first.
    while (label.ids.length > limits.headingTokensMax && parts.length > 2) {
      parts.splice(1, 1);
      label = join(parts);
    }
    const inner = parts.at(-1);
    if (label.ids.length <= limits.headingTokensMax || inner === undefined) return label;
    const room = limits.headingTokensMax - inner.ids.length - separatorIds.length;
    return room < usefulTokensMin ? inner : join([part(path[0] ?? "", room), inner]);
  };
}

/** The title's first words, as many as fit. */
function cutTitle(tokenizer: Tokenizer, title: string, tokensMax: number): HeadingLabel {
  const ids: number[] = [];
  let end = 0;
  for (const word of tokenizer.words(title)) {
    if (ids.length + word.ids.length > tokensMax) break;
    ids.push(...word.ids);
    end = word.end;
  }
  const text = title.slice(0, end).trim();
  return text === "" ? noLabel : { text, ids };
}
