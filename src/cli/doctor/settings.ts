/** Settings that are wrong: by themselves, together, by name, or by what their file holds. */

import { type Config, ConfigError, readConfig } from "../../config/config.ts";
import { slipsIn } from "../../config/slips.ts";
import { silentLogger } from "../../contract/observation.ts";
import { systemClock } from "../../runtime/clock.ts";
import { QuotaFile } from "../../tenants/quota-file.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const settingRoundsMax = 4;

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

export function unknownSettings(names: readonly string[]): readonly Finding[] {
  return slipsIn(names).map(({ name, meant }) =>
    warn(name, "is no setting, and nothing reads it", `did you mean ${meant}?`),
  );
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
