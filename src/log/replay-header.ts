/** The headers of a replay on its message in DOCS. */

import type { Position, Version } from "../contract/ids.ts";
import type { Replay } from "./port.ts";
import type { WireHeaders } from "./record-header.ts";

const names = { of: "Freshet-Replay-Of", after: "Freshet-Replay-After" } as const;

export function replayHeaders({ of, after }: Replay): WireHeaders {
  return { [names.of]: String(of), [names.after]: String(after) };
}

/** Publishers can write any header: one that is no number stands for the beginning, where any record is a later one. */
export function replayIn(read: (name: string) => string | undefined): { readonly replay?: Replay } {
  const of = read(names.of);
  if (of === undefined) return {};
  return {
    replay: { of: sequenceOf(of) as Version, after: sequenceOf(read(names.after)) as Position },
  };
}

function sequenceOf(text = ""): number {
  const sequence = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(sequence) ? sequence : 0;
}
