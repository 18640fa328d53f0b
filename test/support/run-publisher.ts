/**
 * Publishes operations of one tenant straight to JetStream, one after the other, and prints of each
 * `<seq> <unix milliseconds of its acknowledgement>`. A program, not a test: it is ended by a signal.
 * Usage: run-publisher.ts NATS_URL TENANT EVERY_MS
 */

import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";

const [url = "", tenant = "", every = "5"] = process.argv.slice(2);
const connection = await connect({ servers: url });
const stream = connection.jetstream();
const encoder = new TextEncoder();
for (let count = 1; ; count += 1) {
  const id = `doc-${count % 50}`;
  const text = `Crane ${count} lifts stones in harbour ${count % 9}.`;
  const payload = JSON.stringify(count % 13 === 0 ? { op: "delete", id } : { id, text });
  const { seq } = await stream.publish(`docs.${tenant}`, encoder.encode(payload), {
    timeout: 10_000,
  });
  process.stdout.write(`${seq} ${Date.now()}\n`);
  await sleep(Number(every) * (0.5 + (count % 3) / 2));
}
