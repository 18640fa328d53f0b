/** Loopback ports: those configured, else those of the last run, else free ones. */
import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";
import { SetupError } from "../setup/setup-error.ts";

export interface PortRequest {
  /** Key under which the port is remembered between runs. */
  readonly name: string;
  /** Environment variable that fixes the port. */
  readonly variable: string;
  /** The server takes the port above it, too. */
  readonly withNext?: boolean | undefined;
}

/** A port and whether a person chose it: only ports that were not chosen may be replaced. */
export interface ChosenPort {
  readonly port: number;
  readonly configured: boolean;
}

/** What to try for one server, in order; a configured port has no alternative. Pure. */
export function portCandidates(
  configured: string | undefined,
  lastUsed: number | undefined,
  variable: string,
): { readonly fixed: number } | { readonly preferred: number | undefined } {
  if (configured === undefined || configured === "") return { preferred: lastUsed };
  const port = Number(configured);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new SetupError(`${variable}=${configured} is no port: use a number from 1 to 65535`);
  }
  return { fixed: port };
}

/**
 * Chooses all ports of a run together and holds each until all are chosen, so that no two are the
 * same. Between the release and the server's own bind another process may still take one; the
 * caller then asks again (see `isPortTaken`).
 */
export async function choosePorts(
  requests: readonly PortRequest[],
  configured: Readonly<Record<string, string | undefined>>,
  lastUsed: Readonly<Record<string, number>>,
): Promise<Record<string, ChosenPort>> {
  const held: Server[] = [];
  const chosen: Record<string, ChosenPort> = {};
  try {
    for (const { name, variable, withNext = false } of requests) {
      const wanted = portCandidates(configured[variable], lastUsed[name], variable);
      const fixed = "fixed" in wanted;
      const servers = fixed
        ? await holdFrom(wanted.fixed, withNext)
        : ((await holdFrom(wanted.preferred, withNext)) ?? (await holdAny(withNext)));
      const [server] = servers ?? [];
      if (server === undefined) throw portInUse(fixed ? wanted.fixed : 0, variable);
      held.push(...(servers ?? []));
      chosen[name] = { port: portOf(server), configured: fixed };
    }
    return chosen;
  } finally {
    await Promise.all(held.map((server) => release(server)));
  }
}

/**
 * Below the ports that systems give to outgoing connections: one of those could take the port of a
 * server that is about to start, or to start again.
 */
const quietPorts = { from: 10_000, below: 32_000 };
const quietPortTriesMax = 100;

/** One free loopback port, for a test that starts a single server; `withNext`: two in a row. */
export async function freePort({ withNext = false } = {}): Promise<number> {
  let servers: readonly Server[] | undefined;
  for (let tries = 0; servers === undefined && tries < quietPortTriesMax; tries += 1) {
    servers = await holdFrom(randomInt(quietPorts.from, quietPorts.below), withNext);
  }
  const [server] = servers ?? [];
  if (server === undefined) throw new SetupError("no free loopback port on this machine");
  const port = portOf(server);
  await Promise.all((servers ?? []).map((each) => release(each)));
  return port;
}

/** Undefined when it, or the one above it where that is wanted, is taken. */
async function holdFrom(
  port: number | undefined,
  withNext: boolean,
): Promise<readonly Server[] | undefined> {
  const server = await hold(port);
  if (server === undefined || !withNext) return server && [server];
  const next = await hold(portOf(server) + 1);
  if (next !== undefined) return [server, next];
  await release(server);
  return undefined;
}

async function holdAny(withNext: boolean): Promise<readonly Server[] | undefined> {
  for (let tries = 0; tries < quietPortTriesMax; tries += 1) {
    const servers = await holdFrom(0, withNext);
    if (servers !== undefined) return servers;
  }
  return undefined;
}

export function portInUse(port: number, variable: string): SetupError {
  return new SetupError(
    `port ${port} (${variable}) is in use: stop what listens there, ` +
      `or set ${variable} to a free port`,
  );
}

/** Whether a server's log says that its port was taken between choosing and binding. Pure. */
export function isPortTaken(log: string): boolean {
  return /address already in use|EADDRINUSE|port .* (?:is )?already in use|port \d+ on \S+ is in use/i.test(
    log,
  );
}

/**
 * Holds a port on all addresses, because Weaviate binds all of them for some: a port that is free
 * on loopback only would fail there.
 */
function hold(port: number | undefined): Promise<Server | undefined> {
  if (port === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => {
      resolve(undefined);
    });
    server.listen({ port, host: "0.0.0.0", exclusive: true }, () => {
      resolve(server);
    });
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

function release(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
