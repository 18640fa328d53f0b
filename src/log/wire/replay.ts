/** The headers of a replay on its message in DOCS. */

import { position, version } from "../../contract/ids.ts";
import type { Replay } from "../port.ts";
import type { ReadHeader, WireHeaders } from "./record.ts";

const names = { of: "Freshet-Replay-Of", after: "Freshet-Replay-After" } as const;

export function replayHeaders({ of, after }: Replay): WireHeaders {
  return { [names.of]: String(of), [names.after]: String(after) };
}

/**
 * Publishers can write any header: one that is no number stands for the beginning, where any record
 * is a later one.
 */
export function replayIn(read: ReadHeader): { readonly replay?: Replay } {
  const of = read(names.of);
  if (of === undefined) return {};
  return {
    replay: { of: version(sequenceOf(of)), after: position(sequenceOf(read(names.after))) },
  };
}

function sequenceOf(text = ""): number {
  const sequence = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(sequence) ? sequence : 0;
}
