/** Requests of each kind, to see what a credential opens. */

import type { Fixture } from "./http-fixture.ts";

export const requests = {
  ask: { method: "POST", url: "/answer", payload: { query: "what is new?" } },
  publish: { method: "POST", url: "/v1/documents", payload: { id: "a", text: "b" } },
  delete: { method: "DELETE", url: "/v1/documents/a" },
  document: { method: "GET", url: "/v1/documents/a" },
  documents: { method: "GET", url: "/v1/documents" },
  status: { method: "GET", url: "/v1/status" },
} as const;
export type RequestName = keyof typeof requests;

export async function codeOf({ app }: Fixture, name: RequestName, key: string, headers = {}) {
  const authorization = `Bearer ${key}`;
  const reply = await app.inject({ ...requests[name], headers: { authorization, ...headers } });
  return reply.statusCode < 300 ? "ok" : reply.json<{ code: string }>().code;
}
