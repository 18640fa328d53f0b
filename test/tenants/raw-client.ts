/** A client that speaks NATS' protocol by hand, and keeps to no rule that a library has. */
import { connect, type Socket } from "node:net";
import type { Authenticator } from "nats";

export interface Told {
  /** What the server refused. */
  readonly errors: readonly string[];
  /** Subjects of the messages that came. */
  readonly messages: readonly string[];
}

export interface RawClient {
  /** Sends lines of the protocol, and returns what came up to the server's next PONG. */
  say(...lines: readonly string[]): Promise<Told>;
  /** What came by itself since the last answer. */
  heard(): Told;
  close(): void;
}

const end = "\r\n";

export async function rawClient(url: string, who: Authenticator): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setEncoding("latin1");
  const lines = linesOf(socket);
  const info = JSON.parse((await lines.next("INFO ")).slice("INFO ".length)) as { nonce: string };
  const auth = who(info.nonce);
  const options = { verbose: false, pedantic: false, lang: "hand", headers: true, protocol: 1 };
  const hello = { ...options, no_responders: true, name: "hand", ...auth };
  socket.write(`CONNECT ${JSON.stringify(hello)}${end}PING${end}`);
  await lines.next("PONG");
  return {
    async say(...said) {
      socket.write([...said, "PING", ""].join(end));
      await lines.next("PONG");
      return lines.take();
    },
    heard: () => lines.take(),
    close: () => socket.destroy(),
  };
}

/** A publish; `reply` and `headers` as they come. */
export function pub(
  subject: string,
  {
    payload = "{}",
    reply = "",
    headers,
  }: { readonly payload?: string; readonly reply?: string; readonly headers?: string } = {},
): string {
  const to = reply === "" ? subject : `${subject} ${reply}`;
  if (headers === undefined) return `PUB ${to} ${payload.length}${end}${payload}`;
  const head = `NATS/1.0${end}${headers}${end}${end}`;
  return `HPUB ${to} ${head.length} ${head.length + payload.length}${end}${head}${payload}`;
}

function linesOf(socket: Socket) {
  let rest = "";
  let lines: string[] = [];
  let wake = (): void => {};
  const taken: { errors: string[]; messages: string[] } = { errors: [], messages: [] };
  socket.on("close", () => wake());
  socket.on("error", () => wake());
  socket.on("data", (chunk: string) => {
    rest += chunk;
    const parts = rest.split(end);
    rest = parts.pop() ?? "";
    for (const line of parts) {
      if (line === "PING") socket.write(`PONG${end}`);
      else if (line.startsWith("-ERR")) taken.errors.push(line);
      else if (/^H?MSG /.test(line)) taken.messages.push(line.split(" ")[1] ?? "");
      else lines.push(line);
    }
    wake();
  });
  return {
    async next(start: string): Promise<string> {
      for (;;) {
        const found = lines.find((line) => line.startsWith(start));
        lines = [];
        if (found !== undefined) return found;
        if (socket.closed) throw new Error(`the server hung up: ${taken.errors.join(", ")}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    take(): Told {
      return { errors: taken.errors.splice(0), messages: taken.messages.splice(0) };
    },
  };
}
