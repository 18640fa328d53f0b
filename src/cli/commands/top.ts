/** `freshet top`: tenants and their rates, live, from the engine's `/metrics`. */

import { type Command, Option } from "commander";
import { readClientConfig } from "../../config/config.ts";
import { limits } from "../../contract/limits.ts";
import type { Secret, TlsFiles } from "../../contract/links.ts";
import { hostAndPort, nearHost } from "../../contract/place.ts";
import { systemClock } from "../../runtime/clock.ts";
import { resolveAddresses } from "../addresses.ts";
import { CliError, Stopped } from "../exit.ts";
import { askUrl, refuseOpenWire } from "../http-client.ts";
import { wholeNumber, withEngine, withJson } from "../options.ts";
import { printable } from "../print.ts";
import { startCommand } from "../run-file.ts";
import type { Terminal } from "../terminal.ts";
import { closeScreen, openScreen, redraw, sampleTable } from "../top/draw.ts";
import {
  type Page,
  parsePage,
  type Sample,
  type SortKey,
  sampleLines,
  sampleOf,
  sortKeys,
} from "../top/sample.ts";

interface TopOptions {
  readonly url?: string;
  readonly mergeUrl?: string;
  readonly interval: number;
  readonly sort: SortKey;
  readonly once?: true;
  readonly json?: true;
}

interface Source {
  readonly engine: string;
  /** Of a merge worker; undefined: none shows its metrics. */
  readonly merges: string | undefined;
  readonly token: Secret | undefined;
  readonly tls: TlsFiles | undefined;
}

export function addTop(program: Command, terminal: Terminal): void {
  const command = program
    .command("top")
    .description("tenants by rate, live: documents, questions, lag, memory, merges, dead letters")
    .option("--interval <seconds>", "between two samples", wholeNumber(1, 3_600), 1)
    .addOption(
      new Option("--sort <key>", "what goes first")
        .choices(Object.keys(sortKeys))
        .default("documents"),
    )
    .option("--merge-url <url>", "metrics of a merge worker (FRESHET_MERGE_METRICS_PORT)")
    .option("--once", "one sample, over one interval");
  const examples = [
    "freshet top --sort lag",
    "freshet top --once --json",
    "freshet top --json | jq 'select(.kind == \"tenant\")'",
  ];
  withJson(withEngine(command), examples).action((options: TopOptions) => top(options, terminal));
}

async function top(options: TopOptions, terminal: Terminal): Promise<void> {
  const source = sourceOf(options, terminal.env);
  const { signal } = terminal;
  const show = options.once === true ? undefined : terminal.screen;
  const isLive = options.json !== true && show?.() !== undefined;
  let before = await pageOf(source.engine, source, signal);
  if (isLive) terminal.out(openScreen);
  try {
    while (!signal.aborted) {
      await systemClock.sleep(options.interval * 1_000, signal);
      if (signal.aborted) break;
      const taken = await take(source, before, signal).catch((thrown: unknown) => {
        if (!isLive) throw thrown;
        return thrown instanceof Error ? thrown.message : "no answer";
      });
      const screen = isLive ? show?.() : undefined;
      if (typeof taken === "string") {
        if (screen !== undefined) terminal.out(redraw([taken], screen));
        continue;
      }
      before = taken.now;
      print(taken.sample, { ...options, terminal, screen });
      if (options.once === true) return;
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    if (isLive) terminal.out(closeScreen);
  }
  throw new Stopped();
}

function print(
  sample: Sample,
  to: Pick<TopOptions, "json" | "sort"> & {
    readonly terminal: Terminal;
    readonly screen: ReturnType<NonNullable<Terminal["screen"]>>;
  },
): void {
  const lines = (to.json === true ? sampleLines : sampleTable)(sample, to.sort).map(printable);
  if (to.screen !== undefined) to.terminal.out(redraw(lines, to.screen));
  else to.terminal.out(`${lines.join("\n")}\n`);
}

async function take(
  source: Source,
  before: Page,
  signal: AbortSignal,
): Promise<{ readonly now: Page; readonly sample: Sample }> {
  const [now, merges] = await Promise.all([
    pageOf(source.engine, source, signal),
    // Beside the point where it is away: the engine is what is watched.
    source.merges === undefined
      ? undefined
      : pageOf(source.merges, source, signal).catch(() => undefined),
  ]);
  return { now, sample: sampleOf(before, now, merges) };
}

/** @throws CliError with one line that says what to do */
async function pageOf(url: string, { token, tls }: Source, signal: AbortSignal): Promise<Page> {
  if (token !== undefined) refuseOpenWire(url);
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token()}` };
  const both = AbortSignal.any([signal, AbortSignal.timeout(limits.topAnswerMs)]);
  const response = await askUrl(`${url}/metrics`, { tls, headers, signal: both }).catch(
    (cause: unknown) => {
      const where = new URL(url).origin;
      throw new CliError(`no engine answers at ${where}: start it with ${startCommand}`, { cause });
    },
  );
  if (response.status === 401) {
    await response.body?.cancel();
    throw new CliError(
      "the engine shows metrics to operators only: set FRESHET_OPERATOR_TOKEN_FILE",
    );
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new CliError(`${new URL(url).origin}/metrics answers ${response.status}`);
  }
  return parsePage(await response.text(), systemClock.nowMs());
}

function sourceOf({ url, mergeUrl }: TopOptions, env: Terminal["env"]): Source {
  const addresses = resolveAddresses({ url }, env);
  const { http, mergeMetricsPort } = readClientConfig(env);
  const near = mergeMetricsPort === undefined || mergeMetricsPort === 0;
  return {
    engine: addresses.http,
    merges:
      mergeUrl ??
      (near ? undefined : `http://${hostAndPort(nearHost(http.host), mergeMetricsPort)}`),
    token: http.operatorToken,
    tls: addresses.api?.tls,
  };
}
