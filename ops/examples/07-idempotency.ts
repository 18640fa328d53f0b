/**
 * Retries that are safe: `Nats-Msg-Id` (over HTTP `Idempotency-Key`) names one operation of the
 * tenant for two minutes. The same id and content again changes nothing, other content is refused.
 */
import { randomUUID } from "node:crypto";
import { connect } from "nats";

interface DocumentEvent {
  readonly seq: number;
  readonly status: string;
  readonly reason?: string;
}

const freshet = process.env["FRESHET"] ?? "http://127.0.0.1:8787";
const tenant = process.env["TENANT"] ?? "demo";
const connection = await connect({ servers: process.env["NATS_URL"] ?? "nats://127.0.0.1:4222" });
const events = connection.subscribe(`events.${tenant}`, { timeout: 60_000 });
await connection.flush();

const key = randomUUID();
const sent = [
  await publish({ id: "example-07-bus", text: "Bus 4 runs every ten minutes." }),
  // The acknowledgement was lost, say: each retry has a sequence of its own.
  await publish({ id: "example-07-bus", text: "Bus 4 runs every ten minutes." }),
  await publish({ id: "example-07-bus", text: "Bus 4 runs once an hour." }),
];
const outcomes = new Map<number, string>();
for await (const message of events) {
  const { seq, status, reason } = message.json<DocumentEvent>();
  if (sent.includes(seq)) outcomes.set(seq, reason ?? status);
  if (outcomes.size === sent.length) break;
}
const became = sent.map((seq) => outcomes.get(seq)).join(", ");
process.stdout.write(`over NATS: ${became}\n`);

const httpKey = randomUUID();
const [first, again] = [await post(httpKey), await post(httpKey)];
process.stdout.write(`over HTTP: ${first}, and again ${again}\n`);
await connection.close();
if (became !== "visible, superseded, duplicate_id" || first !== again) process.exitCode = 1;

async function publish(document: object): Promise<number> {
  const payload = JSON.stringify(document);
  const ack = await connection.jetstream().publish(`docs.${tenant}`, payload, { msgID: key });
  return ack.seq;
}

/** The node that took the first one answers a retry with the first receipt. */
async function post(idempotencyKey: string): Promise<string> {
  const response = await fetch(`${freshet}/v1/documents`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "idempotency-key": idempotencyKey,
      "x-tenant": tenant,
    },
    body: JSON.stringify({ id: "example-07-tram", text: "Tram 9 ends at the harbour." }),
  });
  return await response.text();
}
