/**
 * What a server says to whoever dials it, before a word of the client. One that takes no more
 * connections gives its reason there and hangs up; the client waits for more, and knows of silence.
 */

import { connect } from "node:net";
import { limits } from "../../contract/limits.ts";

const refusal = /^-ERR '([^']*)'/m;
/** An INFO of a large cluster has some kilobytes. */
const greetingBytesMax = 65_536;

/** The server's reason to take no connection; undefined: it gives none, or is not there. */
export async function refusalInGreeting(host: string, port: number): Promise<string | undefined> {
  let said = "";
  await new Promise<void>((resolve) => {
    const socket = connect({ host, port, timeout: limits.tlsProbeMs });
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    };
    const timer = setTimeout(end, limits.tlsProbeMs);
    socket.on("data", (data: Buffer) => {
      said += data.toString("latin1");
      if (refusal.test(said) || said.length > greetingBytesMax) end();
    });
    socket.once("error", end).once("close", end).once("timeout", end);
  });
  return refusal.exec(said)?.[1];
}
