/** The index of a backup, and the store that holds them. */

import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import {
  type Backup,
  backupClaimSchema,
  backupFormat,
  backupSchema,
  storeSchema,
} from "../../contract/backup.ts";
import { limits } from "../../contract/limits.ts";
import { CliError, usageError } from "../exit.ts";
import type { BackupStore } from "./store.ts";

const pack = promisify(gzip);
const unpack = promisify(gunzip);

const markName = "freshet-backups.json";
const folder = "backups";
const indexName = (id: string): string => `${folder}/${id}.json.gz`;

/** `20261129T214500Z-1f2e3d4c`: they sort by time. */
const idPattern = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/;

export function newId(nowMs: number, random: string): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${time}-${random.replaceAll("-", "").slice(0, 8)}`;
}

/** @throws CliError: it holds something else, or backups of a later Freshet */
export async function checkStore(store: BackupStore): Promise<"empty" | "backups"> {
  const mark = await store.get(markName);
  if (mark === null) {
    if ((await backupIds(store)).length > 0) throw noMark(store, "missing");
    const isEmpty = (await store.list("")).length === 0;
    if (isEmpty) return "empty";
    throw new CliError(`${store.where} holds files, and no backups of Freshet: name another place`);
  }
  const read = storeSchema.safeParse(jsonIn(mark));
  if (!read.success) throw noMark(store, "damaged");
  if (read.data.format > backupFormat) throw later(store.where);
  return "backups";
}

function noMark({ where }: BackupStore, fault: "missing" | "damaged"): CliError {
  const whole = JSON.stringify({ freshet: "backups", format: backupFormat });
  const mend = `where it held backups of this version, write ${whole} to it`;
  return new CliError(`${where}/${markName} is ${fault}: ${mend}`);
}

export async function markStore(store: BackupStore): Promise<void> {
  const mark = { freshet: "backups", format: backupFormat };
  await store.put(markName, new TextEncoder().encode(`${JSON.stringify(mark)}\n`));
}

export async function writeIndex(store: BackupStore, backup: Backup): Promise<number> {
  const bytes = new TextEncoder().encode(JSON.stringify(backup));
  if (bytes.length > limits.backupIndexBytesMax) {
    throw new CliError("the index of this backup is too large: keep fewer tenants in one log");
  }
  const packed = await pack(bytes);
  await store.put(indexName(backup.id), packed);
  return packed.length;
}

/** @throws CliError: there is none, it is damaged, or of a later Freshet */
export async function readIndex(store: BackupStore, id: string): Promise<Backup> {
  if (!idPattern.test(id)) throw usageError(`${id} is no backup: freshet backup list`);
  const packed = await store.get(indexName(id));
  if (packed === null) {
    throw new CliError(`${store.where} has no backup ${id}: freshet backup list`);
  }
  let json: unknown;
  try {
    const bytes = await unpack(packed, { maxOutputLength: limits.backupIndexBytesMax });
    json = jsonIn(bytes);
  } catch (cause) {
    throw new CliError(`${store.where}/${indexName(id)} is damaged`, { cause });
  }
  const claim = backupClaimSchema.safeParse(json).data;
  if (claim !== undefined && claim.format > backupFormat) throw later(`backup ${id}`);
  const read = backupSchema.safeParse(json);
  if (read.success && read.data.id === id) return read.data;
  throw new CliError(`${store.where}/${indexName(id)} is damaged`);
}

/** Newest first. */
export async function backupIds(store: BackupStore): Promise<readonly string[]> {
  const names = await store.list(folder);
  const ids = names.map((name) => name.slice(folder.length + 1).replace(/\.json\.gz$/, ""));
  return ids
    .filter((id) => idPattern.test(id))
    .sort()
    .reverse();
}

/** The newest without a name. @throws CliError: there is none */
export async function chosenId(store: BackupStore, id: string | undefined): Promise<string> {
  if ((await checkStore(store)) === "empty") {
    throw new CliError(`${store.where} holds no backups: freshet backup create makes one`);
  }
  if (id !== undefined) return id;
  const [newest] = await backupIds(store);
  if (newest === undefined) throw new CliError(`${store.where} holds no backup that was completed`);
  return newest;
}

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

const later = (what: string): CliError =>
  new CliError(`${what} was written by a later Freshet: use that one`);
