/**
 * Log lines of a node. JSON for machines, one readable line for a terminal. No document text,
 * question or document id is ever given to a logger (I10): fields with such names are cut out here
 * as well, because a line written by mistake is a leak for as long as logs are kept.
 */

import { pino } from "pino";
import type { Logger } from "../contract/observation.ts";

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  readonly format: "auto" | "json" | "line";
  /** Name of the node, on every JSON line. */
  readonly node: string;
  /** Where lines go; standard error unless given, because standard output is for results. */
  readonly stream?: { write(line: string): unknown; readonly isTTY?: boolean | undefined };
}

/** Names under which content travels through the code base. */
const content = ["text", "query", "question", "answer", "body", "payload", "title", "prompt"];
const secrets = ["apiKey", "authorization"];
const hidden = [...content, ...secrets];

export function createLogger(options: LogOptions): Logger {
  const stream = options.stream ?? process.stderr;
  const asLine = options.format === "line" || (options.format === "auto" && stream.isTTY === true);
  return pino(
    {
      level: options.level,
      base: { node: options.node },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: hidden.flatMap((name) => [name, `*.${name}`]), censor: "[cut]" },
      serializers: { error: describeError, err: describeError },
    },
    asLine ? { write: (json: string) => stream.write(formatLine(json)) } : stream,
  );
}

/**
 * The stack stays: it names code. The cause's message stays out: a vendor may quote its input
 * there.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === "string" ? error : typeof error;
  const code = "code" in error ? error.code : undefined;
  return { name: error.name, message: error.message, code, stack: error.stack };
}

/** `12:00:01.250 info  message  field=value`: from a JSON line of pino. */
export function formatLine(json: string): string {
  const { time, level, msg, node: _node, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${brief(value)}`);
  const clock = String(time).slice(11, 23);
  return `${clock} ${String(level).padEnd(5)} ${String(msg)}${shown.join("")}\n`;
}

function brief(value: unknown): string {
  if (typeof value === "string") return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === "object" && value !== null && "message" in value) {
    return JSON.stringify(value.message);
  }
  return JSON.stringify(value) ?? "undefined";
}
