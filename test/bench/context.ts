/** What every bench gets. */

import type { Environment } from "../../ops/setup/cache.ts";
import type { QueryOptions } from "./query-options.ts";
import type { BenchResult } from "./report.ts";

export interface BenchContext {
  readonly env: Environment;
  /** A folder that is empty at the start and gone at the end. */
  readonly scratch: string;
  /** A collection in BEIR form, or a folder of such; undefined means texts of the installed packages. */
  readonly dataset: string | undefined;
  /** Real mail, one message a file, that is in no repository; undefined skips its rows. */
  readonly mail: string | undefined;
  /** How many files, or tenants, a bench begins with; each has its own default. */
  readonly files: number | undefined;
  /** What of the bench `tenants` is asked for; undefined means all of it. */
  readonly parts?: readonly string[] | undefined;
  /** The repository. */
  readonly root: string;
  /** A line about what happens now; not part of the result. */
  readonly say: (line: string) => void;
  /** What the bench `query` was asked for; the others read nothing of it. */
  readonly query: QueryOptions;
}

export type Bench = (context: BenchContext) => Promise<BenchResult>;
