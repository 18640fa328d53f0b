/**
 * undici, loaded when something first needs it: a hundred files, a tenth of a second of a core.
 * Whoever configures no endpoint, and no TLS files of its own, never needs it.
 */

import { createRequire } from "node:module";
import type * as Undici from "undici";

const require = createRequire(import.meta.url);

export function undici(): typeof Undici {
  return require("undici") as typeof Undici;
}
