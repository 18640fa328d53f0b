/**
 * `npm run sbom`: checks the licences of the lock file and writes what Freshet is made of, as
 * CycloneDX JSON. Needs no network.
 */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readPins } from "../setup/versions.ts";
import { type Bom, bomSchema, completeBom, shippedOf } from "./bom.ts";
import { type LockedPackages, licenceProblems } from "./licences.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const usage = `usage: npm run sbom -- [--out FILE] [--all]

Checks the licences of package-lock.json, then prints a CycloneDX document.

  --out FILE  write it there instead
  --all       also what only builds and tests
  --help      this text
`;

const json = <Shape>(name: string): Shape =>
  JSON.parse(readFileSync(`${repository}${name}`, "utf8")) as Shape;

export function makeBom({ all }: { readonly all: boolean }): Bom {
  const parameters = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
  const printed = execFileSync("npm", parameters, {
    ...{ cwd: repository, encoding: "utf8" as const, maxBuffer: 64 * 1024 * 1024 },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const made = bomSchema.parse(JSON.parse(printed));
  return completeBom(
    all ? made : shippedOf(made),
    json<Parameters<typeof completeBom>[1]>("package.json"),
    readPins(),
  );
}

export function lockedPackages(): LockedPackages {
  return json<{ readonly packages: LockedPackages }>("package-lock.json").packages;
}

function main(): number {
  const { values } = parseArgs({
    options: {
      ...{ out: { type: "string" }, all: { type: "boolean", default: false } },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const problems = licenceProblems(lockedPackages());
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length > 0) return 1;
  const bom = makeBom({ all: values.all });
  const text = `${JSON.stringify(bom, null, 2)}\n`;
  if (values.out === undefined) process.stdout.write(text);
  else writeFileSync(values.out, text);
  process.stderr.write(`${bom.components.length} components, all under allowed licences\n`);
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = main();
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message.split("\n", 1)[0] : String(thrown);
    process.stderr.write(`sbom: ${message}\n`);
    process.exitCode = 2;
  }
}
