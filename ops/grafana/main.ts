/** `ops/node node ops/grafana/main.ts [folder]`: writes the boards as Grafana imports them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { boards } from "./boards.ts";
import { dashboardOf } from "./dashboard.ts";

const [given = join(import.meta.dirname, "boards"), ...others] = process.argv.slice(2);
if (others.length > 0 || given.startsWith("-")) {
  process.stderr.write("Usage: ops/node node ops/grafana/main.ts [folder]\n");
  process.exitCode = given === "--help" ? 0 : 2;
} else {
  const folder = resolve(given);
  mkdirSync(folder, { recursive: true });
  for (const board of boards) {
    const file = join(folder, `${board.uid}.json`);
    writeFileSync(file, `${JSON.stringify(dashboardOf(board), null, 2)}\n`);
    process.stdout.write(`${file}\n`);
  }
}
