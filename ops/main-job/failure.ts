/** What a run of the main job ends with, for a person. */
import { ConfigError } from "../../src/config/config.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { tenant } from "./job.ts";

const ofKeys: readonly string[] = ["unauthorized", "forbidden", "wrong_tenant"];

/** One line, or one for each setting that is wrong. */
export function failureLines(thrown: unknown): readonly string[] {
  if (thrown instanceof ConfigError) return thrown.lines.map((line) => `freshet: ${line}`);
  return [failureLine(thrown)];
}

/** Where engines ask for keys, the job is a caller as any other. */
function failureLine(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (!(thrown instanceof FreshetError)) return `freshet: ${message}`;
  const told = `freshet: ${message} (${thrown.code})`;
  if (!ofKeys.includes(thrown.code)) return told;
  const asks = `the job publishes and asks as the tenant ${tenant}`;
  return `${told}: ${asks}; FRESHET_API_KEY gives a key of it that has the role admin`;
}
