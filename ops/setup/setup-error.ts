/** A failure the person at the keyboard can repair: its message is one line that says how. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/** The last lines of a log or of a command's output, for an error that must explain itself. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
