/** What calls that outlast a rest may say of their endpoint (BR3, BR4). */

import { expect, it } from "vitest";
import { Link } from "../../src/answer/writer-chain-link.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { endpointOf, playedModel } from "./chain-kit.ts";

const away = { reason: "ECONNREFUSED" };

function linkThatRests() {
  const clock = createManualClock();
  const endpoint = endpointOf(playedModel("one", async () => ""));
  const silent = { logger: silentLogger, metrics: silentMetrics };
  const link = new Link(endpoint, { clock, endpoints: [endpoint], ...silent });
  const begun = Array.from({ length: limits.breakerFailures + 2 }, () => {
    expect(link.begin()).toBe(true);
    return link.era;
  });
  const [first = 0, second = 0, ...others] = begun;
  for (const era of others) link.failed(away, era);
  expect(link.begin()).toBe(false);
  return { link, clock, first, second };
}

it("a call from before the rest is not taken for the one that tries behind it", async () => {
  const { link, clock, first, second } = linkThatRests();
  await clock.advance(limits.breakerOpenMs);
  expect(link.begin()).toBe(true);
  const tries = link.era;
  link.failed(away, first);
  link.givenUp(second);
  expect(link.begin()).toBe(false);
  link.succeeded(tries);
  expect(link.begin()).toBe(true);
});

it("its success does not close the breaker before the one that tries has come back", async () => {
  const { link, clock, first } = linkThatRests();
  await clock.advance(limits.breakerOpenMs);
  expect(link.begin()).toBe(true);
  const tries = link.era;
  link.succeeded(first);
  expect(link.begin()).toBe(false);
  link.failed(away, tries);
  await clock.advance(limits.breakerOpenMs);
  expect(link.begin()).toBe(false);
  await clock.advance(limits.breakerOpenMs);
  expect(link.begin()).toBe(true);
});

it("what it is asked to wait for lengthens the rest all the same", async () => {
  const { link, clock, first } = linkThatRests();
  link.failed({ status: 429, retry_after_ms: 4 * limits.breakerOpenMs }, first);
  await clock.advance(2 * limits.breakerOpenMs);
  expect(link.begin()).toBe(false);
  await clock.advance(2 * limits.breakerOpenMs);
  expect(link.begin()).toBe(true);
});
