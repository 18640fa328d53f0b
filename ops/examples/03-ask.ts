/**
 * Asks over NATS request-reply: any node answers. A failure is a reply too, with its code in the
 * header `Nats-Service-Error-Code` and in the body.
 */
import { connect, type NatsConnection } from "nats";

interface Answer {
  readonly answer: string;
  readonly sources: readonly {
    readonly id: string;
    readonly score: number;
    readonly text: string;
  }[];
  readonly coverage: { readonly hot: string; readonly cold: string; readonly llm: string };
}

const tenant = process.env["TENANT"] ?? "demo";
const connection = await connect({ servers: process.env["NATS_URL"] ?? "nats://127.0.0.1:4222" });

const document = { id: "example-03-lift", text: "The lift in tower B is out of order until noon." };
const { seq } = await connection.jetstream().publish(`docs.${tenant}`, JSON.stringify(document));

const { answer, sources, coverage } = await ask(connection, {
  query: "Which lift is out of order?",
  top_k: 3,
  min_seq: seq,
});
process.stdout.write(`${answer}\n`);
for (const [index, source] of sources.entries()) {
  process.stdout.write(`[${index + 1}] ${source.id} ${source.score.toFixed(2)} ${source.text}\n`);
}
process.stdout.write(`covered: ${JSON.stringify(coverage)}\n`);

// A filter that nothing matches: a typed refusal, and no model is asked.
const refusal = await ask(connection, { query: "Which lift?", filter: { id: "none" } }).catch(
  (error: unknown) => String(error),
);
process.stdout.write(`${String(refusal)}\n`);
await connection.close();
const isFound = sources.some(({ id }) => id === document.id);
if (!isFound || !String(refusal).includes("no_results")) process.exitCode = 1;

async function ask(nats: NatsConnection, question: object): Promise<Answer> {
  const reply = await nats.request(`query.${tenant}`, JSON.stringify(question), {
    timeout: 60_000,
  });
  if (!reply.headers?.has("Nats-Service-Error-Code")) return reply.json<Answer>();
  const { error } = reply.json<{ error: { code: string; message: string } }>();
  throw new Error(`${error.code}: ${error.message}`);
}
