/** From the hot index's kernel in AssemblyScript to the module that src/hot/kernel.ts loads. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));
/** Run as a command: its types redefine those of JavaScript's own arrays for whoever imports it. */
const compiler = inRepository("node_modules/assemblyscript/bin/asc.js");
const kernelSource = inRepository("src/hot/kernel/kernel.as.ts");
export const kernelCodeFile = inRepository("src/hot/kernel-code.ts");

const options = [
  ["--optimizeLevel", "3", "--shrinkLevel", "0", "--noAssert", "--runtime", "stub"],
  // The arena's memory: shared, 4 GiB at most.
  ["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
  ["--enable", "simd,relaxed-simd,threads"],
].flat();

/**
 * The text of src/hot/kernel-code.ts: deterministic for one compiler version.
 * @throws Error with the compiler's complaints
 */
export async function compileKernel(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "freshet-kernel-"));
  try {
    const outFile = join(folder, "kernel.wasm");
    const parameters = [compiler, kernelSource, "--outFile", outFile, ...options];
    await promisify(execFile)(process.execPath, parameters);
    return codeFile(await readFile(outFile, "base64"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function codeFile(base64: string): string {
  const lines = base64.match(/.{1,90}/g) ?? [];
  const text = lines.map((line) => `  "${line}",`).join("\n");
  return `/** The compiled kernel/kernel.as.ts, in base64. Written by \`npm run kernel\`; not to be edited. */
export const kernelCode: string = [
${text}
].join("");
`;
}
