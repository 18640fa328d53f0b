/**
 * The workflows as one script, as Temporal runs them. Making it costs four seconds of a core, more
 * than all else that a merge worker does until it polls; so what was made is kept.
 *
 *   WB1  what is kept is used only for the very same inputs: every file that the workflows reach,
 *        the locked packages, this Node, this folder. Anything else is another file name;
 *   WB2  a folder that cannot be read or written, or a file that is not whole, costs time only;
 *   WB3  a bounded number of scripts is kept, the newest.
 */

import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, type Logger } from "@temporalio/worker";
import { makeFolder } from "../../runtime/make-folder.ts";

export const workflowsPath = fileURLToPath(new URL("../../../workflows/index.ts", import.meta.url));
/** Workflow code that is no workflow: it only stands around them. */
export const interceptorsPath = fileURLToPath(
  new URL("../../../workflows/trace-headers.ts", import.meta.url),
);
/** A package that npm installs has the second one. */
const lockFiles = ["package-lock.json", "npm-shrinkwrap.json"].map((name) =>
  fileURLToPath(new URL(`../../../${name}`, import.meta.url)),
);

/** Two megabytes each: of some checkouts and branches that take turns. */
const keptMax = 8;
const suffix = ".workflows.js";
const headerCharsMax = 100;

export interface BundleOptions {
  readonly logger: Logger;
  /** Where scripts are kept; without it each call makes one. */
  readonly directory?: string | undefined;
  readonly workflows?: string | undefined;
  /** What makes the script; `bundleWorkflowCode` by default. */
  readonly make?: ((workflows: string) => Promise<{ readonly code: string }>) | undefined;
}

export async function workflowBundle(options: BundleOptions): Promise<{ readonly code: string }> {
  const { logger, directory, workflows = workflowsPath } = options;
  const make =
    options.make ??
    ((path: string) =>
      bundleWorkflowCode({
        workflowsPath: path,
        workflowInterceptorModules: [interceptorsPath],
        logger,
      }));
  const name = directory === undefined ? undefined : await nameOf(workflows).catch(() => undefined);
  if (directory === undefined || name === undefined) return make(workflows);
  const file = join(directory, name);
  const kept = await readKept(file);
  if (kept !== undefined) return { code: kept };
  const { code } = await make(workflows);
  await keep(directory, file, code).catch(() => {});
  return { code };
}

/** A digest of all that the script is made of (WB1). */
async function nameOf(workflows: string): Promise<string> {
  const digest = createHash("sha256").update(`${process.version}\0${workflows}\0`);
  digest.update(await Promise.any(lockFiles.map((file) => readFile(file))));
  for (const first of [workflows, interceptorsPath]) {
    for (const [path, text] of await reachable(first)) digest.update(`\0${path}\0${text}`);
  }
  return `${digest.digest("hex").slice(0, 32)}${suffix}`;
}

const relativeImport = /(?:\bfrom|\bimport)\s*(?:\(\s*)?"(\.[^"]+)"/g;

/** The file and every file that it imports by a relative path, types included; by path. */
async function reachable(first: string): Promise<readonly (readonly [string, string])[]> {
  const texts = new Map<string, string>();
  const waiting = [first];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (texts.has(path)) continue;
    const text = await readFile(path, "utf8");
    texts.set(path, text);
    for (const [, to = ""] of text.matchAll(relativeImport))
      waiting.push(resolve(dirname(path), to));
  }
  return [...texts].sort(([left], [right]) => (left < right ? -1 : 1));
}

const headerOf = (code: string): string =>
  `// sha256 ${createHash("sha256").update(code).digest("hex")}\n`;

async function readKept(file: string): Promise<string | undefined> {
  try {
    const text = await readFile(file, "utf8");
    const end = text.slice(0, headerCharsMax).indexOf("\n") + 1;
    const code = text.slice(end);
    if (text.slice(0, end) !== headerOf(code)) return undefined;
    const now = new Date();
    // So that the newest are those that were used last. A folder for reading only is no harm.
    await utimes(file, now, now).catch(() => {});
    return code;
  } catch {
    return undefined;
  }
}

async function keep(directory: string, file: string, code: string): Promise<void> {
  makeFolder(directory);
  const unfinished = `${file}.${randomUUID()}`;
  try {
    await writeFile(unfinished, `${headerOf(code)}${code}`);
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
  const names = (await readdir(directory)).filter((name) => name.endsWith(suffix));
  const aged = await Promise.all(
    names.map(async (name) => ({ name, ms: (await stat(join(directory, name))).mtimeMs })),
  );
  const old = aged.sort((left, right) => right.ms - left.ms).slice(keptMax);
  for (const { name } of old) await rm(join(directory, name), { force: true });
}
