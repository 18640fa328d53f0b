/** The console's live events over a server whose streams break: the page's own script, in Node. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

type Live = (options: {
  readonly signal: AbortSignal;
  readonly listening: () => void;
  readonly failed: (thrown: unknown) => void;
}) => AsyncGenerator<{ readonly seq: number }>;

const page = new URL("../../src/gateway/console/page/live.js", import.meta.url).href;
const event = (seq: number): string => `id: ${seq}\ndata: {"seq": ${seq}}\n\n`;
const expired = `event: failed\ndata: {"error": {"code": "events_expired", "message": "gone"}}\n\n`;

let server: Server;
let asked: string[];
/** What each stream says before it is cut off. */
let streams: string[];
let stop: AbortController;

beforeEach(async () => {
  [asked, streams, stop] = [[], [], new AbortController()];
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(streams.shift() ?? "retry: 1\n\n", () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const ordinary = globalThis.fetch;
  // A page has an address that paths lie below, and a store of its tab.
  vi.stubGlobal("fetch", (path: string, init: RequestInit) =>
    ordinary(`http://127.0.0.1:${port}${path}`, init),
  );
  vi.stubGlobal("sessionStorage", { getItem: () => null });
  vi.useFakeTimers({ toFake: ["setTimeout"] });
});
afterEach(async () => {
  stop.abort();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await new Promise((resolve) => server.close(resolve));
});

async function firstEvent(): Promise<number | undefined> {
  const { live } = (await import(page)) as { readonly live: Live };
  const failed = (): void => void vi.advanceTimersByTimeAsync(10_000);
  const events = live({ signal: stop.signal, listening: () => {}, failed });
  return (await events.next()).value?.seq;
}

describe("the console's live events", () => {
  it("go on from where a stream began that broke before its first event", async () => {
    streams = ["id: 7\nretry: 1\n\n", event(9)];
    expect(await firstEvent()).toBe(9);
    expect(asked).toEqual(["/v1/events", "/v1/events?after=7"]);
  });

  it("begin at an empty tenant's first operation after such a break", async () => {
    streams = ["id: 0\nretry: 1\n\n", event(1)];
    expect(await firstEvent()).toBe(1);
    expect(asked).toEqual(["/v1/events", "/v1/events?after=0"]);
  });

  it("begin anew where the log does not hold what comes next any more", async () => {
    streams = ["id: 7\nretry: 1\n\n", expired, event(20)];
    expect(await firstEvent()).toBe(20);
    expect(asked).toEqual(["/v1/events", "/v1/events?after=7", "/v1/events"]);
  });
});
