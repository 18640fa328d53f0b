import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { overHttp } from "../../src/client/index.ts";
import { type Fixture, fixture, keyOfAcme } from "../gateway/http-fixture.ts";
import { clientConforms } from "./conformance.ts";

clientConforms("HTTP", async () => {
  const site = fixture();
  const server = await site.listen();
  const open = new Set<AbortController>();
  /** A `fetch` whose responses can be cut in the middle. */
  const cutting: typeof fetch = async (input, init) => {
    const cut = new AbortController();
    open.add(cut);
    const given = init?.signal == null ? [] : [init.signal];
    return fetch(input, { ...init, signal: AbortSignal.any([...given, cut.signal]) });
  };
  return {
    service: site.service,
    client: (options) => overHttp({ url: server.url, fetch: cutting, ...options }),
    cut: async () => {
      for (const one of open) one.abort();
      open.clear();
    },
    close: () => site.close(),
  };
});

describe("over HTTP alone", () => {
  let site: Fixture;
  afterEach(async () => {
    await site.close();
  });

  it("shows its key, which may be made anew for each request", async () => {
    site = fixture({ keys: true });
    const { url } = await site.listen();
    let asked = 0;
    const apiKey = async () => {
      asked += 1;
      return keyOfAcme;
    };
    const client = overHttp({ url: `${url}/`, apiKey });
    await client.publish({ id: "a", text: "rivers" });
    expect(await client.search("rivers")).toMatchObject({ sources: [{ id: "a" }] });
    expect(asked).toBe(2);
    const stranger = overHttp({ url, apiKey: "wrong" });
    await expect(stranger.search("rivers")).rejects.toMatchObject({
      ...{ code: "unauthorized", status: 401 },
    });
  });

  it("what is no engine is told as such, and what is not there as unreachable", async () => {
    site = fixture();
    const { url } = await site.listen();
    const page: typeof fetch = async () => new Response("<html>", { status: 404 });
    await expect(overHttp({ url, fetch: page }).ask("q")).rejects.toMatchObject({
      ...{ code: "protocol", status: 404, retryable: false },
    });
    const json: typeof fetch = async () => new Response("<html>", { status: 200 });
    await expect(overHttp({ url, fetch: json }).ask("q")).rejects.toMatchObject({
      code: "protocol",
    });
    const nobody = overHttp({ url: "http://127.0.0.1:1", retries: { attemptsMax: 1 } });
    await expect(nobody.ask("q")).rejects.toMatchObject({ code: "unreachable", retryable: true });
  });

  it("a reply that does not come in time is unreachable", async () => {
    site = fixture();
    const never: typeof fetch = (_, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener("abort", () => reject(new Error("aborted")));
      });
    const options = { url: "http://127.0.0.1:1", fetch: never, retries: { attemptsMax: 1 } };
    const client = overHttp({ ...options, timeoutMs: 20 });
    await expect(client.document("a")).rejects.toMatchObject({ code: "unreachable" });
  });

  it.each(["", "localhost:8787", "127.0.0.1:8787", "nats://127.0.0.1", "http://u:p@localhost"])(
    "an address that nothing can be sent to (%j) is refused at once, by its name",
    async (url) => {
      site = fixture();
      const { client, sent } = counted({ url });
      const refused = { code: "invalid_request", retryable: false };
      await expect(client.ask("q")).rejects.toMatchObject(refused);
      await expect(client.ask("q")).rejects.toThrow(/^url: /);
      expect(sent()).toBe(0);
    },
  );

  it("a key or tenant that no header can hold is refused at once, and not told", async () => {
    site = fixture();
    const url = "http://127.0.0.1:8787";
    for (const apiKey of ["frk\u2013secret", "frk_secret\nx"]) {
      const { client, sent } = counted({ url, apiKey });
      const thrown = await client.ask("q").catch((error: unknown) => error);
      expect(thrown).toMatchObject({ code: "invalid_request", retryable: false });
      expect(inspect(thrown)).not.toContain("secret");
      expect(sent()).toBe(0);
    }
    const { client } = counted({ url, tenant: "\u{1f642}" });
    await expect(client.ask("q")).rejects.toThrow(/^x-tenant: /);
  });

  it("a key read from a file may end in a line break", async () => {
    site = fixture({ keys: true });
    const { url } = await site.listen();
    const client = overHttp({ url, apiKey: `${keyOfAcme}\n` });
    await expect(client.publish({ id: "a", text: "rivers" })).resolves.toMatchObject({ id: "a" });
  });

  it("says what an unreachable engine's connection failed of", async () => {
    site = fixture();
    const { url } = await site.listen();
    const retries = { attemptsMax: 1 };
    const secure = overHttp({ url: url.replace("http:", "https:"), retries });
    await expect(secure.ask("q")).rejects.toThrow(/no TLS/);
    const none = createServer();
    await new Promise<void>((resolve) => void none.listen(0, "127.0.0.1", resolve));
    const { port } = none.address() as AddressInfo;
    await new Promise((resolve) => none.close(resolve));
    const closed = overHttp({ url: `http://127.0.0.1:${port}`, retries });
    await expect(closed.ask("q")).rejects.toThrow(/ECONNREFUSED/);
  });

  it.each([
    ["JSON of another service", () => Response.json({ ok: true })],
    ["JSON that is no object", () => Response.json(null)],
    ["a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["a redirect", () => Response.redirect("https://login.example/", 307)],
  ])("%s is taken for no reply of an engine, whatever was asked", async (_, answer) => {
    site = fixture();
    const { client, sent } = counted({ url: "http://127.0.0.1:8787" }, answer);
    const asked = [
      ...[() => client.publish({ id: "a", text: "b" }), () => client.document("a")],
      ...[() => client.ask("q"), () => client.search("q")],
      ...[() => client.publishMany([{ id: "a", text: "b" }]), () => all(client.stream("q"))],
      ...[() => all(client.documents()), () => all(client.events())],
    ];
    for (const ask of asked) {
      await expect(ask()).rejects.toMatchObject({ code: "protocol", retryable: false });
    }
    expect(sent()).toBe(asked.length);
    expect(client.minSeq).toBeUndefined();
  });

  it("a redirect's own page, which is not read, does not keep a connection", async () => {
    site = fixture();
    let open = 0;
    const endless = createServer((asked, reply) => {
      open += 1;
      reply.once("close", () => void (open -= 1));
      const status = Number(asked.headers["x-status"]);
      reply.writeHead(status, { location: "/login", "content-type": "application/json" });
      reply.write(" ");
    });
    await new Promise<void>((resolve) => void endless.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(endless.address() as AddressInfo).port}`;
    for (const status of [302, 307]) {
      const client = overHttp({ url, headers: { "x-status": `${status}` } });
      await expect(client.document("a")).rejects.toMatchObject({ code: "protocol" });
    }
    await expect.poll(() => open).toBe(0);
    await new Promise((resolve) => void endless.close(resolve));
  });

  it("a stream of other events is no engine's", async () => {
    site = fixture();
    const headers = { "content-type": "text/event-stream" };
    const url = "http://127.0.0.1:8787";
    for (const text of ["event: done\ndata: {oops\n\n", "event: done\ndata: {}\n\n"]) {
      const { client } = counted({ url }, () => new Response(text, { headers }));
      await expect(all(client.stream("q"))).rejects.toMatchObject({ code: "protocol" });
    }
  });

  it("what a proxy in front holds back is tried again, when it says", async () => {
    site = fixture();
    const pauses: number[] = [];
    const surroundings = {
      sleep: async (ms: number) => void pauses.push(ms),
      random: () => 0,
      nowMs: () => 0,
    };
    const { client, sent } = counted(
      { url: "http://127.0.0.1:8787", surroundings, retries: { attemptsMax: 2 } },
      () => new Response("slow down", { status: 429, headers: { "retry-after": "2" } }),
    );
    await expect(client.ask("q")).rejects.toMatchObject({ code: "protocol", status: 429 });
    expect(pauses).toEqual([2_000]);
    expect(sent()).toBe(2);
  });

  it("attempts have an end where their number was left undefined", async () => {
    site = fixture();
    const surroundings = { sleep: async () => undefined, random: () => 0, nowMs: () => 0 };
    const none = Number.NaN;
    const options = { url: "http://127.0.0.1:8787", surroundings };
    const { client, sent } = counted({ ...options, retries: { attemptsMax: none } }, () => {
      throw new TypeError("fetch failed");
    });
    await expect(client.ask("q")).rejects.toMatchObject({ code: "unreachable" });
    expect(sent()).toBe(4);
  });
});

type Options = Parameters<typeof overHttp>[0];

function counted(options: Options, answer: () => Response = () => Response.json({})) {
  let count = 0;
  const fetched: typeof fetch = async () => {
    count += 1;
    return answer();
  };
  return { client: overHttp({ ...options, fetch: fetched }), sent: () => count };
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}
