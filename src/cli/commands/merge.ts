/**
 * `freshet merge`: makes the cold shard equal to the log now, or steers the tenant's merge
 * workflow.
 */

import { type Command, Option } from "commander";
import type { TenantId } from "../../contract/ids.ts";
import type { MergeOutcome, MergePlan, MergeProgress } from "../../contract/merge.ts";
import type { ScrubOutcome, ScrubReport } from "../../contract/scrub.ts";
import type { MergeClient } from "../../merges/port.ts";
import { type Addresses, resolveAddresses } from "../addresses.ts";
import { writeDown } from "../audit.ts";
import { connectMerges } from "../connect.ts";
import { CliError } from "../exit.ts";
import { type CommonOptions, tenantValue, withCommon } from "../options.ts";
import type { Terminal } from "../terminal.ts";

const actions = ["preview", "pause", "resume", "cancel", "progress", "scrub"] as const;
type Action = (typeof actions)[number];

type MergeOptions = CommonOptions &
  Readonly<Partial<Record<Action, true>>> & { readonly temporal?: string | undefined };

const explanations: Readonly<Record<Action, string>> = {
  preview: "show what a merge would do now",
  pause: "stop before the next step, and start no other merge",
  resume: "go on after a pause",
  cancel: "end the merge that is in work",
  progress: "show how far the merge is",
  scrub: "compare the cold shard with the log, and put it right",
};

export function addMerge(program: Command, terminal: Terminal): void {
  const command = program
    .command("merge")
    .description("merge a tenant's hot documents into the cold shard")
    .argument("[tenant]", "the tenant; the same as --tenant", tenantValue);
  for (const action of actions) {
    const others = actions.filter((name) => name !== action);
    command.addOption(new Option(`--${action}`, explanations[action]).conflicts([...others]));
  }
  command.option("--temporal <host:port>", "address of Temporal");
  withCommon(command, [
    "freshet merge demo",
    "freshet merge --preview demo",
    "freshet merge --progress --tenant acme --json",
    "freshet merge --scrub demo",
  ]).action(async (tenant: TenantId | undefined, options: MergeOptions) =>
    merge(tenant ?? options.tenant, options, terminal),
  );
}

async function merge(tenant: TenantId, options: MergeOptions, terminal: Terminal): Promise<void> {
  const addresses = resolveAddresses(options, terminal.env);
  const client = await connectMerges(addresses);
  const action = actions.find((name) => options[name] === true);
  try {
    const work = runMerge(client, tenant, action);
    const { value, text } = await written(work, { action, tenant, addresses, terminal });
    const url = addresses.temporalUi && client.workflowUrl(tenant, addresses.temporalUi);
    if (options.json === true) terminal.out(`${JSON.stringify(value)}\n`);
    else terminal.out(`${text}\n${url === undefined ? "" : `${url}\n`}`);
  } finally {
    await client.close();
  }
}

/** Whoever steers a tenant's merges is written down, also when it fails; looking is no change. */
async function written(
  work: Promise<Told>,
  {
    action = "force",
    tenant,
    ...trail
  }: {
    readonly action: Action | "force" | undefined;
    readonly tenant: TenantId;
    readonly addresses: Addresses;
    readonly terminal: Terminal;
  },
): Promise<Told> {
  const told = Promise.race([work, interrupted(trail.terminal.signal)]);
  if (action === "preview" || action === "progress") return told;
  const operation = `merge_${action}` as const;
  try {
    const done = await told;
    await writeDown({ operation, tenant }, trail);
    return done;
  } catch (thrown) {
    await writeDown({ operation, tenant, outcome: "failed" }, trail);
    throw thrown;
  }
}

interface Told {
  readonly value: unknown;
  readonly text: string;
}

/**
 * What was asked for: a merge, or one of the actions. @throws CliError when the merge did not
 * happen
 */
export function runMerge(
  client: MergeClient,
  tenant: TenantId,
  action: Action | undefined,
): Promise<Told> {
  return action === undefined ? force(client, tenant) : steer(client, tenant, action);
}

async function force(client: MergeClient, tenant: TenantId): Promise<Told> {
  const outcome = await client.force(tenant);
  return { value: outcome, text: outcomeText(outcome) };
}

async function steer(client: MergeClient, tenant: TenantId, action: Action): Promise<Told> {
  switch (action) {
    case "preview": {
      const plan = await client.preview(tenant);
      return { value: plan, text: planText(plan) };
    }
    case "cancel": {
      const cancelled = await client.cancel(tenant);
      return {
        value: { cancelled },
        text: cancelled ? "the merge is cancelled" : "no merge was in work",
      };
    }
    case "progress": {
      const progress = await client.progress(tenant);
      if (progress === null) return { value: null, text: "never merged" };
      return { value: progress, text: progressText(progress) };
    }
    case "scrub": {
      const outcome = await client.scrub(tenant);
      return { value: outcome, text: scrubText(outcome) };
    }
    case "pause":
    case "resume": {
      const progress = await client[action](tenant);
      return { value: progress, text: progressText(progress) };
    }
  }
}

function outcomeText(outcome: MergeOutcome): string {
  switch (outcome.kind) {
    case "merged":
      return mergedText(outcome);
    case "nothing":
      return "nothing to merge: the cold shard is up to date";
    case "paused":
      throw new CliError("merges of this tenant are paused: freshet merge --resume");
    case "cancelled":
      throw new CliError("the merge was cancelled");
    case "failed":
      throw new CliError(`the merge failed: ${outcome.error.message} (${outcome.error.code})`);
  }
}

function mergedText(outcome: Extract<MergeOutcome, { kind: "merged" }>): string {
  const { upserts, chunks, deletes, superseded, refused } = outcome;
  const merged = `merged ${upserts} documents (${chunks} chunks), ${deletes} deletes, ${superseded} superseded`;
  if (refused === undefined) return merged;
  return `${merged}; the cold shard refused ${refused} documents: freshet dlq list`;
}

function scrubText(outcome: ScrubOutcome): string {
  switch (outcome.kind) {
    case "scrubbed":
      return reportText(outcome);
    case "nothing":
      return "nothing to scrub: this tenant was never merged";
    case "continues":
      return "the scrub goes on: freshet merge --progress";
    case "paused":
      throw new CliError("merges of this tenant are paused: freshet merge --resume");
    case "cancelled":
      throw new CliError("the scrub was cancelled");
    case "failed":
      throw new CliError(`the scrub failed: ${outcome.error.message} (${outcome.error.code})`);
  }
}

function reportText({ lost, refused, ...report }: ScrubReport): string {
  const { walked, live, waiting, deleted, repaired } = report;
  const counts = `scrubbed ${walked} objects: ${live} live, ${waiting} waiting, ${deleted} orphans deleted; ${repaired} written again`;
  const found = refused === undefined ? counts : `${counts}; ${refused} documents refused`;
  if (lost === null) return `${found}; a merge came between, so losses are unknown`;
  if (lost === 0) return `${found}; nothing is lost`;
  return `${found}; ${lost} documents are lost: publish them again`;
}

/** A repair is no merge of new documents: nothing new was published. */
function planText(plan: MergePlan): string {
  if (plan.kind === "nothing") return "nothing to merge";
  const more = plan.more ? "; more would follow" : "";
  if (plan.purpose === "repair") {
    return `would repair: the cold shard lost what was merged in (${plan.from}, ${plan.to}]; ${plan.upserts} documents (${plan.chunks} chunks) would be written again from the log${more}`;
  }
  return `would merge ${plan.upserts} documents (${plan.chunks} chunks), ${plan.deletes} deletes${more}`;
}

function progressText(progress: MergeProgress): string {
  const { paused, written, total, lastMerge, scrub, lastScrub, error } = progress;
  // A request to pause takes hold at the next step, so the phase may still say what is being
  // finished.
  const phase =
    paused && progress.phase !== "paused" ? `paused (${progress.phase})` : progress.phase;
  const state = !paused && phase === "paused" ? "resumed" : phase;
  return [
    total > 0 ? `${state}: ${written} of ${total} chunks written` : state,
    ...(scrub === null
      ? []
      : [`scrub: ${scrub.checked} objects read back, ${scrub.walked} walked`]),
    ...(lastMerge === null ? [] : [`last merge: ${lastMerge.chunks} chunks`]),
    ...(lastScrub === null ? [] : [`last scrub: ${reportText(lastScrub)}`]),
    ...(error === null ? [] : [`waiting after attempt ${error.attempt}: ${error.message}`]),
  ].join("\n");
}

/** Ctrl-C leaves the merge running: it is the workflow's, not the terminal's. */
function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new CliError("interrupted")), { once: true });
  });
}
