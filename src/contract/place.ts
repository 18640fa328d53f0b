/** Where something listens, as its callers write it. */

/** `127.0.0.1:8787`, `[::1]:8787` */
export function hostAndPort(host: string, port: number | string): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** For a caller on the same machine: who listens on every address is found on loopback. */
export function nearHost(host: string): string {
  if (host === "" || host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
