import { describe, expect, it } from "vitest";
import { silentLogger } from "../../src/contract/observation.ts";
import { Departure } from "../../src/engine/departure.ts";
import { fixture, rawSocket } from "../gateway/http-fixture.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";

function leaving(topology: { hasOthers: boolean; leave: () => Promise<void> }, noticeMs = 2_000) {
  const clock = createManualClock();
  const { hasOthers, leave } = topology;
  const departure = new Departure({
    topology: { hasOthers: () => hasOthers, leave },
    ...{ clock, logger: silentLogger, noticeMs, stopMs: 10_000 },
  });
  let isOver = false;
  const over = departure.leave().then(() => {
    isOver = true;
  });
  return { clock, departure, over, isOver: () => isOver };
}

describe("a node that leaves", () => {
  it("DP1, DP3: says so at once, and stays for its notice though its partitions are gone", async () => {
    let asked = 0;
    const left = leaving({ hasOthers: true, leave: async () => void (asked += 1) });
    expect(left.departure.isLeaving).toBe(true);
    await left.clock.advance(1_999);
    expect([asked, left.isOver()]).toEqual([1, false]);
    await left.clock.advance(1);
    await left.over;
    await left.departure.leave();
    expect(asked).toBe(1);
  });

  it("DP2: waits for its partitions longer than the notice, but not for ever", async () => {
    const left = leaving({ hasOthers: true, leave: () => new Promise(() => {}) });
    await left.clock.advance(9_999);
    expect(left.isOver()).toBe(false);
    await left.clock.advance(1);
    await left.over;
  });

  it("DP3: keeps nobody waiting where it is alone, or where no notice is wanted", async () => {
    const leave = () => Promise.reject(new Error("it must not be asked"));
    await leaving({ hasOthers: false, leave }).over;
    await leaving({ hasOthers: true, leave }, 0).over;
  });

  it("DP1: closes each connection after its reply, while it still answers", async () => {
    let isLeaving = false;
    const made = fixture({ isLeaving: () => isLeaving });
    const { url } = await made.listen();
    const reply = async () => {
      const response = await fetch(`${url}/healthz`);
      await response.arrayBuffer();
      return [response.status, response.headers.get("connection")];
    };
    expect(await reply()).toEqual([200, "keep-alive"]);
    isLeaving = true;
    expect(await reply()).toEqual([200, "close"]);
    await made.close();
  });

  it("tells what still comes while it closes when to come again, with a code", async () => {
    const made = fixture();
    const server = await made.listen();
    const held = Promise.withResolvers<void>();
    made.service.hold = held.promise;
    const publish = JSON.stringify({ id: "a", text: "rivers rise" });
    await fetch(`${server.url}/v1/documents`, {
      ...{ method: "POST", headers: { "content-type": "application/json" }, body: publish },
    });
    const [asking, late] = [rawSocket(server.url), rawSocket(server.url)];
    const post = (path: string, body: string) =>
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`;
    // Begun before the end, and therefore not closed with the idle connections.
    const document = post("/v1/documents", publish);
    late.socket.write(document.slice(0, 20));
    asking.socket.write(post("/answer", JSON.stringify({ query: "rivers" })));
    await expect.poll(() => made.service.asked).toHaveLength(1);
    const closed = server.close();
    late.socket.write(document.slice(20));
    expect(await late.received).toMatch(/^HTTP\/1\.1 503[^]*retry-after: 1[^]*"code":"not_ready"/i);
    held.resolve();
    expect(await asking.received).toMatch(/^HTTP\/1\.1 200[^]*connection: close/i);
    await closed;
    await made.close();
  });

  it("DP2: gives its partitions away once, and takes none again (P4)", async () => {
    const engine = startMemoryEngine();
    const states = () => [...engine.topology.directory.partitions.values()].map((one) => one.state);
    await expect.poll(() => new Set(states())).toEqual(new Set(["serving"]));
    await engine.topology.leave();
    expect(states()).not.toContain("serving");
    const holders = states().map((_, partition) => engine.log.leases.holder(partition as never));
    expect(new Set(await Promise.all(holders))).toEqual(new Set([null]));
    await engine.topology.leave();
    await engine.stop();
  });
});
