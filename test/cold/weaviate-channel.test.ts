import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SearchChannel } from "../../src/cold/weaviate-channel.ts";

/** A gRPC server that answers as the test says. */
let server: Http2Server;
let url: string;
let answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
let sessions: ServerHttp2Session[];
let channel: SearchChannel;

beforeEach(async () => {
  sessions = [];
  server = createServer();
  server.on("session", (session) => {
    session.on("error", () => {});
    sessions.push(session);
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.resume();
    answer(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  url = `http://127.0.0.1:${address.port}`;
  channel = new SearchChannel({ url, bearer: async () => "Bearer secret" });
});

afterEach(async () => {
  channel.close();
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const search = {
  ...{ collection: "C", tenant: "t", limit: 1, properties: [], vectors: [] },
  by: { words: "w", property: "terms" },
};
const never = new AbortController().signal;
const ask = (signal = never) => channel.search(search, signal);

/** Results without anything in them, as a framed reply. */
function framedReply(results: number): Buffer {
  const message = Buffer.alloc(results * 2);
  for (let at = 0; at < results; at += 1) message[at * 2] = 2 * 8 + 2;
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function reply(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string>): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

const ok = { "grpc-status": "0" };

test("searches share one connection, carry the key, and read replies of many frames", async () => {
  const keys: unknown[] = [];
  answer = (stream, headers) => {
    keys.push(headers.authorization);
    reply(stream, framedReply(100_000), ok);
  };
  const replies = await Promise.all([ask(), ask(), ask()]);
  expect(replies.map((hits) => hits.length)).toEqual([100_000, 100_000, 100_000]);
  expect(keys).toEqual(["Bearer secret", "Bearer secret", "Bearer secret"]);
  expect(sessions).toHaveLength(1);
});

test("what the server says with its status is the error, with or without a body", async () => {
  const says = { "grpc-status": "2", "grpc-message": "tenant not found: %22a%22" };
  answer = (stream) => stream.respond({ ":status": 200, ...says }, { endStream: true });
  await expect(ask()).rejects.toThrow('UNKNOWN: tenant not found: "a"');
  answer = (stream) => reply(stream, framedReply(1), { ...says, "grpc-status": "14" });
  await expect(ask()).rejects.toThrow("UNAVAILABLE: tenant not found");
});

test("an answer that is no gRPC, and one that breaks off, are outages", async () => {
  answer = (stream) => stream.respond({ ":status": 503 }, { endStream: true });
  await expect(ask()).rejects.toThrow("UNAVAILABLE");
  answer = (stream) => {
    stream.respond({ ":status": 200 });
    stream.write(framedReply(5).subarray(0, 7));
    stream.session?.destroy();
  };
  await expect(ask()).rejects.toThrow("UNAVAILABLE");
});

test("a connection that ends in the moment in which it comes about ends no process", async () => {
  const closing = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    socket.once("connect", () => channel.close());
  };
  subscribe("net.client.socket", closing);
  try {
    // What it throws in a listener, the run reports as unhandled.
    await expect(ask()).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    unsubscribe("net.client.socket", closing);
  }
});

test("a connection that ended is opened again by the next search", async () => {
  answer = (stream) => reply(stream, framedReply(1), ok);
  await ask();
  const [first] = sessions;
  await new Promise<void>((resolve) => {
    first?.once("close", resolve);
    first?.close();
  });
  expect(await ask()).toHaveLength(1);
  expect(sessions).toHaveLength(2);
});

test("nobody there is an error that says so, at once and each time", async () => {
  const nobody = new SearchChannel({ url: "http://127.0.0.1:1" });
  for (let asked = 0; asked < 2; asked += 1) {
    await expect(nobody.search(search, never)).rejects.toThrow("ECONNREFUSED");
  }
  nobody.close();
});

test("an aborted search is cancelled at the server, and leaves the others alone", async () => {
  const caller = new AbortController();
  let held: ServerHttp2Stream | undefined;
  const cancelled = new Promise<void>((resolve) => {
    answer = (stream) => {
      if (held !== undefined) return reply(stream, framedReply(1), ok);
      held = stream;
      stream.on("close", resolve);
      caller.abort(new Error("the caller has gone"));
    };
  });
  await expect(ask(caller.signal)).rejects.toThrow("the caller has gone");
  await cancelled;
  expect(await ask()).toHaveLength(1);
  expect(sessions).toHaveLength(1);
  await expect(ask(caller.signal)).rejects.toThrow("the caller has gone");
});

test("closing ends what runs, and refuses what comes", async () => {
  answer = () => channel.close();
  await expect(ask()).rejects.toThrow("UNAVAILABLE");
  await expect(ask()).rejects.toThrow("UNAVAILABLE: the channel is closed");
});

test("a reply above the bound is given up, not collected", async () => {
  const bounded = new SearchChannel({ url, replyBytesMax: 1_000 });
  answer = (stream) => reply(stream, framedReply(400), ok);
  expect(await bounded.search(search, never)).toHaveLength(400);
  answer = (stream) => reply(stream, framedReply(500), ok);
  await expect(bounded.search(search, never)).rejects.toThrow("RESOURCE_EXHAUSTED");
  bounded.close();
});
