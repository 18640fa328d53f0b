/** `freshet source`: change streams of other systems, and trying their mappers. */

import { randomUUID } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import { limits } from "../../contract/limits.ts";
import {
  isSourceName,
  presetNames,
  type SourceDefinition,
  signatureKinds,
} from "../../contract/source.ts";
import { checkNotErased } from "../../contract/tenant-life.ts";
import { createMapper } from "../../ingest/sources/mapper-thread.ts";
import { isStreamSource } from "../../ingest/sources/port.ts";
import { presets } from "../../ingest/sources/presets.ts";
import { systemClock } from "../../runtime/clock.ts";
import { resolveAddresses } from "../addresses.ts";
import { writeDown } from "../audit.ts";
import { connectSources, type SourcesConnection } from "../connect.ts";
import { CliError } from "../exit.ts";
import { type CommonOptions, withCommon } from "../options.ts";
import { printable } from "../print.ts";
import { definitionOf, type InputFlags, type MapperFlags, mapperOf } from "../sources/define.ts";
import { type Listed, listedJson, listLines, mappedLines, showLines } from "../sources/print.ts";
import type { Terminal } from "../terminal.ts";
import { wholeInput } from "../whole-input.ts";

interface SourceOptions extends CommonOptions {
  readonly nats?: string | undefined;
}

type AddOptions = SourceOptions & MapperFlags & InputFlags;

interface TestOptions extends SourceOptions, MapperFlags {
  readonly subject: string;
  readonly header?: Readonly<Record<string, string>> | undefined;
  readonly key?: string | undefined;
}

export function addSource(program: Command, terminal: Terminal): void {
  const source = program
    .command("source")
    .description("change streams: what other systems write, mapped to documents");
  addAdd(source, terminal);
  addTest(source, terminal);
  withNats(source.command("list").description("every source: how far it is, and what it did"), [
    "freshet source list",
    "freshet source list --json",
  ]).action(async (options: SourceOptions) => list(options, terminal));
  withNats(source.command("show").description("one source, with what could not be mapped"), [
    "freshet source show orders",
  ])
    .argument("<name>", "its name", sourceName)
    .action(async (name: string, options: SourceOptions) => show(name, options, terminal));
  withNats(source.command("remove").description("stop reading; its documents stay"), [
    "freshet source remove orders",
  ])
    .argument("<name>", "its name", sourceName)
    .action(async (name: string, options: SourceOptions) => remove(name, options, terminal));
}

function addAdd(source: Command, terminal: Terminal): void {
  const command = source
    .command("add")
    .description("read a JetStream stream, or take a webhook, from now on")
    .argument("<name>", "lower-case letters, digits, _ or -", sourceName)
    .option("--stream <stream>", "JetStream stream to read")
    .option("--subject <filter>", "only these subjects of it")
    .option("--start <where>", "all, new, or the sequence that was dealt with last", "all")
    .option("--webhook", "take events at POST /v1/sources/<name>/events instead")
    .addOption(new Option("--signature <kind>", "who signs them").choices([...signatureKinds]))
    .option(
      "--secret-env <name>",
      "variable of the engine with the secret: FRESHET_SOURCE_SECRET_…",
    )
    .option("--secret-file <path>", "file of the engine's machine with the secret");
  withMapper(
    withNats(command, [
      "freshet source add orders --stream CDC --subject 'shop.public.orders' --preset debezium",
      "freshet source add notes --stream KV_notes --preset kafka --tenant acme",
      "freshet source add repo --webhook --preset github --signature github --secret-env FRESHET_SOURCE_SECRET_REPO",
      `freshet source add crm --stream CRM --expr '{"id": body.key, "text": body.note}'`,
    ]),
  ).action(async (name: string, options: AddOptions) => add(name, options, terminal));
}

function addTest(source: Command, terminal: Terminal): void {
  const command = source
    .command("test")
    .description("map one event from standard input, and print its operations; publishes nothing")
    .option("--subject <subject>", "subject that the expression sees", "test")
    .option("--header <name:value>", "header that it sees; may be repeated", pairOf(":"))
    .option("--key <text>", "key that it sees: JSON or text");
  withMapper(
    withNats(command, [
      "freshet source test --preset debezium < event.json",
      "freshet source test --preset github --header x-github-event:issues < payload.json",
      `freshet source test --expr '{"id": body.id, "text": body.note}' < event.json`,
    ]),
  ).action(async (options: TestOptions) => test(options, terminal));
}

function withMapper(command: Command): Command {
  const described = presetNames.map((name) => {
    const options = Object.entries(presets[name].options);
    const sets = options.map(([option, what]) => `\n    --set ${option}=…  ${what}`).join("");
    return `  ${name}  ${presets[name].summary}${sets}`;
  });
  return command
    .addOption(new Option("--preset <name>", "a shipped expression").choices([...presetNames]))
    .option("--expression <file>", "a file with a JSONata expression")
    .option("--expr <text>", "a JSONata expression")
    .option("--set <name=value>", "an option, $options.name in the expression", pairOf("="))
    .option("--key-header <name>", "header with the event's key; default: the usual ones")
    .addHelpText("after", `\nPresets:\n${described.join("\n")}`);
}

function withNats(command: Command, examples: readonly string[]): Command {
  return withCommon(command, examples).option("--nats <url>", "address of NATS");
}

function sourceName(value: string): string {
  if (isSourceName(value)) return value;
  throw new InvalidArgumentError("a source's name is 1-64 lower-case letters, digits, _ or -");
}

function pairOf(separator: string) {
  return (value: string, before: Readonly<Record<string, string>> = {}) => {
    const at = value.indexOf(separator);
    if (at < 1) throw new InvalidArgumentError(`name${separator}value`);
    return { ...before, [value.slice(0, at).trim()]: value.slice(at + 1).trim() };
  };
}

async function connected<Value>(
  options: SourceOptions,
  terminal: Terminal,
  work: (connection: SourcesConnection) => Promise<Value>,
): Promise<Value> {
  const connection = await connectSources(resolveAddresses(options, terminal.env));
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function add(name: string, flags: AddOptions, terminal: Terminal): Promise<void> {
  const mapper = await mapperOf(flags);
  const generation = randomUUID().slice(0, 8);
  const nowMs = systemClock.nowMs();
  const { tenant } = flags;
  const source = definitionOf({ name, tenant, mapper, flags, generation, nowMs });
  await connected(flags, terminal, async ({ lives, store, streams, audit }) => {
    checkNotErased((await lives.get(tenant)).life);
    // Where it begins is decided now, and a stream that is not there is told to whom it concerns.
    if (isStreamSource(source)) await streams.create(source);
    await store.add(source).catch(async (thrown: unknown) => {
      if (isStreamSource(source)) await streams.forget(source).catch(() => {});
      throw thrown;
    });
    const addresses = resolveAddresses(flags, terminal.env);
    await writeDown({ operation: "source_add", tenant }, { addresses, terminal, audit });
  });
  if (flags.json === true) return terminal.out(`${JSON.stringify(source)}\n`);
  const how =
    source.input.kind === "stream"
      ? `reads ${source.input.subject ?? source.input.stream}`
      : `takes POST /v1/sources/${name}/events`;
  terminal.out(`source ${name} of tenant ${tenant} ${how}: freshet source list\n`);
}

async function list(options: SourceOptions, terminal: Terminal): Promise<void> {
  const listed = await connected(options, terminal, async (connection) => {
    const sources = await connection.store.list();
    return Promise.all(sources.map((source) => listedOf(connection, source)));
  });
  const lines =
    options.json === true
      ? [JSON.stringify({ sources: listed.map(listedJson) })]
      : listLines(listed);
  terminal.out(`${lines.map(printable).join("\n")}\n`);
}

async function show(name: string, options: SourceOptions, terminal: Terminal): Promise<void> {
  const { listed, letters } = await connected(options, terminal, async (connection) => {
    const source = await known(connection, name);
    return {
      listed: await listedOf(connection, source),
      letters: await connection.store.letters(source, limits.sourceLettersShown),
    };
  });
  const { source, state } = listed;
  if (options.json === true) {
    const more = { expression: source.expression, letters, settledAtMs: state?.settledAtMs };
    return terminal.out(`${JSON.stringify({ ...listedJson(listed), ...more })}\n`);
  }
  terminal.out(`${showLines(listed, letters).map(printable).join("\n")}\n`);
}

async function remove(name: string, options: SourceOptions, terminal: Terminal): Promise<void> {
  const sequence = await connected(options, terminal, async (connection) => {
    const source = await known(connection, name);
    const { progress } = await listedOf(connection, source);
    await connection.store.remove(name);
    if (isStreamSource(source)) await connection.streams.forget(source);
    const addresses = resolveAddresses(options, terminal.env);
    const trail = { addresses, terminal, audit: connection.audit };
    await writeDown({ operation: "source_remove", tenant: source.tenant }, trail);
    return progress?.sequence;
  });
  if (options.json === true) {
    return terminal.out(`${JSON.stringify({ removed: name, sequence: sequence ?? null })}\n`);
  }
  const again = sequence === undefined ? "" : `; to go on later: --start ${sequence}`;
  terminal.out(`source ${name} is removed, its documents stay${again}\n`);
}

async function known({ store }: SourcesConnection, name: string): Promise<SourceDefinition> {
  const source = await store.get(name);
  if (source === null) throw new CliError(`there is no source ${name}: freshet source list`);
  return source;
}

async function listedOf(
  { store, streams }: SourcesConnection,
  source: SourceDefinition,
): Promise<Listed> {
  const state = await store.state(source);
  // A stream that is gone hides nothing else: the state tells the trouble.
  const progress = isStreamSource(source) ? await streams.progress(source).catch(() => null) : null;
  return { source, state, progress };
}

async function test(flags: TestOptions, terminal: Terminal): Promise<void> {
  const { expression, options } = await mapperOf(flags);
  const { keyHeader = "key", key, subject } = flags;
  const given = Object.entries(flags.header ?? {});
  const headers = {
    ...Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), value])),
    ...(key === undefined ? {} : { [keyHeader.toLowerCase()]: key }),
  };
  const mapper = createMapper({
    ...{ expression, options, clock: systemClock },
    keyHeader: flags.keyHeader,
    documentTextBytesMax: limits.documentTextBytesMax,
  });
  try {
    const payload = await wholeInput(terminal.stdin, limits.sourceEventBytesMax);
    const event = { subject, headers, payload, sequence: 1, atMs: systemClock.nowMs() };
    const [mapped] = await mapper.map([event]);
    if (mapped === undefined) throw new Error("an event without an outcome; this is a bug");
    if (flags.json === true) terminal.out(`${JSON.stringify(resultOf(mapped))}\n`);
    else terminal.out(`${mappedLines(mapped).map(printable).join("\n")}\n`);
    if (mapped.kind === "failed") throw new CliError("the event would become a dead letter");
  } finally {
    await mapper.close();
  }
}

function resultOf(mapped: Parameters<typeof mappedLines>[0]): object {
  if (mapped.kind !== "operations") return mapped;
  const operations = mapped.operations.map(({ payload }) => JSON.parse(payload) as unknown);
  return { kind: mapped.kind, operations };
}
