import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Proxy, startProxy } from "./proxy.ts";

/** Sends back what it gets. */
let echo: Server;
let proxy: Proxy;

beforeEach(async () => {
  echo = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  const address = echo.address();
  proxy = await startProxy(typeof address === "object" && address !== null ? address.port : 0);
});

afterEach(async () => {
  await proxy.close();
  echo.close();
});

interface Client {
  readonly socket: Socket;
  received: string;
  readonly closed: Promise<void>;
}

async function open(): Promise<Client> {
  const socket = connect(proxy.port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const client: Client = { socket, received: "", closed };
  socket.on("data", (bytes) => {
    client.received += bytes.toString();
  });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return client;
}

async function untilReceived(client: Client, text: string): Promise<void> {
  while (!client.received.includes(text)) await pause(5);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

it("bytes go through in order, also while they are delayed", async () => {
  const client = await open();
  client.socket.write("one ");
  await untilReceived(client, "one ");
  proxy.delay(30);
  client.socket.write("two ");
  await pause(5);
  proxy.heal();
  client.socket.write("three ");
  await untilReceived(client, "three ");
  expect(client.received).toBe("one two three ");
});

it("a partition holds bytes back and delivers them when it heals, new connections too", async () => {
  const client = await open();
  client.socket.write("before ");
  await untilReceived(client, "before ");
  proxy.hold("both");
  const late = await open();
  client.socket.write("during ");
  late.socket.write("late ");
  await pause(50);
  expect([client.received, late.received]).toEqual(["before ", ""]);
  proxy.heal();
  await Promise.all([untilReceived(client, "during "), untilReceived(late, "late ")]);
});

it("a partition in one direction lets the other through", async () => {
  const client = await open();
  client.socket.write("before ");
  await untilReceived(client, "before ");
  proxy.hold("from-server");
  client.socket.write("during ");
  await pause(50);
  expect(client.received).toBe("before ");
  proxy.heal();
  await untilReceived(client, "during ");
});

it("a reset breaks running connections and lets new ones through", async () => {
  const client = await open();
  client.socket.write("before ");
  await untilReceived(client, "before ");
  proxy.reset();
  await client.closed;
  const again = await open();
  again.socket.write("after ");
  await untilReceived(again, "after ");
});
