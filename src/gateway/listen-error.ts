/** Why an address cannot be listened on, in one line that says what to do. */

export class ListenError extends Error {
  override readonly name = "ListenError";
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Where its port is said: each listener has a setting of its own. */
  readonly portSetting: string;
}

export function explainListenError(error: unknown, listener: Listener): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const advice = adviceFor(code, listener);
  return advice === undefined ? error : new ListenError(advice, { cause: error });
}

function adviceFor(code: unknown, { host, port, portSetting }: Listener): string | undefined {
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} on ${host} is in use: stop the program that has it, or set ${portSetting} to another port (0 lets the system choose)`;
    case "EACCES":
      return `port ${port} needs more rights than this user has: set ${portSetting} to a port above 1023`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is no address of this machine: set FRESHET_HTTP_HOST to one that is (127.0.0.1 for local use)`;
    default:
      return undefined;
  }
}
