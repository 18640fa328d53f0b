/** `npm run simd`: compiles src/hot/simd/ into src/hot/simd-code.ts. */

import { writeFile } from "node:fs/promises";
import { compileSimd, simdCodeFile } from "./compile.ts";

const code = await compileSimd();
await writeFile(simdCodeFile, code);
process.stdout.write(`${simdCodeFile}: ${code.length} characters\n`);
