/**
 * What Freshet is made of, as CycloneDX 1.5: npm's own list of the packages, and what npm does not
 * know: servers, Node and models, from ops/versions.json. Pure.
 */

import { z } from "zod";
import type { Pins } from "../setup/versions.ts";

const component = z.looseObject({
  type: z.enum(["library", "application", "platform", "machine-learning-model"]),
  name: z.string().min(1),
  version: z.string().min(1),
  "bom-ref": z.string().min(1),
  purl: z.string().startsWith("pkg:").optional(),
  scope: z.string().optional(),
  hashes: z
    .array(z.object({ alg: z.enum(["SHA-256", "SHA-512"]), content: z.string().min(64) }))
    .optional(),
  licenses: z.array(z.unknown()).optional(),
  properties: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
});
export type Component = z.infer<typeof component>;

/** The part of CycloneDX that is used here. */
export const bomSchema = z.looseObject({
  bomFormat: z.literal("CycloneDX"),
  specVersion: z.string().regex(/^1\.[5-9]$/),
  serialNumber: z.string().regex(/^urn:uuid:[0-9a-f-]{36}$/),
  version: z.int(),
  metadata: z.looseObject({ timestamp: z.iso.datetime(), component }),
  components: z.array(component).min(1),
  dependencies: z.array(z.looseObject({ ref: z.string() })),
});
export type Bom = z.infer<typeof bomSchema>;

/**
 * Without what only builds and tests. `npm sbom --omit dev` (11.17) also leaves out packages that
 * are shipped and that a tool asks for as well, such as zod.
 */
export function shippedOf(bom: Bom): Bom {
  const development = "cdx:npm:package:development";
  const components = bom.components.filter(
    ({ properties = [] }) => !properties.some(({ name }) => name === development),
  );
  const refs = new Set(components.map((component) => component["bom-ref"]));
  const own = bom.metadata.component["bom-ref"];
  const dependencies = bom.dependencies.filter(({ ref }) => refs.has(ref) || ref === own);
  return { ...bom, components, dependencies };
}

/** @param own of package.json: npm takes the folder's name for that of the package */
export function completeBom(
  bom: Bom,
  own: { readonly name: string; readonly version: string; readonly license: string },
  pins: Pins,
): Bom {
  const licenses = [{ license: { id: own.license } }];
  const named = { name: own.name, version: own.version, type: "application" as const, licenses };
  const { component: root } = bom.metadata;
  const purl = `pkg:npm/${own.name}@${own.version}`;
  return {
    ...bom,
    metadata: { ...bom.metadata, component: { ...root, ...named, purl } },
    components: [...bom.components, ...pinned(pins)],
  };
}

function pinned(pins: Pins): readonly Component[] {
  const platforms = Object.entries(pins.platforms).flatMap(([platform, { node, nats, temporal }]) =>
    Object.entries({ node, nats, temporal }).map(([name, { wheel, file }]) => ({
      ...pythonWheel(wheel, `${wheel.package}@${wheel.version}#${platform}`),
      type: name === "node" ? ("platform" as const) : ("application" as const),
      hashes: [{ alg: "SHA-256" as const, content: file.sha256 }],
    })),
  );
  const models = Object.values(pins.models).map(({ name, wheel }) => ({
    ...pythonWheel(wheel, `${name}@${wheel.version}`),
    type: "machine-learning-model" as const,
    name,
  }));
  const { module, version } = pins.weaviate;
  const weaviate = { type: "application" as const, name: "weaviate", version };
  const purl = `pkg:golang/${module}@${version}`;
  return [...platforms, ...models, { ...weaviate, "bom-ref": purl, purl }];
}

function pythonWheel(
  wheel: { readonly package: string; readonly version: string; readonly sha256: string },
  ref: string,
) {
  return {
    "bom-ref": ref,
    name: wheel.package,
    version: wheel.version,
    purl: `pkg:pypi/${wheel.package}@${wheel.version}`,
    hashes: [{ alg: "SHA-256" as const, content: wheel.sha256 }],
  };
}
