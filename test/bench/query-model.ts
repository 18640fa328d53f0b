/** A model that thinks for a known time and says one cited sentence. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface MockModel {
  readonly url: string;
  close(): Promise<void>;
}

const reply = JSON.stringify({
  choices: [{ message: { content: "It says so [1]." }, finish_reason: "stop" }],
});

export async function startMockModel(delayMs: number): Promise<MockModel> {
  const server = createServer((request, response) => {
    request.resume();
    const headers = { "content-type": "application/json" };
    const wait = request.method === "POST" ? delayMs : 0;
    setTimeout(() => response.writeHead(200, headers).end(reply), wait);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
