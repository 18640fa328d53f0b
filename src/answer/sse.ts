/**
 * Server-sent events: bytes to `data` payloads (HTML standard, 9.2.6), as far as chat completions
 * use them.
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";

export interface ModelEvent {
  readonly payload: string;
  /** By its name: some servers put nothing else into it that says so. */
  readonly isError: boolean;
}

export interface EventParser {
  /** Events that are complete now. @throws FreshetError model_unavailable on an endless line */
  push(bytes: Uint8Array): ModelEvent[];
  /** The event that the end of the stream completes, if any. */
  end(): ModelEvent[];
}

/** Events, lines and UTF-8 characters may be split anywhere between pushes. */
export function createEventParser(): EventParser {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  let data: string[] = [];
  let isError = false;

  function takeEvent(): ModelEvent[] {
    const events = data.length > 0 ? [{ payload: data.join("\n"), isError }] : [];
    data = [];
    isError = false;
    return events;
  }

  function readLines(isLast: boolean): ModelEvent[] {
    const events: ModelEvent[] = [];
    // A carriage return at the end may be half of a line end.
    const usable = !isLast && rest.endsWith("\r") ? rest.length - 1 : rest.length;
    const lines = rest.slice(0, usable).split(/\r\n|\n|\r/);
    rest = (isLast ? "" : (lines.pop() ?? "")) + rest.slice(usable);
    if (isLast) lines.push("");
    for (const line of lines) {
      if (line === "") {
        events.push(...takeEvent());
      } else if (line.startsWith("event:")) {
        isError = line.slice(6).trim() === "error";
      } else if (line.startsWith("data:")) {
        const value = line.slice(line.startsWith("data: ") ? 6 : 5);
        if (beginsAnew(data.at(-1), value)) events.push(...takeEvent());
        data.push(value);
      }
    }
    const waiting = data.reduce((sum, line) => sum + line.length, rest.length);
    if (waiting > limits.modelEventCharsMax)
      throw new FreshetError("model_unavailable", "the model's event is endless", {
        details: { reason: "endless event" },
      });
    return events;
  }

  return {
    push(bytes) {
      rest += decoder.decode(bytes, { stream: true });
      return readLines(false);
    },
    end() {
      rest += decoder.decode();
      return readLines(true);
    },
  };
}

/**
 * Some servers leave out the empty line between two events. No JSON goes on with a second object,
 * however many lines it takes.
 */
function beginsAnew(before: string | undefined, value: string): boolean {
  return before?.endsWith("}") === true && (value.startsWith("{") || value.startsWith("[DONE]"));
}
