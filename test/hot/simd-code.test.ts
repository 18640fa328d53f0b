import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compileSimd, simdCodeFile } from "../../ops/simd/compile.ts";

test("the SIMD code that is loaded is what its source compiles to; `npm run simd` writes it anew", async () => {
  expect(await compileSimd()).toBe(readFileSync(simdCodeFile, "utf8"));
});
