/** The body of an endpoint's reply: whether it is a stream of events, and so much as counts. */

export interface ModelBody {
  readonly isStream: boolean;
  readonly bytes: AsyncGenerator<Uint8Array, undefined>;
}

/**
 * By its type, or by how it begins: gateways pass a stream on as plain text, as JSON or as nothing.
 * No JSON begins with a field or a comment of events.
 */
export async function openBody(type: unknown, body: AsyncIterable<Uint8Array>): Promise<ModelBody> {
  const reader = body[Symbol.asyncIterator]();
  if (/^text\/event-stream/i.test(String(type))) {
    return { isStream: true, bytes: following(undefined, reader) };
  }
  const first = await reader.next();
  const begin = first.done === true ? "" : Buffer.from(first.value).toString("latin1");
  const isStream = /^\s{0,99}(?:data|event|id|retry)?:/.test(begin);
  return { isStream, bytes: following(first, reader) };
}

async function* following(
  first: IteratorResult<Uint8Array> | undefined,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  try {
    let next = first ?? (await rest.next());
    for (; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    // Leaving early destroys the body, and with it the connection.
    await rest.return?.();
  }
}

export async function readAtMost(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<string> {
  const decoder = new TextDecoder("utf-8");
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    text += decoder.decode(chunk.subarray(0, bytesMax - bytes), { stream: true });
    bytes += chunk.length;
    if (bytes >= bytesMax) break;
  }
  return text + decoder.decode();
}
