/**
 * What the person who compiles can repair; the message names the file and says what is wrong with
 * it.
 */
export class CompileError extends Error {
  override readonly name = "CompileError";
}

/** A system error in words of its code, such as `ENOSPC`. */
export function systemReason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
