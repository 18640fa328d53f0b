/** Events as they come in, and what a preset makes of them. */

import type { Mapped, PresetName } from "../../../src/contract/source.ts";
import { eventOf } from "../../../src/ingest/sources/event.ts";
import { compileExpression } from "../../../src/ingest/sources/expression.ts";
import type { RawEvent } from "../../../src/ingest/sources/port.ts";
import { presets } from "../../../src/ingest/sources/presets.ts";

export const documentTextBytesMax = 256 * 1024;

export interface Told {
  readonly body?: unknown;
  /** Bytes as they are, instead of a body as JSON. */
  readonly text?: string;
  readonly subject?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly sequence?: number;
}

export function rawEvent({
  body,
  text,
  subject = "events",
  headers = {},
  sequence = 1,
}: Told): RawEvent {
  const json = body === undefined ? "" : JSON.stringify(body);
  const payload = new TextEncoder().encode(text ?? json);
  return { subject, headers, payload, sequence, atMs: Date.UTC(2026, 0, 2, 3, 4, 5) };
}

export type Options = Readonly<Record<string, string>>;

export function mapperOf(expression: string, options: Options = {}) {
  const compiled = compileExpression({ expression, options, documentTextBytesMax });
  return (told: Told): Promise<Mapped> => compiled.map(eventOf(rawEvent(told)));
}

export function presetMapper(name: PresetName, options: Options = {}) {
  return mapperOf(presets[name].expression, options);
}

/** The operations, parsed; fails with what became of the event instead. */
export function operationsOf(mapped: Mapped): readonly Readonly<Record<string, unknown>>[] {
  if (mapped.kind !== "operations") throw new Error(JSON.stringify(mapped));
  return mapped.operations.map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);
}
