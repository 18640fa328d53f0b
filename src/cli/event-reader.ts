/** Server-sent events of a streamed answer, read as they come. */

export interface ServerEvent {
  /** `position` of a block that names an id and brings nothing: where a stream stands. */
  readonly event: string;
  readonly id: string | undefined;
  /** Parsed JSON. */
  readonly data: unknown;
}

/** Comments (heartbeats) are left out; a block that is cut off at the end is dropped. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseBlock(block);
      if (event !== undefined) yield event;
    }
  }
}

function parseBlock(block: string): ServerEvent | undefined {
  let event = "message";
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event = line.slice(7);
    if (line.startsWith("id: ")) id = line.slice(4);
    if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  if (data.length > 0) return { event, id, data: JSON.parse(data.join("\n")) };
  return id === undefined ? undefined : { event: "position", id, data: undefined };
}
