import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compileKernel, kernelCodeFile } from "../../ops/kernel/compile.ts";

test("the kernel that is loaded is what its source compiles to; `npm run kernel` writes it anew", async () => {
  expect(await compileKernel()).toBe(readFileSync(kernelCodeFile, "utf8"));
});
