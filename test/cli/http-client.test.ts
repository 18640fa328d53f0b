import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import type { Addresses } from "../../src/cli/addresses.ts";
import { connectEngine } from "../../src/cli/http-client.ts";

const addresses = (http: string, apiKey: string | undefined): Addresses => ({
  http,
  nats: "",
  temporal: { address: "", namespace: "" },
  temporalUi: undefined,
  partitions: 8,
  dataDir: "",
  api: { key: apiKey === undefined ? undefined : () => apiKey, tls: undefined },
});

describe("the command line's API key", () => {
  const key = "key-0123456789abcdef";

  it.each(["http://freshet.example:8787", "http://10.1.2.3", "http://[fe80::1]:8787"])(
    "is not sent in clear over a network: %s",
    (http) => {
      expect(() => connectEngine(addresses(http, key), "demo")).toThrow(/https:\/\/ addresses/);
    },
  );

  it.each([
    "https://freshet.example",
    "http://127.0.0.1:8787",
    "http://localhost",
    "http://[::1]:1",
  ])("is sent where nobody reads along: %s", (http) => {
    expect(() => connectEngine(addresses(http, key), "demo")).not.toThrow();
  });

  it("without one any address may be asked", () => {
    expect(() => connectEngine(addresses("http://10.1.2.3", undefined), "demo")).not.toThrow();
  });
});

describe("a redirect", () => {
  it.each([301, 302, 307, 308])(
    "of status %d is told, and the question goes nowhere",
    async (status) => {
      const asked: string[] = [];
      const server = createServer((request, response) => {
        asked.push(`${request.method} ${request.url}`);
        if (request.url === "/answer" && asked.length === 1) {
          response.writeHead(status, { location: "/elsewhere" }).end();
        } else response.writeHead(405, { "content-type": "application/problem+json" }).end("{}");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const engine = connectEngine(addresses(`http://127.0.0.1:${port}`, undefined), "demo");
      const answer = engine.ask({ query: "why?" }, new AbortController().signal);
      await expect(answer).rejects.toThrow(/redirects to http.*--url/);
      server.closeAllConnections();
      server.close();
      expect(asked).toEqual(["POST /answer"]);
    },
  );
});

describe("the command line's events from now on", () => {
  it("go on from the position that the stream began at, also when it breaks before an event", async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers["last-event-id"] ?? "-"}`);
      response.writeHead(200, { "content-type": "text/event-stream" });
      const missed = { id: "a", seq: 42, status: "visible", at: "2026-11-30T05:00:00.000Z" };
      if (asked.length === 1) response.end("id: 41\nretry: 1000\n\n");
      else response.end(`retry: 1000\n\nid: 42\ndata: ${JSON.stringify(missed)}\n\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const engine = connectEngine(addresses(`http://127.0.0.1:${port}`, undefined), "demo");
    const stop = new AbortController();
    const positions: number[] = [];
    const onPosition = (seq: number) => void positions.push(seq);
    const seqs: number[] = [];
    for await (const { seq } of engine.events({
      ...{ from: undefined, onPosition, signal: stop.signal },
    })) {
      seqs.push(seq);
      break;
    }
    server.closeAllConnections();
    server.close();
    expect([seqs, positions, asked]).toEqual([[42], [41], ["/v1/events -", "/v1/events 41"]]);
  });
});
