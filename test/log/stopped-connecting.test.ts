import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { openConnection } from "../../src/log/nats/connection.ts";
import { systemClock } from "../../src/runtime/clock.ts";

it("who waits for a server that does not speak stops waiting when told to (NC1)", async () => {
  const stop = new AbortController();
  const silent = createServer((socket) => {
    socket.destroy();
    stop.abort();
  });
  onTestFinished(() => void silent.close());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const access = { servers: `nats://127.0.0.1:${port}`, stopping: stop.signal };
  const reports = { clock: systemClock, logger: silentLogger, metrics: silentMetrics };
  const begunMs = systemClock.monotonicMs();
  await expect(openConnection(access, reports)).rejects.toMatchObject({ code: "cancelled" });
  expect(systemClock.monotonicMs() - begunMs).toBeLessThan(10_000);
});
