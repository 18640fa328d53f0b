/**
 * TLS in front of a server that has none: Temporal's development server. Only who shows a client
 * certificate of the CA is let through; the server itself stays on loopback, in plain text.
 */
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, type Socket } from "node:net";
import { createServer } from "node:tls";
import type { SecureFiles } from "./secure.ts";

export interface TlsFront {
  /** host:port */
  readonly address: string;
  close(): Promise<void>;
}

export async function startTlsFront(
  files: Pick<SecureFiles, "caFile" | "serverCertFile" | "serverKeyFile">,
  behind: { readonly port: number },
): Promise<TlsFront> {
  const sockets = new Set<{ destroy(): void }>();
  const options = {
    ca: readFileSync(files.caFile),
    cert: readFileSync(files.serverCertFile),
    key: readFileSync(files.serverKeyFile),
    ...{ requestCert: true, rejectUnauthorized: true, ALPNProtocols: ["h2"] },
  };
  const server = createServer(options, (client) => {
    const upstream = connect(behind.port, "127.0.0.1");
    join(client, upstream);
    join(upstream, client);
    client.pipe(upstream).pipe(client);
  });
  function join(own: Socket, other: Socket): void {
    sockets.add(own);
    own.on("error", () => other.destroy());
    own.on("close", () => {
      sockets.delete(own);
      other.destroy();
    });
  }
  // A client without a certificate is refused in the handshake, which is no error of the front.
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
