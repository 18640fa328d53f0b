/** Replies in files: one as JSON, several as an array or as one a line. */

import { readFileSync, statSync } from "node:fs";
import { type Verifiable, verifiableSchema } from "../../answer/verify.ts";
import { limits } from "../../contract/limits.ts";
import { CliError, usageError } from "../exit.ts";
import type { Terminal } from "../terminal.ts";
import { wholeInput } from "../whole-input.ts";

export interface NamedReply {
  /** The file, and which reply of it where it holds several. */
  readonly name: string;
  readonly reply: Verifiable;
}

/**
 * `-` is stdin.
 * @throws CliError which names the file and what is wrong with it
 */
export async function readReplies(
  given: string,
  { stdin }: Pick<Terminal, "stdin">,
): Promise<readonly NamedReply[]> {
  const isPiped = given === "-";
  const file = isPiped ? "stdin" : given;
  const text = isPiped
    ? (await wholeInput(stdin, limits.verifyFileBytesMax)).toString("utf8")
    : textOf(file);
  const values = valuesOf(file, text);
  // What failed before it wrote one would pass.
  if (values.length === 0) throw new CliError(`${file}: it holds no reply`);
  return values.map((value, index) => {
    const name = values.length === 1 ? file : `${file}[${index}]`;
    const parsed = verifiableSchema.safeParse(value);
    if (parsed.success) return { name, reply: parsed.data };
    const place = parsed.error.issues[0]?.path.join(".") ?? "";
    const says =
      place === "citations" || place === "origin"
        ? `${place} is missing: only whole replies of mode "answer" can be verified`
        : "this is no reply of Freshet";
    throw new CliError(`${name}: ${says}${place === "" ? "" : ` (${place})`}`);
  });
}

function textOf(file: string): string {
  try {
    if (statSync(file).size <= limits.verifyFileBytesMax) return readFileSync(file, "utf8");
  } catch {
    throw usageError(`${file}: there is no such file, or it cannot be read`);
  }
  throw usageError(`${file}: more than ${limits.verifyFileBytesMax} bytes; verify it in parts`);
}

function valuesOf(file: string, text: string): readonly unknown[] {
  try {
    return [JSON.parse(text) as unknown].flat();
  } catch {
    try {
      const lines = text.split("\n").filter((line) => line.trim() !== "");
      return lines.map((line) => JSON.parse(line) as unknown);
    } catch {
      throw new CliError(`${file}: neither JSON nor one reply a line`);
    }
  }
}
