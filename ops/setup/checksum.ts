/** Checksums of files, and stamps that remember a verified one. */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { z } from "zod";

const stamp = z.object({ sha256: z.string(), bytes: z.number(), modifiedMs: z.number() });
type Stamp = z.infer<typeof stamp>;

/** @returns the sha256 of a file in lower-case hex. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

export async function isFileWithChecksum(path: string, sha256: string): Promise<boolean> {
  return existsSync(path) && (await sha256OfFile(path)) === sha256;
}

/**
 * True when `path` holds what was pinned. A file that is as its stamp says is trusted without
 * hashing; any other is hashed. A file with a wrong checksum is deleted with its stamp, so that a
 * broken download can never be found again.
 */
export async function isVerified(path: string, sha256: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  const known = readStamp(path);
  if (known !== undefined && known.sha256 === sha256 && sameFile(known, path)) return true;
  if (await isFileWithChecksum(path, sha256)) {
    await stampFile(path, sha256);
    return true;
  }
  await rm(path, { force: true });
  await rm(stampPath(path), { force: true });
  return false;
}

export async function stampFile(path: string, sha256: string): Promise<void> {
  const { size, mtimeMs } = statSync(path);
  const content: Stamp = { sha256, bytes: size, modifiedMs: mtimeMs };
  const temporary = `${stampPath(path)}.${randomUUID()}`;
  await writeFile(temporary, `${JSON.stringify(content)}\n`);
  await rename(temporary, stampPath(path));
}

function sameFile(known: Stamp, path: string): boolean {
  const { size, mtimeMs } = statSync(path);
  return known.bytes === size && known.modifiedMs === mtimeMs;
}

function readStamp(path: string): Stamp | undefined {
  try {
    return stamp.parse(JSON.parse(readFileSync(stampPath(path), "utf8")));
  } catch {
    // No stamp, or one that was cut off: the file is hashed instead, which is always right.
    return undefined;
  }
}

function stampPath(path: string): string {
  return `${path}.stamp`;
}
