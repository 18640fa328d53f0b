import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { namesFiles } from "../../src/compose/names.ts";
import { readConfig } from "../../src/config/config.ts";

const folder = mkdtempSync(join(tmpdir(), "freshet-names-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const on = { FRESHET_REDACT_NAMES: "model", FRESHET_NAMES_MODEL_DIR: folder };

it("the lane of names is off unless it is asked for", () => {
  expect(namesFiles(readConfig({}))).toBeUndefined();
  expect(namesFiles(readConfig({ ...on, FRESHET_REDACT_NAMES: "off" }))).toBeUndefined();
  expect(() => readConfig({ FRESHET_REDACT_NAMES: "yes" })).toThrow("FRESHET_REDACT_NAMES");
});

it("an engine that is asked for names and has no model of them says what to do", () => {
  expect(() => namesFiles(readConfig(on))).toThrow(/FRESHET_REDACT_NAMES=model/);
  writeFileSync(join(folder, "graph-fp32-0123456789abcdef.onnx"), "");
  const graphFile = join(folder, "graph-fp32-0123456789abcdef.onnx");
  expect(namesFiles(readConfig(on))).toEqual({ modelDir: folder, graphFile });
});
