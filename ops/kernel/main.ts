/** `npm run kernel`: compiles src/hot/kernel/ into src/hot/kernel-code.ts. */

import { writeFile } from "node:fs/promises";
import { compileKernel, kernelCodeFile } from "./compile.ts";

const code = await compileKernel();
await writeFile(kernelCodeFile, code);
process.stdout.write(`${kernelCodeFile}: ${code.length} characters\n`);
