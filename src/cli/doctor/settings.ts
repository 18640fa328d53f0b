/** Settings that are wrong: by themselves, together, by name, or by what their file holds. */

import { type Config, ConfigError, readConfig } from "../../config/config.ts";
import { settings } from "../../config/settings.ts";
import { silentLogger } from "../../contract/observation.ts";
import { systemClock } from "../../runtime/clock.ts";
import { QuotaFile } from "../../tenants/quota-file.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const settingRoundsMax = 4;
/** A slip of the hand: two letters in each other's place are two. */
const slipMax = 2;

/**
 * Each setting that is wrong by itself or against another one. The rest is used as it is: what is
 * named leaves, until what is left makes sense.
 */
export function readSettings(env: Environment): {
  readonly env: Environment;
  readonly findings: readonly Finding[];
} {
  const given = Object.keys(env).filter((name) => /^(FRESHET|OTEL)_/.test(name)).length;
  const unknown = unknownSettings(Object.keys(env));
  const findings: Finding[] = [];
  let left = env;
  for (let round = 0; round < settingRoundsMax; round += 1) {
    try {
      readConfig(left);
      if (findings.length > 0) return { env: left, findings: [...findings, ...unknown] };
      const together = ok("settings", `${given} are set, and make sense together`);
      return { env, findings: unknown.length > 0 ? unknown : [together] };
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown;
      const named = new Set<string>();
      for (const line of thrown.lines) {
        const [, name = "settings", says = line] = /^([A-Z_]+):? (.*)$/s.exec(line) ?? [];
        findings.push(fail(name, says, "ops/guides/configuration.md says what it takes"));
        // A file that holds no such secret goes with the secret, an address with what it lacks.
        for (const word of line.matchAll(/(?:FRESHET|OTEL)_[A-Z_]+/g)) named.add(word[0]);
      }
      left = Object.fromEntries(Object.entries(left).filter(([name]) => !named.has(name)));
    }
  }
  return { env: {}, findings: [...findings, ...unknown] };
}

/**
 * Nothing reads them, so that what they should say does not hold. Only those that look like a
 * setting: scripts beside Freshet have variables of their own.
 */
export function unknownSettings(names: readonly string[]): readonly Finding[] {
  const known = Object.keys(settings);
  return names
    .filter((name) => name.startsWith("FRESHET_") && !known.includes(name))
    .flatMap((name) => {
      const meant = known.find((one) => editsBetween(one, name) <= slipMax);
      if (meant === undefined) return [];
      return [warn(name, "is no setting, and nothing reads it", `did you mean ${meant}?`)];
    });
}

/** How many letters have to be added, taken away or changed (Levenshtein). */
function editsBetween(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > slipMax) return slipMax + 1;
  let above = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [row, letter] of [...one].entries()) {
    const line = [row + 1];
    for (const [at, facing] of [...other].entries()) {
      const changed = (above[at] ?? 0) + (letter === facing ? 0 : 1);
      line.push(Math.min(changed, (above[at + 1] ?? 0) + 1, (line[at] ?? 0) + 1));
    }
    above = line;
  }
  return above[other.length] ?? 0;
}

/** An engine does not start with a file of quotas that it cannot use. */
export function checkQuotas({ quotasFile: path }: Config): readonly Finding[] {
  if (path === undefined) return [];
  const what = "FRESHET_QUOTAS_FILE";
  try {
    QuotaFile.open({ path, clock: systemClock, logger: silentLogger });
    return [ok("quotas", `${path} can be used`)];
  } catch (thrown) {
    const line = thrown instanceof Error ? thrown.message : String(thrown);
    const [says = line] = line.replace(`${what}: `, "").split("; see ");
    return [fail(what, says, "ops/guides/quotas.md says what it holds")];
  }
}
