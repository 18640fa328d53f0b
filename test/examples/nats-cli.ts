/**
 * Stands in for the `nats` command line in tests: the few commands of README's tour, in the words of the
 * real one. `test/examples/examples.servers.test.ts` puts it on PATH as `nats`.
 */
import { connect, type NatsConnection } from "nats";

type Words = readonly string[];

const [command = "", ...words] = process.argv.slice(2);
const connection = await connect({ servers: process.env["NATS_URL"] ?? "nats://127.0.0.1:4222" });
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const commands: Readonly<Record<string, (nats: NatsConnection, words: Words) => Promise<void>>> = {
  sub,
  pub,
  req,
  stream,
  micro,
};

const run = commands[command];
if (run === undefined) throw new Error(`nats ${command}: the stand-in does not know it`);
await run(connection, words);
await connection.close();

async function sub(nats: NatsConnection, [subject = ""]: Words): Promise<void> {
  const subscription = nats.subscribe(subject);
  await nats.flush();
  say(`Subscribing on ${subject}`);
  for await (const message of subscription) say(`${message.subject} ${message.string()}`);
}

async function pub(nats: NatsConnection, [subject = "", body, option]: Words): Promise<void> {
  if (option !== "--jetstream") throw new Error("the stand-in publishes with --jetstream only");
  const ack = await nats.jetstream().publish(subject, body);
  say(`Stored in Stream: ${ack.stream} Sequence: ${ack.seq}`);
}

async function req(nats: NatsConnection, [subject = "", body]: Words): Promise<void> {
  say((await nats.request(subject, body, { timeout: 60_000 })).string());
}

/** Waits a little, as a person does: a dead letter comes beside its event, not before. */
async function stream(nats: NatsConnection, words: Words): Promise<void> {
  const [verb, name = "", option, subject = ""] = words;
  if (verb !== "get" || option !== "-S") throw new Error("the stand-in knows stream get -S only");
  const manager = await nats.jetstreamManager();
  for (let attempt = 1; ; attempt += 1) {
    try {
      say((await manager.streams.getMessage(name, { last_by_subj: subject })).string());
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function micro(nats: NatsConnection, [verb, name]: Words): Promise<void> {
  const client = nats.services.client();
  if (verb === "ls") for await (const ping of await client.ping()) say(JSON.stringify(ping));
  if (verb === "info") for await (const info of await client.info(name)) say(JSON.stringify(info));
  if (verb === "stats") for await (const all of await client.stats(name)) say(JSON.stringify(all));
}
