/** Disks, permissions, models and keys: what lies on this machine. */

import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, readdir, readFile, stat, statfs } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import type { Config } from "../../config/config.ts";
import { type ApiKey, hasKeyExpired, keyStoreSchema } from "../../contract/api-key.ts";
import { setupCommand, startCommand } from "../run-file.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";
import { judgeDisk, judgeMode } from "./judge.ts";

export async function checkFolders(dataDir: string, cacheDir: string): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const state = await stat(dataDir).catch(() => undefined);
  if (state === undefined) {
    found.push(warn("data folder", `${dataDir} is not there yet`, `${startCommand} makes it`));
  } else {
    found.push(judgeMode("data folder", dataDir, state.mode));
    const isOurs = await mayWrite(dataDir);
    if (!isOurs) {
      const mend = "run Freshet as the folder's owner, or chown the folder";
      found.push(fail("data folder", `${dataDir} cannot be written by this user`, mend));
    }
  }
  const disks = new Map<string, string>();
  for (const [what, path] of [
    ["disk of the data folder", dataDir],
    ["disk of the cache", cacheDir],
  ] as const) {
    const nearest = await nearestThere(path);
    const device = String((await stat(nearest)).dev);
    if (disks.has(device)) continue;
    disks.set(device, what);
    const { bavail, blocks, bsize } = await statfs(nearest);
    found.push(judgeDisk(what, bavail * bsize, blocks * bsize));
  }
  return found;
}

async function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function nearestThere(path: string): Promise<string> {
  for (let at = resolve(path); ; at = dirname(at)) {
    if (await stat(at).catch(() => undefined)) return at;
    if (at === dirname(at)) return at;
  }
}

/** Of files in the data folder that hold a secret. */
const secretFile = /(\.(key|pem|creds|nk|seed)|keys\.json)$/;

export async function checkSecrets(config: Config, dataDir: string): Promise<readonly Finding[]> {
  const names = await readdir(dataDir).catch((): string[] => []);
  const paths = new Set(names.filter((name) => secretFile.test(name)).map((n) => join(dataDir, n)));
  const { keyStore } = config.http;
  if (keyStore !== undefined) paths.add(keyStore);
  const credsFile = config.nats.credsFile;
  if (credsFile !== undefined) paths.add(credsFile);
  const findings: Finding[] = [];
  for (const path of paths) {
    const state = await stat(path).catch(() => undefined);
    if (state === undefined) continue;
    const judged = judgeMode(`secret ${basename(path)}`, path, state.mode);
    if (judged.level !== "ok") findings.push(judged);
  }
  if (findings.length > 0) return findings;
  return [ok("files of secrets", `${paths.size} looked at, none is open to others`)];
}

export async function checkKeys(config: Config, nowMs: number): Promise<readonly Finding[]> {
  const { apiKeys, keyStore, oidc, operatorToken, host } = config.http;
  const ways = [
    ...(apiKeys === undefined ? [] : ["FRESHET_API_KEYS"]),
    ...(keyStore === undefined ? [] : ["key store"]),
    ...(oidc === undefined ? [] : ["OpenID Connect"]),
  ];
  if (ways.length === 0) {
    return [ok("keys", `none: HTTP is for callers of this machine (${host})`)];
  }
  const findings: Finding[] = [ok("keys", ways.join(", "))];
  if (operatorToken === undefined) {
    const mend = "set FRESHET_OPERATOR_TOKEN_FILE, or nobody may read /metrics";
    findings.push(warn("operator token", "none", mend));
  }
  if (keyStore !== undefined) findings.push(await checkKeyStore(keyStore, nowMs));
  return findings;
}

async function checkKeyStore(path: string, nowMs: number): Promise<Finding> {
  const what = "key store";
  try {
    const { keys } = keyStoreSchema.parse(JSON.parse(await readFile(path, "utf8")));
    const expired = keys.filter((key: ApiKey) => hasKeyExpired(key, nowMs)).length;
    if (keys.length > 0 && expired === keys.length) {
      return fail(what, `all ${keys.length} keys have expired`, "freshet key create --help");
    }
    return ok(what, `${keys.length - expired} keys, ${expired} have expired`);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "no key store";
    return fail(
      what,
      `${path}: ${code}`,
      "freshet key create makes one; is FRESHET_KEY_STORE right?",
    );
  }
}

const stampSchema = z.looseObject({ sha256: z.string(), bytes: z.number() });

/** Where set-up puts servers and models. */
export function cacheOf({ cacheDir }: Config): string {
  return cacheDir ?? join(homedir(), ".cache", "freshet");
}

/** Against what was written down when it was installed. */
export async function checkModel(config: Config): Promise<readonly Finding[]> {
  const { modelDir, graph, remote } = config.embedding;
  const dir = modelDir ?? join(cacheOf(config), "models", "all-MiniLM-L6-v2");
  const what = "model";
  const names = await readdir(dir).catch((): string[] => []);
  const lacks = ["config.json", "tokenizer.json"].filter((name) => !names.includes(name));
  if (names.length === 0 || lacks.length > 0) {
    const says =
      names.length === 0 ? `${dir} is empty or not there` : `${dir} lacks ${lacks.join()}`;
    return [fail(what, says, `${setupCommand} installs it, or set FRESHET_MODEL_DIR`)];
  }
  const graphs = names.filter((name) => /^graph-.*\.onnx$/.test(name));
  if (remote === undefined && graph === undefined && graphs.length === 0) {
    return [fail(what, `no graph in ${dir}`, `${setupCommand} compiles one`)];
  }
  if (graph !== undefined && !(await stat(graph).catch(() => undefined))) {
    return [fail("FRESHET_MODEL_GRAPH", `${graph} is not there`, "correct the path, or unset it")];
  }
  const broken: string[] = [];
  let checked = 0;
  for (const name of await usedFiles(dir, names)) {
    if (!names.includes(`${name}.stamp`)) continue;
    checked += 1;
    if (!(await isAsStamped(join(dir, name)))) broken.push(name);
  }
  if (broken.length > 0) {
    const mend = `remove ${broken.map((name) => join(dir, name)).join(" ")}, then run ${setupCommand}`;
    return [fail(what, `${broken.join(", ")} is not what was installed (checksum)`, mend)];
  }
  if (checked === 0)
    return [warn(what, `${dir}: no checksums to compare`, `${setupCommand} writes them`)];
  return [ok(what, `${basename(dir)}, ${checked} files are what was installed`)];
}

/** Those that an engine reads: of graphs, the newest of each precision. */
async function usedFiles(dir: string, names: readonly string[]): Promise<readonly string[]> {
  const newest = new Map<string, { readonly name: string; readonly atMs: number }>();
  for (const name of names) {
    const precision = /^graph-(\w+)-.*\.onnx$/.exec(name)?.[1];
    if (precision === undefined) continue;
    const { mtimeMs: atMs } = await stat(join(dir, name));
    if (atMs >= (newest.get(precision)?.atMs ?? 0)) newest.set(precision, { name, atMs });
  }
  return ["config.json", "tokenizer.json", ...[...newest.values()].map(({ name }) => name)];
}

async function isAsStamped(path: string): Promise<boolean> {
  try {
    const stamp = stampSchema.parse(JSON.parse(await readFile(`${path}.stamp`, "utf8")));
    const hash = createHash("sha256");
    for await (const part of createReadStream(path)) hash.update(part as Buffer);
    return hash.digest("hex") === stamp.sha256;
  } catch {
    return false;
  }
}
