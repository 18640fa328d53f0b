/** Maven artifacts as a carrier of model files: mvn downloads, its checksum is compared here. */
import { join } from "node:path";
import type { Environment } from "./cache.ts";
import { sha256OfFile } from "./checksum.ts";
import { findOnPath, runCommand } from "./command.ts";
import { lastLines, SetupError } from "./setup-error.ts";
import type { MavenPin } from "./versions.ts";

/** Ten minutes: 79 MB at 1.5 Mbit/s, the slowest line on which a set-up is still of use. */
const downloadTimeoutMs = 600_000;
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

/** Unpacks a pinned artifact into `folder/artifact`. */
export async function unpackArtifact(
  { group, artifact, version, sha256 }: MavenPin,
  folder: string,
  env: Environment,
): Promise<string> {
  const maven = programOf("mvn", "Maven, which fetches this model: apt-get install maven", env);
  const python = programOf("python3", "python3: apt-get install python3", env);
  const download = [
    ...["-q", "-B", copyGoal, `-Dartifact=${group}:${artifact}:${version}`],
    ...[`-DoutputDirectory=${folder}`],
  ];
  const options = { env, cwd: folder, timeoutMs: downloadTimeoutMs };
  const fetched = await runCommand(maven, download, options);
  if (fetched.code !== 0) {
    throw new SetupError(
      `mvn could not fetch ${artifact} ${version}: ${lastLines(fetched.output, 1)} ` +
        "(check the network, then run the set-up again)",
    );
  }
  const jar = join(folder, `${artifact}-${version}.jar`);
  const found = await sha256OfFile(jar);
  if (found !== sha256) {
    throw new SetupError(`${artifact} ${version} has the checksum ${found}, pinned is ${sha256}`);
  }
  const target = join(folder, "artifact");
  const unpacked = await runCommand(python, ["-m", "zipfile", "-e", jar, target], options);
  if (unpacked.code === 0) return target;
  throw new SetupError(`${jar} cannot be unpacked: ${lastLines(unpacked.output, 1)}`);
}

function programOf(name: string, what: string, env: Environment): string {
  const found = findOnPath(name, env);
  if (found === undefined) throw new SetupError(`${name} is missing: ${what}`);
  return found;
}
