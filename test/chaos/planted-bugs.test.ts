import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { applyPatch, plantedBugs } from "./planted-bugs.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

it.each(plantedBugs.flatMap(({ name, patches }) => patches.map((patch) => ({ name, patch }))))(
  "the bug $name can be planted in the code as it is",
  ({ patch }) => {
    const code = readFileSync(`${root}${patch.file}`, "utf8");
    expect(applyPatch(code, patch)).toContain(patch.replace.trim());
  },
);

it("a patch without a single place is refused", () => {
  const patch = { file: "a.ts", find: "b", replace: "c" };
  expect(() => applyPatch("abba", patch)).toThrow("no single place");
  expect(() => applyPatch("aa", patch)).toThrow("no single place");
  expect(applyPatch("aba", patch)).toBe("aca");
});
