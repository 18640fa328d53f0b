/** A merge worker that is stopped while its Temporal, or the way to it, says nothing. */

import { readFileSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { type Proxy, startProxy } from "../chaos/proxy.ts";
import { openSite, type Site } from "../support/engine-process.ts";
import { serversOfFile } from "../support/side-by-side.ts";

/** Longer than a stop takes, shorter than Temporal's core waits for its server, and than a supervisor. */
const stopMsMax = 20_000;

let site: Site | undefined;
let proxy: Proxy | undefined;

afterAll(async () => {
  await site?.close();
  await proxy?.close();
});

it("ends by itself, long before Temporal's core gives its server up (MW4)", async () => {
  const [host, port] = serversOfFile().temporal.address.split(":");
  expect(host).toBe("127.0.0.1");
  proxy = await startProxy(Number(port));
  site = await openSite({ FRESHET_TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` });
  const worker = await site.startMergeWorker();
  proxy.hold("both");
  const begunMs = performance.now();
  await worker.stop();
  expect(readFileSync(worker.logFile, "utf8")).toContain("Temporal says nothing");
  expect(performance.now() - begunMs).toBeLessThan(stopMsMax);
});
