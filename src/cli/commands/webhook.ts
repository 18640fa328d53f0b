/** `freshet webhook`: where a tenant's events are sent, signed. */

import { randomBytes } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AuditOperation } from "../../contract/audit.ts";
import {
  type EndpointAction,
  type EndpointChanged,
  type Endpoints,
  type EventType,
  eventTypeNames,
  isEndpointId,
  wantedEndpointSchema,
} from "../../contract/endpoint.ts";
import { checkNotErased } from "../../contract/tenant-life.ts";
import { systemClock } from "../../runtime/clock.ts";
import { resolveAddresses } from "../addresses.ts";
import { writeDown } from "../audit.ts";
import { connectEndpoints, type EndpointsConnection } from "../connect.ts";
import { CliError, usageError } from "../exit.ts";
import { type CommonOptions, wholeNumber, withCommon } from "../options.ts";
import { printable } from "../print.ts";
import type { Terminal } from "../terminal.ts";
import { failureLines, listLines, showLines } from "../webhooks/print.ts";

interface WebhookOptions extends CommonOptions {
  readonly nats?: string | undefined;
  readonly temporal?: string | undefined;
}

interface AddOptions extends WebhookOptions {
  readonly url: string;
  readonly events?: readonly EventType[] | undefined;
  readonly note?: string | undefined;
  readonly fromSeq?: number | undefined;
}

interface ReplayOptions extends WebhookOptions {
  readonly fromSeq: number;
}

const seq = wholeNumber(0, Number.MAX_SAFE_INTEGER);

export function addWebhook(program: Command, terminal: Terminal): void {
  const webhook = program
    .command("webhook")
    .description("webhooks: a tenant's events, signed and sent to a URL, in order, at least once");
  addAdd(webhook, terminal);
  withServers(webhook.command("list").description("every webhook of a tenant: how far it is"), [
    "freshet webhook list --tenant acme",
  ]).action((options: WebhookOptions) => list(options, terminal));
  one(webhook, "show", "one webhook, with the newest requests that failed").action(
    (id: string, options: WebhookOptions) => show(id, options, terminal),
  );
  one(webhook, "remove", "send no more to it, and forget it").action(
    (id: string, options: WebhookOptions) => remove(id, options, terminal),
  );
  for (const [action, what] of Object.entries(simple)) {
    one(webhook, action, what).action((id: string, options: WebhookOptions) =>
      change(id, { action: action as EndpointAction }, { options, terminal }),
    );
  }
  one(webhook, "replay", "send again, under their ids, all events from a seq on")
    .requiredOption("--from-seq <seq>", "the first event that is sent again; 0: all", seq)
    .action((id: string, options: ReplayOptions) =>
      change(id, { action: "replay", fromSeq: options.fromSeq }, { options, terminal }),
    );
}

const simple = {
  test: "send one signed request of the type webhook.test now, and say what came back",
  pause: "send nothing; the position stays",
  resume: "send again what waits, beginning at once",
  rotate: "make another secret; the old one signs beside it for a day",
} as const satisfies Partial<Record<EndpointAction, string>>;

function addAdd(webhook: Command, terminal: Terminal): void {
  const command = webhook
    .command("add")
    .description("send the tenant's events to a URL from now on; shows its secret once")
    .requiredOption("--url <url>", "where events are posted, https://")
    .addOption(
      new Option("--events <types>", `with commas between; default all: ${eventTypeNames.join()}`)
        .argParser(typesIn)
        .default(undefined, "all"),
    )
    .option("--note <text>", "for people")
    .option("--from-seq <seq>", "begin with this seq instead of with what comes", seq);
  withServers(command, [
    "freshet webhook add --tenant acme --url https://hooks.example.com/freshet",
    "freshet webhook add --url https://example.com/in --events document.indexed,document.deleted",
  ]).action((options: AddOptions) => add(options, terminal));
}

function one(webhook: Command, name: string, what: string): Command {
  return withServers(webhook.command(name).description(what), [
    `freshet webhook ${name} wh_k3v0qzt1m5x2aaf4 --tenant acme${name === "replay" ? " --from-seq 0" : ""}`,
  ]).argument("<id>", "of the webhook, as `list` shows it", idValue);
}

function withServers(command: Command, examples: readonly string[]): Command {
  return withCommon(command, examples)
    .option("--nats <url>", "address of NATS")
    .option("--temporal <host:port>", "address of Temporal");
}

function idValue(value: string): string {
  if (isEndpointId(value)) return value;
  throw new InvalidArgumentError("a webhook's id is wh_ and 16 letters or digits");
}

function typesIn(value: string): readonly EventType[] {
  const types = value.split(",").map((type) => type.trim());
  const unknown = types.find((type) => !(eventTypeNames as readonly string[]).includes(type));
  if (unknown === undefined) return types as EventType[];
  throw new InvalidArgumentError(`there is no type ${unknown}: ${eventTypeNames.join(", ")}`);
}

interface Work<Value> {
  readonly options: WebhookOptions;
  readonly terminal: Terminal;
  readonly work: (endpoints: Endpoints, lives: EndpointsConnection["lives"]) => Promise<Value>;
  /** What it leaves in the audit trail, when it is done; nothing where it only reads. */
  readonly operation?: AuditOperation;
}

async function connected<Value>(parts: Work<Value>): Promise<Value> {
  const { options, terminal, work, operation } = parts;
  const addresses = resolveAddresses(options, terminal.env);
  const connection = await connectEndpoints(addresses, {
    nowMs: () => systemClock.nowMs(),
    random: randomBytes,
  });
  try {
    const { endpoints, lives, audit } = connection;
    const value = await work(endpoints, lives);
    if (operation !== undefined) {
      await writeDown({ operation, tenant: options.tenant }, { addresses, terminal, audit });
    }
    return value;
  } finally {
    await connection.close();
  }
}

async function add(options: AddOptions, terminal: Terminal): Promise<void> {
  const { tenant, url, events, note, fromSeq } = options;
  const given = { url, events, note, from_seq: fromSeq };
  const wanted = wantedEndpointSchema.safeParse(given);
  if (!wanted.success) {
    const [issue] = wanted.error.issues;
    throw usageError(`${issue?.path.join(".") ?? "webhook"}: ${issue?.message ?? "invalid"}`);
  }
  const added = await connected({
    ...{ options, terminal, operation: "webhook_add" },
    work: async (endpoints, lives) => {
      checkNotErased((await lives.get(tenant)).life);
      return endpoints.add(tenant, wanted.data);
    },
  });
  print(added, options, terminal);
}

async function list(options: WebhookOptions, terminal: Terminal): Promise<void> {
  const work = (endpoints: Endpoints) => endpoints.list(options.tenant);
  const webhooks = await connected({ options, terminal, work });
  if (options.json === true) terminal.out(`${JSON.stringify({ webhooks })}\n`);
  else terminal.out(`${listLines(webhooks).map(printable).join("\n")}\n`);
}

async function show(id: string, options: WebhookOptions, terminal: Terminal): Promise<void> {
  const { tenant } = options;
  const work = async (endpoints: Endpoints) => ({
    webhook: await endpoints.show(tenant, id),
    failures: await endpoints.failures(tenant, id),
  });
  const { webhook, failures } = await connected({ options, terminal, work });
  if (options.json === true) terminal.out(`${JSON.stringify({ webhook, failures })}\n`);
  else {
    const lines = [...showLines(webhook), ...failureLines(failures)];
    terminal.out(`${lines.map(printable).join("\n")}\n`);
  }
}

async function remove(id: string, options: WebhookOptions, terminal: Terminal): Promise<void> {
  const work = (endpoints: Endpoints) => endpoints.remove(options.tenant, id);
  await connected({ options, terminal, work, operation: "webhook_remove" });
  if (options.json === true) terminal.out(`${JSON.stringify({ removed: id })}\n`);
  else terminal.out(`webhook ${id} is removed\n`);
}

async function change(
  id: string,
  wanted: { readonly action: EndpointAction; readonly fromSeq?: number },
  { options, terminal }: { readonly options: WebhookOptions; readonly terminal: Terminal },
): Promise<void> {
  const changed = await connected({
    ...{ options, terminal, operation: `webhook_${wanted.action}` },
    work: (endpoints) => endpoints.change(options.tenant, id, wanted),
  });
  print(changed, options, terminal);
  const { test } = changed;
  if (test?.delivered === false) throw new CliError(`it was not delivered: ${test.reason}`);
}

function print(changed: EndpointChanged, options: WebhookOptions, terminal: Terminal): void {
  if (options.json === true) return terminal.out(`${JSON.stringify(changed)}\n`);
  const { webhook, secret, test } = changed;
  const lines = [
    ...showLines(webhook),
    ...(secret === undefined ? [] : [`secret: ${secret}  (it is not shown again)`]),
    ...(test?.delivered === true ? [`test: delivered, status ${test.status}, ${test.ms} ms`] : []),
  ];
  terminal.out(`${lines.map(printable).join("\n")}\n`);
}
