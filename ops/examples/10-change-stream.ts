/**
 * A change stream: events of Debezium in a JetStream stream become documents of a tenant. Creates
 * the stream, adds the source with the command line, publishes an insert and a delete of a row, and
 * removes both.
 */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { connect } from "nats";

const servers = process.env["NATS_URL"] ?? "nats://127.0.0.1:4222";
const tenant = process.env["TENANT"] ?? "demo";
const command = fileURLToPath(new URL("../freshet", import.meta.url));

function freshet(...args: string[]): void {
  const all = ["source", ...args, "--nats", servers, "--tenant", tenant];
  process.stdout.write(execFileSync(command, all, { encoding: "utf8" }));
}

const name = "example-10";
const id = "town.public.notices/1";
const row = { id: 1, title: "Ferry", note: "The ferry to Tromvik sails at 07:15." };
const source = { db: "town", schema: "public", table: "notices", ts_ms: Date.now() };

const nats = await connect({ servers });
const js = nats.jetstream();
const manager = await js.jetstreamManager();

/** Publishes an event of the database, and waits for what becomes of its document. */
async function change(event: object, status: string): Promise<void> {
  const events = nats.subscribe(`events.${tenant}`);
  await nats.flush();
  await js.publish(`${name}.notices`, JSON.stringify({ ...event, source }));
  for await (const message of events) {
    const told = message.json<{ readonly id: string; readonly status: string }>();
    if (told.id !== id) continue;
    console.log(`${told.id} is ${told.status}`);
    if (told.status !== status) throw new Error(`expected ${status}`);
    return;
  }
}

await manager.streams.add({ name, subjects: [`${name}.>`] });
try {
  freshet("add", name, "--stream", name, "--preset", "debezium");
  await change({ op: "c", after: row }, "visible");
  await change({ op: "d", before: row }, "deleted");
} finally {
  freshet("remove", name);
  await manager.streams.delete(name);
  await nats.close();
}
