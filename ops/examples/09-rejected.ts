/**
 * A broken document over JetStream: the server acknowledges it, because it stores bytes. Its
 * publisher hears of the refusal by the event, and a dead letter keeps the reason.
 */
import { connect } from "nats";

const tenant = process.env["TENANT"] ?? "demo";
const connection = await connect({ servers: process.env["NATS_URL"] ?? "nats://127.0.0.1:4222" });
const events = connection.subscribe(`events.${tenant}`, { timeout: 60_000 });
await connection.flush();

const broken = JSON.stringify({ id: "example-09-empty", text: "" });
const { seq } = await connection.jetstream().publish(`docs.${tenant}`, broken);

let status = "";
for await (const message of events) {
  const event = message.json<{ seq: number; status: string; reason?: string; message?: string }>();
  if (event.seq !== seq) continue;
  process.stdout.write(`event: ${JSON.stringify(event)}\n`);
  status = `${event.status}: ${event.reason}`;
  break;
}

// The letter is written beside the event, so it may come a moment later.
const letter = await letterOf(seq);
process.stdout.write(`dead letter: ${letter}\n`);
await connection.close();
if (status !== "rejected: invalid_document" || !letter.includes("example-09-empty")) {
  process.exitCode = 1;
}

async function letterOf(version: number): Promise<string> {
  const manager = await connection.jetstreamManager();
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      const subject = `dlq.${tenant}.${version}`;
      const stored = await manager.streams.getMessage("DLQ", { last_by_subj: subject });
      return stored.string();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
