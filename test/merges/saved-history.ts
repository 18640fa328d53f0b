/** Histories of real runs, some of which are kept for the replay test. */

import { mkdirSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

/**
 * A history holds descriptors, never documents or secrets (I10).
 * @param json as Temporal writes it
 */
export function checkSavedHistory(
  json: string,
  { name, holds, hides }: Readonly<{ name: string; holds: string; hides: readonly string[] }>,
): void {
  const decoded = json.replaceAll(/"data":\s*"([^"]*)"/g, (_, data: string) =>
    Buffer.from(data, "base64").toString("utf8"),
  );
  expect(decoded).toContain(holds);
  for (const text of hides) expect(decoded).not.toContain(text);
  if (process.env["FRESHET_SAVE_HISTORIES"] !== "1") return;
  const directory = new URL("./histories/", import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL(`${name}.json`, directory), json);
}
