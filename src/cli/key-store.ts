/**
 * Changes of the key store by the command line. A reader never sees half a file: it is written
 * beside and moved into its place; two writers exclude each other by a lock file.
 */

import { closeSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type KeyStoreFile, keyStoreSchema } from "../contract/api-key.ts";
import { parseJsonFile } from "../contract/json-file.ts";
import { limits } from "../contract/limits.ts";
import { isHeld, takeLock } from "../runtime/lock-file.ts";
import { CliError } from "./exit.ts";

const empty: KeyStoreFile = { format: 1, keys: [] };

/** @throws CliError when the file is no key store */
export function readKeyStore(path: string): KeyStoreFile {
  if (!existsSync(path)) return empty;
  const parsed = keyStoreSchema.safeParse(jsonOf(path));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CliError(`${path} is no key store: ${issue?.path.join(".")}: ${issue?.message}`);
}

function jsonOf(path: string): unknown {
  try {
    return parseJsonFile(readFileSync(path));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const what = code === undefined ? message : `it cannot be read (${code})`;
    throw new CliError(`${path} is no key store: ${what}`, { cause });
  }
}

/** @throws CliError when another command is changing it for long, or it cannot be written */
export async function changeKeyStore(
  path: string,
  change: (file: KeyStoreFile) => KeyStoreFile,
): Promise<void> {
  const lock = `${path}.lock`;
  const held = await lockOf(lock);
  try {
    const next = change(readKeyStore(path));
    const checked = keyStoreSchema.safeParse(next);
    if (!checked.success) throw new CliError(`not written: ${checked.error.issues[0]?.message}`);
    const text = `${JSON.stringify(next, null, 2)}\n`;
    if (Buffer.byteLength(text) > limits.keyStoreBytesMax) {
      throw new CliError(`not written: engines read at most ${limits.keyStoreBytesMax} bytes`);
    }
    const beside = `${path}.new`;
    writeFileSync(beside, text, { mode: 0o600 });
    renameSync(beside, path);
  } finally {
    closeSync(held);
    rmSync(lock, { force: true });
  }
}

async function lockOf(lock: string): Promise<number> {
  try {
    return await takeLock(lock);
  } catch (cause) {
    const message = isHeld(cause)
      ? `another command changes the key store; if none runs, remove ${lock}`
      : `the key store cannot be written: ${(cause as Error).message}`;
    throw new CliError(message, { cause });
  }
}
