/**
 * Which embedding graph this machine gets: what the environment asks for, else what its CPU is good
 * at.
 */
import { readFileSync } from "node:fs";
import {
  choosePrecision,
  cpuFlagsOf,
  embedProviders,
  type GraphVariant,
  graphVariantOf,
  type Precision,
} from "../../src/embedding/precision.ts";
import type { Environment } from "./cache.ts";
import { SetupError } from "./setup-error.ts";

const precisions = ["auto", "fp32", "int8", "fp16"] as const satisfies (Precision | "auto")[];
const fallbacks = ["none", "cpu"] as const;

/** @throws SetupError when a variable has a value that the engine would refuse. */
export function precisionFor(env: Environment, cpuinfo = readCpuinfo()): Precision {
  return choosePrecision({
    wanted: oneOf(env, "FRESHET_EMBED_PRECISION", precisions),
    provider: oneOf(env, "FRESHET_EMBED_PROVIDER", embedProviders),
    cpuFlags: cpuFlagsOf(cpuinfo),
  });
}

/**
 * The graphs that the engine may open: that of its provider first, and that of the CPU where it may
 * stand in.
 * @throws SetupError when a variable has a value that the engine would refuse
 */
export function graphsFor(
  env: Environment,
  cpuinfo = readCpuinfo(),
): [GraphVariant, ...GraphVariant[]] {
  const provider = oneOf(env, "FRESHET_EMBED_PROVIDER", embedProviders);
  const precision = precisionFor(env, cpuinfo);
  const variant = graphVariantOf(precision, provider);
  if (variant === undefined) {
    throw new SetupError(
      `FRESHET_EMBED_PRECISION is ${precision}; with ${provider} it can be auto, fp32, fp16`,
    );
  }
  if (oneOf(env, "FRESHET_EMBED_FALLBACK", fallbacks) === "none") return [variant];
  const cpuFlags = cpuFlagsOf(cpuinfo);
  const standIn = choosePrecision({ wanted: "auto", provider: "cpu", cpuFlags });
  return standIn === variant ? [variant] : [variant, standIn];
}

/** The first of `allowed` is the default. */
function oneOf<T extends string>(env: Environment, name: string, allowed: readonly [T, ...T[]]): T {
  const value = env[name];
  if (value === undefined || value === "") return allowed[0];
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new SetupError(`${name} is ${value}; it can be ${allowed.join(", ")}`);
}

/** Empty where there is none: on other systems than Linux. */
function readCpuinfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}
