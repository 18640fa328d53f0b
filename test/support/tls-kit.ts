/** Certificates of every kind that a link meets, in files, and servers that show them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import {
  type AddressInfo,
  connect,
  createServer as createPlainServer,
  type Server,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import {
  issue,
  makeAuthority,
  type Pair,
  type Validity,
  validFor,
} from "../../ops/servers/certificates.ts";
import type { TlsFiles } from "../../src/contract/links.ts";

export interface PairFiles extends Pair {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TlsKit {
  readonly directory: string;
  readonly caFile: string;
  readonly ca: string;
  readonly otherCaFile: string;
  /** For `localhost` and 127.0.0.1. */
  readonly good: PairFiles;
  readonly wrongName: PairFiles;
  readonly expired: PairFiles;
  readonly client: PairFiles;
  /** Of a CA that nobody trusts. */
  readonly strangeClient: PairFiles;
  files(settings: string, more?: Partial<TlsFiles>): TlsFiles;
  write(name: string, pair: Pair): PairFiles;
  renew(names: readonly [string, ...string[]], valid?: Validity): Promise<Pair>;
  close(): void;
}

export async function openTlsKit(): Promise<TlsKit> {
  const directory = mkdtempSync(join(tmpdir(), "freshet-tls-"));
  const save = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const write = (name: string, pair: Pair): PairFiles => ({
    ...pair,
    certFile: save(`${name}.crt`, pair.cert),
    keyFile: save(`${name}.key`, pair.key),
  });
  const here = ["localhost", "127.0.0.1"] as const;
  const own = await makeAuthority("freshet test CA");
  const other = await makeAuthority("another CA");
  const past = validFor(-1, Date.now());
  const caFile = save("ca.crt", own.cert);
  return {
    directory,
    caFile,
    ca: own.cert,
    otherCaFile: save("other-ca.crt", other.cert),
    good: write("good", await issue(own, here)),
    wrongName: write("wrong-name", await issue(own, ["elsewhere.example"])),
    expired: write(
      "expired",
      await issue(own, here, { ...past, notBefore: new Date(Date.now() - 9 * 86_400_000) }),
    ),
    client: write("client", await issue(own, ["engine.freshet"])),
    strangeClient: write("strange", await issue(other, ["engine.freshet"])),
    files: (settings, more = {}) => ({
      ...{ settings, caFile, certFile: undefined, keyFile: undefined },
      ...more,
    }),
    write,
    renew: (names, valid) => issue(own, names, valid),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

function listen(server: Server): Promise<Listening> {
  return new Promise((resolve, reject) => {
    // Callers keep their connections for a minute, and a server without HTTP ends none of them.
    const open = new Set<Socket>();
    for (const event of ["connection", "secureConnection"]) {
      server.on(event, (socket: Socket) => {
        open.add(socket);
        socket.once("close", () => open.delete(socket));
      });
    }
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      const close = () =>
        new Promise<void>((closed) => {
          server.close(() => closed());
          for (const socket of open) socket.destroy();
        });
      resolve({ port, close });
    });
  });
}

export interface Shown {
  readonly kit: TlsKit;
  readonly pair: PairFiles;
  /** Asks for a client certificate of the kit's CA. */
  readonly mutual?: boolean | undefined;
}

function serverOptions({ kit, pair, mutual = false }: Shown): TlsOptions {
  const asks = { ca: kit.ca, requestCert: true, rejectUnauthorized: true };
  return { cert: pair.cert, key: pair.key, ...(mutual ? asks : {}) };
}

export function httpsServer(shown: Shown, answer: RequestListener): Promise<Listening> {
  return listen(createHttpsServer(serverOptions(shown), answer));
}

/** Speaks TLS to its callers, and plain text to what runs on a port. */
export function tlsProxy(
  shown: Shown,
  { port, alpn }: { readonly port: number; readonly alpn?: string },
): Promise<Listening> {
  const options = {
    ...serverOptions(shown),
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  };
  return listen(
    createTlsServer(options, (socket) => {
      const behind = connect(port, "127.0.0.1");
      socket.pipe(behind).pipe(socket);
      const end = (): void => {
        socket.destroy();
        behind.destroy();
      };
      socket.on("error", end).on("close", end);
      behind.on("error", end).on("close", end);
    }),
  );
}

/** Answers whatever comes in plain text, as a server does whose TLS is off. */
export function plainServer(greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"): Promise<Listening> {
  return listen(
    createPlainServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.once("data", () => socket.end(greeting));
    }),
  );
}
