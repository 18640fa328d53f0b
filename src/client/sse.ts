/** Server-sent events out of a response, piece by piece, whatever the pieces are. */

export interface ServerSentEvent {
  readonly event: string;
  readonly id: string | undefined;
  /** Empty where a block only names an id. */
  readonly data: string;
}

/** A block above this is no event of ours: an answer with 50 sources has a tenth of it. */
const blockCharsMax = 64 * 1024 * 1024;

/** Also gives blocks without data: they keep the connection open, and may name a position. */
export async function* serverSentEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) {
    // A line may end with CR LF, whose halves may come in two chunks.
    text += decoder.decode(chunk, { stream: true }).replaceAll("\r", "");
    if (text.length > blockCharsMax) throw new RangeError("an event without an end");
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) yield eventOf(block);
  }
}

function eventOf(block: string): ServerSentEvent {
  let event = "message";
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") event = value;
    if (name === "id") id = value;
    if (name === "data") data.push(value);
  }
  return { event, id, data: data.join("\n") };
}

/** `ReadableStream` is not iterable in every browser. */
export async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
