import { afterAll, beforeAll, expect, it } from "vitest";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";

/**
 * Ten tenants send as much as the log takes: small valid documents in payloads of up to 1.9 MiB, nearly all of it JSON
 * white space, and real documents of 256 KiB. In number they are few, so a bound that counts messages keeps them all.
 */

const MiB = 1024 * 1024;
const floods = Array.from({ length: 10 }, (_, index) => freshTenant(`flood-${index}`));
/** Of each tenant; the backlog that a restart finds is far above what the engine may hold. */
const messagesBefore = 8;
const messagesBehind = 42;

let site: Site;
let engine: FreshetProcess;

beforeAll(async () => {
  site = await openSite();
  engine = await site.startEngine();
});

afterAll(() => site.close());

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const padded = (bytes: number): Uint8Array =>
  encode(`{"id":"padded","text":"a few words"${" ".repeat(bytes)}}`);
const words = "rivers rise when snow melts in spring and fall again in a dry summer. ";
const payloads = {
  huge: padded(1.9 * MiB),
  large: padded(1 * MiB),
  real: encode(JSON.stringify({ id: "real", text: words.repeat(3_700) })),
};

/**
 * Side by side, each tenant one after the other. A real document takes seconds to embed and comes first: what is behind
 * it waits for its turn, in memory as far as it may.
 */
async function flood(messages: number): Promise<void> {
  const send = async (tenant: TenantId): Promise<void> => {
    await site.log.docs.publish({ tenant, payload: payloads.real });
    for (let count = 0; count < messages; count += 1) {
      const payload = count % 3 === 0 ? payloads.large : payloads.huge;
      await site.log.docs.publish({ tenant, payload });
    }
  };
  await Promise.all(floods.map(send));
}

async function becomesVisible(tenant: TenantId, text: string): Promise<void> {
  const { publish } = httpClient(engine.url);
  const payload = encode(JSON.stringify({ id: "quiet", text }));
  const { seq } = await publish(tenant, { payload });
  expect(await site.event(seq)).toMatchObject({ status: "visible" });
}

it("under a flood at the payload limit, and right after kill -9 with its backlog, memory stays below the stated bound and an eleventh tenant is served", async () => {
  const quiet = freshTenant("quiet");
  await becomesVisible(quiet, "before the flood");
  const before = engine.peakBytes();
  await Promise.all([flood(messagesBefore), becomesVisible(quiet, "in the flood")]);
  const running = engine.peakBytes();
  await engine.kill9();
  await flood(messagesBehind);
  await engine.restart();
  await becomesVisible(quiet, "behind the flood");
  // Time for every tenant to read what it may hold of its backlog.
  await systemClock.sleep(8_000);
  await becomesVisible(quiet, "in the backlog");
  const restarted = engine.peakBytes();
  // Of the engine, and not of the shell that watches it.
  expect(before).toBeGreaterThan(100 * MiB);
  expect(running).toBeLessThan(limits.engineBytesMax);
  expect(restarted).toBeLessThan(limits.engineBytesMax);
  // A larger one is refused where its publisher can be told.
  const larger = site.log.docs.publish({ tenant: quiet, payload: padded(3.9 * MiB) });
  await expect(larger).rejects.toMatchObject({ code: "document_too_large" });
}, 180_000);
