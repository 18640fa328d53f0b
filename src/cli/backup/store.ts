/**
 * Where backups are kept: names with bytes behind them. Parts are named by what they hold, so that
 * a second backup writes only what the first does not have.
 *
 *   BS1  `put` is whole or not at all, and survives kill -9 once it has resolved;
 *   BS2  a part that is read is compared with its name.
 */

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import type { BackupPart } from "../../contract/backup.ts";
import { limits } from "../../contract/limits.ts";
import { CliError } from "../exit.ts";

export interface BackupStore {
  /** For messages. */
  readonly where: string;
  has(name: string): Promise<boolean>;
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Null: there is none of this name. */
  get(name: string): Promise<Uint8Array | null>;
  /** Names that begin so, in no order. */
  list(prefix: string): Promise<readonly string[]>;
  /** Undefined where that is not known. */
  freeBytes(): Promise<number | undefined>;
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

const partName = (hash: string): string => `parts/${hash.slice(0, 2)}/${hash}.zst`;
const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface Written {
  /** Bytes that this run put into the store, compressed. */
  bytes: number;
  /** Parts that were there already. */
  reused: number;
  parts: number;
}

/** The parts of a store. */
export class Parts {
  readonly store: BackupStore;
  readonly written: Written = { bytes: 0, reused: 0, parts: 0 };

  constructor(store: BackupStore) {
    this.store = store;
  }

  async write(bytes: Uint8Array, count: number): Promise<BackupPart> {
    const hash = hashOf(bytes);
    const name = partName(hash);
    this.written.parts += 1;
    if (await this.store.has(name)) {
      this.written.reused += 1;
    } else {
      const packed = await compress(bytes);
      await this.store.put(name, packed);
      this.written.bytes += packed.length;
    }
    return { hash, bytes: bytes.length, count };
  }

  /** @throws CliError when it is missing or not what it was */
  async read({ hash, bytes }: BackupPart): Promise<Uint8Array> {
    const name = partName(hash);
    const packed = await this.store.get(name);
    const file = `${this.store.where}/${name}`;
    if (packed === null) throw damaged(`${file} is missing`);
    if (bytes > limits.backupPartReadBytesMax) throw damaged(`${file} is too large`);
    let content: Uint8Array;
    try {
      content = await decompress(packed, { maxOutputLength: Math.max(1, bytes) });
    } catch (cause) {
      throw damaged(`${file} is damaged`, cause);
    }
    if (content.length !== bytes || hashOf(content) !== hash) {
      throw damaged(`${file} is damaged`);
    }
    return content;
  }
}

function damaged(what: string, cause?: unknown): CliError {
  return new CliError(`${what}: this backup cannot be restored`, { cause });
}
