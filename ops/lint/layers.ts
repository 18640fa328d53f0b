/**
 * `npm run layers`: every layer rule, in every file of this repository. dependency-cruiser passes
 * in silence what it does not see (under a TypeScript that it does not know: everything), so the
 * files are counted too.
 */

import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { checkLayers, codeTrees } from "./layer-check.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const files = globSync(`{${codeTrees.join(",")}}/**/*.ts`, { cwd: repository });
const { exitCode, modules, output } = checkLayers(repository);
console.log(output.trim());
if (exitCode !== 0) process.exitCode = 1;
if (files.length === 0 || modules < files.length) {
  console.error(`layers: only ${modules} modules were looked at, of ${files.length} files`);
  process.exitCode = 1;
}
