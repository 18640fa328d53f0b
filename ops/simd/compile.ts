/** From the hot index's simd in AssemblyScript to the module that src/hot/simd.ts loads. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));
/** Run as a command: its types redefine those of JavaScript's own arrays for every importer. */
const compiler = inRepository("node_modules/assemblyscript/bin/asc.js");
const simdSource = inRepository("src/hot/simd/simd.as.ts");
export const simdCodeFile = inRepository("src/hot/simd-code.ts");

const options = [
  ["--optimizeLevel", "3", "--shrinkLevel", "0", "--noAssert", "--runtime", "stub"],
  // The arena's memory: shared, 4 GiB at most.
  ["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
  ["--enable", "simd,relaxed-simd,threads"],
].flat();

/**
 * The text of src/hot/simd-code.ts: deterministic for one compiler version.
 * @throws Error with the compiler's complaints
 */
export async function compileSimd(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "freshet-simd-"));
  try {
    const outFile = join(folder, "simd.wasm");
    const parameters = [compiler, simdSource, "--outFile", outFile, ...options];
    await promisify(execFile)(process.execPath, parameters);
    return codeFile(await readFile(outFile, "base64"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function codeFile(base64: string): string {
  const lines = base64.match(/.{1,90}/g) ?? [];
  const text = lines.map((line) => `  "${line}",`).join("\n");
  return `/** The compiled simd/simd.as.ts, in base64. Written by \`npm run simd\`; not to be edited. */
export const simdCode: string = [
${text}
].join("");
`;
}
