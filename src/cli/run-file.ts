/**
 * `.freshet/run.json`: where the engine that `ops/start` runs can be reached. Written by it, read
 * by the command line.
 */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";

const runFileSchema = z.looseObject({
  urls: z.looseObject({ http: z.url(), nats: z.string(), temporal_ui: z.string().optional() }),
  temporal: z.looseObject({ address: z.string(), namespace: z.string() }),
  /** For backups; without its key where certificates and keys lie in files of their own. */
  weaviate: z
    .looseObject({ url: z.url(), grpc: z.string(), api_key: z.string().optional() })
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
 * The data folder: as configured from here, or `.freshet` in the repository, wherever one stands.
 */
export function dataFolder(env: Readonly<Record<string, string | undefined>>): string {
  const given = env["FRESHET_DATA_DIR"];
  return given === undefined || given === "" ? join(repository, ".freshet") : resolve(given);
}

export function runFilePath(dataDir: string): string {
  return join(dataDir, "run.json");
}

/** Undefined when nothing runs here, or when the file is not one of ours. */
export function readRunFile(dataDir: string): RunFile | undefined {
  try {
    return runFileSchema.parse(JSON.parse(readFileSync(runFilePath(dataDir), "utf8")));
  } catch {
    return undefined;
  }
}

export function writeRunFile(dataDir: string, run: RunFile): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = runFilePath(dataDir);
  // Renamed into place, so that a reader never sees half a file.
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(runFileSchema.parse(run), null, 2)}\n`, {
    mode: 0o600,
  });
  renameSync(draft, path);
}
