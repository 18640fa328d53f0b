/** Calls of the API. The key stays in this tab: session storage ends with it. */

/** @typedef {{ readonly tenant: string, readonly key: string }} Identity */

/** @returns {Identity} */
export function identity() {
  return {
    tenant: sessionStorage.getItem("tenant") ?? "demo",
    key: sessionStorage.getItem("key") ?? "",
  };
}

/** @param {Identity} next */
export function setIdentity({ tenant, key }) {
  sessionStorage.setItem("tenant", tenant);
  sessionStorage.setItem("key", key);
}

export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {{ readonly body?: unknown, readonly signal?: AbortSignal, readonly accept?: string }} [options]
 * @returns {Promise<Response>}
 */
async function request(path, { body, signal, accept = "application/json" } = {}) {
  const { tenant, key } = identity();
  /** @type {Record<string, string>} */
  const headers = { accept };
  // With a key the tenant is the key's own.
  if (key === "") headers["x-tenant"] = sendable("invalid_tenant", "Tenant", tenant);
  else headers["authorization"] = `Bearer ${sendable("unauthorized", "API key", key)}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    headers,
    cache: "no-store",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch(() => {
    throw new ApiError(
      "unreachable",
      "the engine does not answer: does it run, is there a network?",
    );
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new ApiError(
    problem.code ?? String(response.status),
    problem.detail ?? response.statusText,
  );
}

/**
 * What a header holds: browsers refuse the rest in words about themselves.
 * @param {string} code
 * @param {string} name
 * @param {string} value
 */
function sendable(code, name, value) {
  if (/^[\x20-\x7e]*$/.test(value)) return value;
  throw new ApiError(code, `the field ${name} has a character that none has`);
}

/**
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function call(path, body) {
  return (await request(path, { body })).json();
}

/**
 * Server-sent events over fetch: `EventSource` can neither post nor send a key.
 * @param {string} path
 * @param {{ readonly body?: unknown, readonly signal: AbortSignal }} options
 * @returns {AsyncGenerator<{ id: string | undefined, event: string, data: any }>} without data where
 *   the stream only says where it stands
 */
export async function* events(path, { body, signal }) {
  const response = await request(path, { body, signal, accept: "text/event-stream" });
  if (response.body === null) return;
  let rest = "";
  for await (const text of chunksOf(response.body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      const of = (/** @type {string} */ name) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const [id, data] = [of("id"), of("data")];
      if (id === undefined && data === undefined) continue;
      const parsed = data === undefined ? undefined : JSON.parse(data);
      yield { id, event: of("event") ?? "message", data: parsed };
    }
  }
}

/**
 * Not every browser iterates over streams.
 * @param {ReadableStream<string>} stream
 */
async function* chunksOf(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new ApiError("unreachable", "the connection broke off");
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
