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
});
