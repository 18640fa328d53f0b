/** The real engine over two real embed servers, of which one ends in the midst of an ingest. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type EmbedServerProcess,
  startEmbedServerProcess,
} from "../support/embed-server-process.ts";
import { freshTenant, openSite, type Site } from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";

const subject = "freshet.embed.test";
let site: Site;
let servers: readonly EmbedServerProcess[];

beforeAll(async () => {
  site = await openSite();
  const env = { FRESHET_NATS_URL: site.nats.url };
  const start = () => startEmbedServerProcess(env, ["--nats", subject]);
  servers = await Promise.all([start(), start()]);
});

afterAll(async () => {
  for (const server of servers) expect(await server.stop()).toBe(0);
  await site.close();
});

const documents = 240;
const words = "pump bearing valve harbour ferry timetable engine quay lighthouse storm".split(" ");

/** Different ones, long enough that a batch of them takes a server a while. */
function textOf(index: number): string {
  const some = Array.from({ length: 90 }, (_, at) => words[(index * 7 + at * (index + 3)) % 10]);
  return `Report ${index}: ${some.join(" ")}.`;
}

const ways: readonly [string, () => Record<string, string>][] = [
  ["by a list of URLs", () => ({ FRESHET_EMBED_URL: servers.map(({ url }) => url).join() })],
  ["found on NATS", () => ({ FRESHET_EMBED_SUBJECT: subject })],
];

describe.each(ways)("two embed servers, %s", (_name, way) => {
  it("lose no document when one is killed, and the others come soon", async () => {
    const tenant = freshTenant("pool");
    const engine = await site.startEngine(way());
    const publish = async (index: number): Promise<number> => {
      const body = { id: `doc-${index}`, text: textOf(index) };
      const payload = new TextEncoder().encode(JSON.stringify(body));
      return (await site.log.docs.publish({ tenant, payload })).seq;
    };
    const seqs: number[] = [];
    for (let index = 0; index < documents; index += 1) seqs.push(await publish(index));
    const came: { readonly status: string; readonly atMs: number }[] = [];
    const all = seqs.map(async (seq) => {
      const { status } = await site.event(seq);
      came.push({ status, atMs: performance.now() });
    });
    await Promise.race(all.slice(20, 60));
    const [first] = servers;
    await first?.kill9();
    const killedAtMs = performance.now();
    await Promise.all(all);
    expect(came.map(({ status }) => status)).toEqual(seqs.map(() => "visible"));
    const after = came.map(({ atMs }) => atMs).filter((atMs) => atMs >= killedAtMs);
    const gaps = [killedAtMs, ...after].map((atMs, at, times) => (times[at + 1] ?? atMs) - atMs);
    // It ended in the midst of the ingest, not after it.
    expect(after.length).toBeGreaterThan(20);
    // Bounded, not measured: on a busy machine a batch alone takes seconds.
    expect(Math.max(...gaps)).toBeLessThan(30_000);
    const status = await httpClient(engine.url).status();
    expect(status.tenants.find((one) => one.tenant === tenant)?.documents).toBe(documents);
    await first?.restart();
    await engine.stop();
  });
});
