/**
 * Publishes over JetStream and waits for the event that says what became of it: the acknowledgement
 * means "stored for good", the event "questions find it".
 */
import { connect, type Msg } from "nats";

interface DocumentEvent {
  readonly id: string | null;
  readonly seq: number;
  readonly status: "visible" | "deleted" | "superseded" | "rejected";
  readonly ms: number;
}

const tenant = process.env["TENANT"] ?? "demo";
const connection = await connect({ servers: process.env["NATS_URL"] ?? "nats://127.0.0.1:4222" });

// Listen first: events are notices and are stored nowhere.
const events = connection.subscribe(`events.${tenant}`, { timeout: 60_000 });
await connection.flush();

const document = {
  id: "example-02-tide",
  text: "High tide at the pier on Friday is at 11:42, low tide at 17:50.",
  source: "https://example.com/tides",
  metadata: { kind: "tide", place: "pier" },
};
const { seq } = await connection.jetstream().publish(`docs.${tenant}`, JSON.stringify(document));
process.stdout.write(`stored as version ${seq}\n`);

const event = await eventOf(events, seq);
process.stdout.write(`${JSON.stringify(event)}\n`);
await connection.close();
if (event.status !== "visible" || event.id !== document.id) process.exitCode = 1;

async function eventOf(messages: AsyncIterable<Msg>, wanted: number): Promise<DocumentEvent> {
  for await (const message of messages) {
    const one = message.json<DocumentEvent>();
    if (one.seq === wanted) return one;
  }
  throw new Error("the subscription ended");
}
