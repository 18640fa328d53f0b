import type { Environment } from "../setup/cache.ts";
import { choosePorts, isPortTaken, type PortRequest, portInUse } from "./ports.ts";
import type { SecureFiles } from "./secure.ts";
import { ServerStartError } from "./supervise.ts";

/** What each server's file needs to start its server. */
export interface ServerContext {
  readonly dataDir: string;
  readonly env: Environment;
  /** Ports of the last run by name; the ports of this run are written into it. */
  readonly ports: Record<string, number>;
  /** Of Temporal, beside the configured one: tests that run side by side have one each. */
  readonly namespaces?: readonly string[] | undefined;
  /**
   * Of Temporal, instead of its own four. Only for data that is made anew: tasks that lie in one of
   * the others would stay there.
   */
  readonly taskQueuePartitions?: 1 | undefined;
  /** With certificates and keys; undefined: plain text on loopback. */
  readonly secure?: SecureFiles | undefined;
}

/** How often a server is started anew on other ports when another process was quicker. */
const portAttemptsMax = 3;

/**
 * Chooses the ports of one server and starts it. Between choosing and binding a port another
 * process may take it; then other ports are chosen, unless a person fixed the one in question.
 */
export async function startOnPorts<T>(
  context: ServerContext,
  requests: readonly PortRequest[],
  start: (ports: (name: string) => number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const chosen = await choosePorts(requests, context.env, context.ports);
    try {
      const started = await start((name) => portNamed(chosen, name).port);
      for (const { name } of requests) context.ports[name] = portNamed(chosen, name).port;
      return started;
    } catch (error) {
      if (!(error instanceof ServerStartError) || !isPortTaken(error.log)) throw error;
      const fixed = requests.find(({ name }) => portNamed(chosen, name).configured);
      if (fixed !== undefined) throw portInUse(portNamed(chosen, fixed.name).port, fixed.variable);
      if (attempt === portAttemptsMax) throw error;
      for (const { name } of requests) delete context.ports[name];
    }
  }
}

function portNamed<T>(chosen: Readonly<Record<string, T>>, name: string): T {
  const found = chosen[name];
  if (found === undefined) throw new Error(`port ${name} was not asked for; this is a bug`);
  return found;
}

/** A server sees no variable of ours or of the user's that it could take for its own settings. */
export function plainEnvironment(env: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR", "TZ", "LANG"]) {
    const value = env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
