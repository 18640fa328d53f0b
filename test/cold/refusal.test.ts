import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FailedObject, type PageReply, writeNarrowed } from "../../src/cold/refusal.ts";
import { isRefusedRequest } from "../../src/cold/weaviate-fault.ts";
import { verdictOf } from "../../src/cold/weaviate-write.ts";

/**
 * `cursed` makes the server refuse the request that it is in; `odd` fails with words that are not
 * known.
 */
type Item = { readonly id: number; readonly is: "good" | "cursed" | "odd" | "named" };

class Server {
  readonly written = new Set<number>();
  sends = 0;

  readonly send = async (page: readonly Item[]): Promise<PageReply> => {
    this.sends += 1;
    if (page.some(({ is }) => is === "cursed")) return { kind: "refused", cause: undefined };
    const failed = page.flatMap(({ is, id }, index): FailedObject[] => {
      if (is === "odd") return [{ index, verdict: "unclear", message: "odd" }];
      if (is === "named") return [{ index, verdict: "refused", message: "named" }];
      this.written.add(id);
      return [];
    });
    return { kind: "answered", failed };
  };
}

const options = (send: Server["send"]) => ({ send, attemptsMax: 3, pause: async () => {} });
const items = (...kinds: readonly Item["is"][]): Item[] => kinds.map((is, id) => ({ id, is }));
const idsOf = (found: readonly Item[]) => found.map(({ id }) => id).toSorted((a, b) => a - b);

describe("a page with objects that are refused for good", () => {
  it("loses exactly those, wherever they lie and however many they are", async () => {
    const kind = fc.constantFrom("good", "good", "good", "cursed", "named", "odd");
    await fc.assert(
      fc.asyncProperty(fc.array(kind, { maxLength: 40 }), async (kinds) => {
        // A neighbour of every half, so that the odd ones are told from an outage.
        const page = items(
          ...kinds.flatMap((is): Item["is"][] => (is === "odd" ? ["named"] : [is])),
        );
        const server = new Server();
        const refused = await writeNarrowed(page, options(server.send));
        const good = page.filter(({ is }) => is === "good");
        expect(idsOf(refused)).toEqual(idsOf(page.filter(({ is }) => is !== "good")));
        expect([...server.written].toSorted((a, b) => a - b)).toEqual(idsOf(good));
      }),
    );
  });

  it("is narrowed in few requests when one of many is at fault", async () => {
    const page = items(...Array.from({ length: 250 }, (_, at) => (at === 77 ? "cursed" : "good")));
    const server = new Server();
    expect(idsOf(await writeNarrowed(page, options(server.send)))).toEqual([77]);
    expect(server.sends).toBeLessThanOrEqual(17);
  });

  it("an object that fails for unknown reasons counts as refused only after several neighbours' passing", async () => {
    const server = new Server();
    const refused = await writeNarrowed(items("good", "odd", "good"), options(server.send));
    expect(idsOf(refused)).toEqual([1]);
    expect(server.sends).toBe(4);
  });

  it("one that passes at a later attempt is written", async () => {
    const server = new Server();
    const send = async (page: readonly Item[]): Promise<PageReply> =>
      server.send(server.sends < 2 ? page : page.map((item) => ({ ...item, is: "good" })));
    expect(await writeNarrowed(items("good", "odd"), options(send))).toEqual([]);
    expect([...server.written]).toContain(1);
  });

  it.each<[string, readonly Item[]]>([
    ["alone", items("odd")],
    ["all of them", items("odd", "odd", "odd")],
  ])("an unknown failure of objects %s is an outage", async (_what, page) => {
    const server = new Server();
    await expect(writeNarrowed(page, options(server.send))).rejects.toMatchObject({
      code: "cold_unavailable",
    });
  });

  it("an outage that begins while an unknown failure is looked into is an outage", async () => {
    const server = new Server();
    const send = async (page: readonly Item[]): Promise<PageReply> => {
      const reply = await server.send(page);
      if (server.sends < 2) return reply;
      const failed = page.map((_, index) => ({ index, verdict: "unclear" as const, message: "" }));
      return { kind: "answered", failed };
    };
    await expect(writeNarrowed(items("good", "odd"), options(send))).rejects.toMatchObject({
      code: "cold_unavailable",
    });
  });

  it("an outage of one object is thrown, also beside objects that are refused", async () => {
    const send = async (): Promise<PageReply> => ({
      kind: "answered",
      failed: [
        { index: 0, verdict: "refused", message: "invalid UUID format" },
        { index: 1, verdict: "outage", message: "store is read-only" },
      ],
    });
    await expect(writeNarrowed(items("named", "good"), options(send))).rejects.toMatchObject({
      code: "cold_unavailable",
      details: { objects: 2 },
    });
  });
});

describe("what Weaviate 1.35 says", () => {
  it.each([
    ["invalid UUID length: 7", "refused"],
    ["invalid UUID format", "refused"],
    ["context deadline exceeded", "outage"],
    ["store is read-only due to: disk usage too high", "outage"],
    ["not enough memory", "outage"],
    ['resolve node name "weaviate-1" to host', "outage"],
    ["invalid integer property 'chunk' on class 'FreshetChunk': requires an integer", "unclear"],
    ["new node has a vector with length 3. Existing nodes have vectors with length 384", "unclear"],
  ])("of an object, %j: %s", (message, verdict) => {
    expect(verdictOf(message)).toBe(verdict);
  });

  it.each([
    ["INTERNAL: grpc: error unmarshalling request: string field contains invalid UTF-8", true],
    ["RESOURCE_EXHAUSTED: Attempted to send message with a size larger than 104858000", true],
    ["INVALID_ARGUMENT: anything", true],
    ["UNAVAILABLE: No connection established", false],
    ["INTERNAL: something else", false],
    ["UNKNOWN: shard is loading", false],
    ["RESOURCE_EXHAUSTED: not enough memory", false],
    ["DEADLINE_EXCEEDED: too late", false],
  ])("of a request, %j: refused is %s", (message, isRefused) => {
    const path = "Batch objects insert failed with message: /weaviate.v1.Weaviate/BatchObjects";
    expect(isRefusedRequest(new Error(`${path} ${message}`))).toBe(isRefused);
  });
});
