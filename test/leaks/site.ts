/** A running engine as the story of planted values sees it, and requests to it. */

import type { NatsConnection } from "nats";

export interface LeakSite {
  readonly httpUrl: string;
  readonly nats: NatsConnection;
  readonly tenant: string;
  /** An empty folder for files that are ingested: what is in there is no find. */
  readonly spool: string;
  /** Runs `freshet …`; what it says. @throws Error unless it ends well */
  freshet(parameters: readonly string[]): Promise<string>;
  /** Resolves when everything is in cold and proved to be there. */
  merge(): Promise<void>;
  say(line: string): void;
}

function headersOf({ tenant }: Pick<LeakSite, "tenant">): Record<string, string> {
  return { "content-type": "application/json", "x-tenant": tenant };
}

export function post(
  site: LeakSite,
  path: string,
  body: string | object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${site.httpUrl}${path}`, {
    method: "POST",
    headers: { ...headersOf(site), ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

export function get(site: LeakSite, path: string): Promise<Response> {
  return fetch(`${site.httpUrl}${path}`, { headers: headersOf(site) });
}
