/**
 * Reads the files of a model's folder; a missing one is said as that, and not as a system error.
 */

import { readFile } from "node:fs/promises";
import { CompileError, systemReason } from "./compile-error.ts";

/** @throws CompileError when there is no such file. */
export async function readModelFile(path: string): Promise<Buffer> {
  const bytes = await readOptionalModelFile(path);
  if (bytes === undefined) throw new CompileError(`${path} is missing`);
  return bytes;
}

export async function readOptionalModelFile(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CompileError(`${path} cannot be read: ${systemReason(error)}`, { cause: error });
  }
}

/** @throws CompileError unless `bytes` are one JSON object. */
export function parseJsonObject(bytes: Buffer, path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new CompileError(`${path} is not JSON`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CompileError(`${path} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}
