import { createServer, type Socket } from "node:net";
import { connect } from "nats";
import { expect, it, onTestFinished } from "vitest";
import { connectionOptions } from "../../src/log/nats/access.ts";
import { eventually } from "../support/promises.ts";

it("a dial that a silent server lets run out of time leaves no socket open", async () => {
  const open = new Set<Socket>();
  let came = 0;
  const silent = createServer((socket) => {
    came += 1;
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    // Without a reader the end of the other side is not seen.
    socket.resume();
  });
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    silent.close();
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const options = connectionOptions({ servers: `nats://127.0.0.1:${port}` });
  const dialling = connect({ ...options, timeout: 100 });
  await expect(dialling).rejects.toMatchObject({ code: "TIMEOUT" });
  expect(came).toBe(1);
  await eventually(() => expect(open.size).toBe(0));
});
