/** How a command ends: exit codes, and errors that are one line for a person. */

import { type ErrorCode, errorBody, FreshetError } from "../contract/errors.ts";

export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure whose message already says what to do. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;

  constructor(message: string, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? exitCodes.failed;
  }
}

/** The end of what runs until it is stopped: that it was stopped is no failure. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

export function usageError(message: string): CliError {
  return new CliError(message, { exitCode: exitCodes.usage });
}

/** One line for people, or one JSON line for programs. */
export function describeFailure(thrown: unknown, asJson: boolean): string {
  if (thrown instanceof FreshetError) {
    if (asJson) return JSON.stringify(errorBody(thrown));
    const hint = hints[thrown.code];
    const told = `freshet: ${oneLine(thrown.message)} (${thrown.code})`;
    return hint === undefined ? told : `${told}; ${hint}`;
  }
  const message = oneLine(thrown instanceof Error ? thrown.message : String(thrown));
  return asJson ? JSON.stringify({ error: { message } }) : `freshet: ${message}`;
}

/** What the engine cannot know: how this command is told. */
const hints: Partial<Record<ErrorCode, string>> = {
  unauthorized: "FRESHET_API_KEY or FRESHET_API_KEY_FILE gives one",
  wrong_tenant: "name the key's own tenant",
};

function oneLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").join("; ");
}
