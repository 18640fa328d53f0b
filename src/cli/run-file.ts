/**
 * `.freshet/run.json`: where the engine that `ops/start` runs can be reached. Written by it, read
 * by the command line.
 */

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { makeFolder } from "../runtime/make-folder.ts";
import { CliError } from "./exit.ts";

const runFileSchema = z.looseObject({
  urls: z.looseObject({ http: z.url(), nats: z.string(), temporal_ui: z.string().optional() }),
  temporal: z.looseObject({ address: z.string(), namespace: z.string() }),
  /** For backups; without its key where certificates and keys lie in files of their own. */
  weaviate: z
    .looseObject({ url: z.string(), grpc: z.string(), api_key: z.string().optional() })
    .optional(),
  /** Partitions of the log, for publishers that open it. */
  partitions: z.int().min(1).optional(),
});

export interface RunFile {
  readonly urls: {
    readonly http: string;
    readonly nats: string;
    readonly temporal_ui?: string | undefined;
  };
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly weaviate?:
    | {
        readonly url: string;
        readonly grpc: string;
        readonly api_key?: string | undefined;
      }
    | undefined;
  readonly partitions?: number | undefined;
}

const repository = resolve(import.meta.dirname, "../..");

/**
 * Installed from a package: npm's, or the image's. A package is compiled, because Node runs no
 * TypeScript from node_modules; a checkout never is.
 */
const isPackage = import.meta.filename.endsWith(".js");

/** What a person types to have everything started, or what is missing installed. */
export const startCommand = isPackage ? "freshet start" : "./ops/start";
export const setupCommand = isPackage ? "freshet setup" : "ops/setup";

/**
 * The data folder: as configured from here, or the same one wherever one stands: `.freshet` in the
 * checkout. A package's own folder is replaced with its next version, so that of the user it is.
 */
export function dataFolder(env: Readonly<Record<string, string | undefined>>): string {
  const given = env["FRESHET_DATA_DIR"] ?? "";
  if (given !== "") return resolve(given);
  if (!isPackage) return join(repository, ".freshet");
  const shared = env["XDG_DATA_HOME"] ?? "";
  return join(shared === "" ? join(homedir(), ".local", "share") : shared, "freshet");
}

export function runFilePath(dataDir: string): string {
  return join(dataDir, "run.json");
}

/**
 * Undefined when nothing runs here, or when the file is not one of ours.
 * @throws CliError when it belongs to somebody else: the defaults may be another installation
 */
export function readRunFile(
  dataDir: string,
  read: (path: string) => string = (path) => readFileSync(path, "utf8"),
): RunFile | undefined {
  try {
    return runFileSchema.parse(JSON.parse(read(runFilePath(dataDir))));
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EACCES")) return;
    throw new CliError(
      `${runFilePath(dataDir)} says where the engine is, and is not yours to read: run this as the user ` +
        "who started it, or choose your own folder with FRESHET_DATA_DIR",
    );
  }
}

export function writeRunFile(dataDir: string, run: RunFile): void {
  makeFolder(dataDir, 0o700);
  const path = runFilePath(dataDir);
  // Renamed into place, so that a reader never sees half a file.
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(runFileSchema.parse(run), null, 2)}\n`, {
    mode: 0o600,
  });
  renameSync(draft, path);
}
