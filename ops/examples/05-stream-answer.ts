/**
 * Streams an answer over HTTP (server-sent events): the sources come first, then words as they are
 * written, then the whole answer, of which the citations were checked.
 */
const freshet = process.env["FRESHET"] ?? "http://127.0.0.1:8787";
const tenant = process.env["TENANT"] ?? "demo";

const document = { id: "example-05-snow", text: "The north pass is closed by snow until Sunday." };
const { seq } = (await (await post("/v1/documents", document)).json()) as { seq: number };

const question = { query: "Which pass is closed?", top_k: 1, min_seq: seq, stream: true };
const seen: string[] = [];
for await (const { event, data } of eventsOf(await post("/answer", question))) {
  seen.push(event);
  process.stdout.write(`${event}: ${JSON.stringify(data)}\n`);
}
const isComplete = seen[0] === "retrieval" && seen.includes("delta") && seen.at(-1) === "done";
if (!isComplete) process.exitCode = 1;

async function post(path: string, body: object): Promise<Response> {
  const response = await fetch(freshet + path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant": tenant },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

/** An empty line ends an event; a line that begins with a colon only keeps the socket open. */
async function* eventsOf(response: Response): AsyncGenerator<{ event: string; data: unknown }> {
  if (response.body === null) return;
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) };
    }
  }
}
