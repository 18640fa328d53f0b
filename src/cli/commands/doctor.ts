/**
 * `freshet doctor`: whether all that Freshet stands on is there and set up as it should be.
 *
 * Changes nothing, prints no secret, and comes to its end also when nothing answers.
 */

import type { Command } from "commander";
import { readClientConfig } from "../../config/config.ts";
import { systemClock } from "../../runtime/clock.ts";
import { waitAtMost } from "../../runtime/deadline.ts";
import { resolveAddresses } from "../addresses.ts";
import { inspectors } from "../connect.ts";
import { checkCertificates } from "../doctor/certificates.ts";
import { checkEmbedServers } from "../doctor/embed-servers.ts";
import { cacheOf, checkFolders, checkKeys, checkModel, checkSecrets } from "../doctor/files.ts";
import { type Finding, fail, findingLines, ok, worst } from "../doctor/finding.ts";
import { judgeVersion, versionsMin } from "../doctor/judge.ts";
import {
  type Asked,
  checkEngine,
  checkLanguageModels,
  checkNats,
  checkTemporal,
  checkWeaviate,
} from "../doctor/servers.ts";
import { checkQuotas, readSettings } from "../doctor/settings.ts";
import { checkTenantKeys } from "../doctor/tenant-keys.ts";
import { CliError } from "../exit.ts";
import { wholeNumber, withJson } from "../options.ts";
import { printable } from "../print.ts";
import { dataFolder } from "../run-file.ts";
import type { Terminal } from "../terminal.ts";

interface DoctorOptions {
  readonly url?: string;
  readonly nats?: string;
  readonly timeout: number;
  readonly strict?: true;
  readonly json?: true;
}

export function addDoctor(program: Command, terminal: Terminal, version: string): void {
  const command = program
    .command("doctor")
    .description("checks servers, versions, settings, clocks, disks, permissions, models, keys")
    .option("--url <url>", "address of the engine's HTTP API")
    .option("--nats <url>", "address of NATS")
    .option("--timeout <seconds>", "how long each server may take", wholeNumber(1, 60), 5)
    .option("--strict", "also exit with 1 when there are warnings only");
  withJson(command, ["freshet doctor", "freshet doctor --json | jq '.findings[]'"]).action(
    async (options: DoctorOptions) => {
      const findings = await examine(options, terminal, version);
      const level = worst(findings);
      const text =
        options.json === true
          ? [JSON.stringify({ level, findings })]
          : findingLines(findings).map(printable);
      terminal.out(`${text.join("\n")}\n`);
      if (level === "fail" || (level === "warn" && options.strict === true))
        throw new CliError("something has to be mended");
    },
  );
}

async function examine(
  options: DoctorOptions,
  { env }: Terminal,
  version: string,
): Promise<readonly Finding[]> {
  const versions = [
    ok("freshet", version),
    judgeVersion("node", process.versions.node, versionsMin.node),
  ];
  const { env: usable, findings: settings } = readSettings(env);
  const addresses = resolveAddresses(options, usable);
  const used = readClientConfig(usable);
  const timeoutMs = options.timeout * 1_000;
  const asked: Asked = { config: used, addresses, timeoutMs };
  const checks: readonly (readonly [string, () => Promise<readonly Finding[]>])[] = [
    ["engine", () => checkEngine(asked)],
    ["NATS", () => checkNats(asked, inspectors(timeoutMs).nats)],
    ["Temporal", () => checkTemporal(asked, inspectors(timeoutMs).temporal)],
    ["Weaviate", () => checkWeaviate(asked)],
    ["embedding servers", () => checkEmbedServers(asked)],
    ["language models", () => checkLanguageModels(asked)],
    ["folders", () => checkFolders(dataFolder(env), cacheOf(used))],
    ["files of secrets", () => checkSecrets(used, dataFolder(env))],
    ["certificates", async () => checkCertificates(used, systemClock.nowMs())],
    ["keys", () => checkKeys(used, systemClock.nowMs())],
    ["quotas", async () => checkQuotas(used)],
    ["keys of tenants", () => checkTenantKeys(asked)],
    ["model", () => checkModel(used)],
  ];
  const found = await Promise.all(checks.map(([what, check]) => bounded(what, check, timeoutMs)));
  return [...versions, ...settings, ...found.flat()];
}

/** A check that fails by itself, or takes far too long, is a finding too. */
async function bounded(
  what: string,
  check: () => Promise<readonly Finding[]>,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const mend = "try again with a longer --timeout; if it stays, this is a bug";
  try {
    const done = await waitAtMost(systemClock, Math.max(4 * timeoutMs, checkMsMin), check());
    return typeof done === "symbol" ? [fail(what, "could not be checked in time", mend)] : done;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.name : "no reason";
    return [fail(what, `could not be checked: ${why}`, mend)];
  }
}

/** Of one check as a whole: checksums of a model take seconds on a busy machine. */
const checkMsMin = 30_000;
