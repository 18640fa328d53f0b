/** A client of the engine for measuring, over NATS and over HTTP: nothing between it and the wire. */

import { connect, type NatsConnection } from "nats";
import { Pool } from "undici";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Answer, Coverage, Timings } from "../../src/contract/query.ts";

export type Reply =
  | { readonly timings: Timings; readonly cold: Coverage["cold"] }
  /** Code of the error table. */
  | { readonly refused: string };

export interface Asker {
  ask(tenant: TenantId, question: object): Promise<Reply>;
}

export interface Askers {
  readonly nats: Asker;
  readonly http: Asker;
  close(): Promise<void>;
}

const timeoutMs = 60_000;
/** As many as the widest closed loop has in flight. */
const connections = 64;

export async function openAskers(urls: {
  readonly natsUrl: string;
  readonly httpUrl: string;
}): Promise<Askers> {
  const connection = await connect({ servers: urls.natsUrl, name: "bench-query" });
  const pool = new Pool(urls.httpUrl, { connections });
  return {
    nats: overNats(connection),
    http: overHttp(pool),
    close: async () => {
      await Promise.all([connection.close(), pool.close()]);
    },
  };
}

function overNats(connection: NatsConnection): Asker {
  return {
    async ask(tenant, question) {
      const payload = JSON.stringify(question);
      const reply = await connection.request(`query.${tenant}`, payload, { timeout: timeoutMs });
      return read(reply.string());
    },
  };
}

function overHttp(pool: Pool): Asker {
  return {
    async ask(tenant, question) {
      const { body } = await pool.request({
        path: "/answer",
        method: "POST",
        headers: { "content-type": "application/json", "x-tenant": tenant },
        body: JSON.stringify(question),
      });
      return read(await body.text());
    },
  };
}

/** An answer, the error body of NATS, or the problem document of HTTP. */
function read(text: string): Reply {
  const value = JSON.parse(text) as Partial<Answer> & {
    readonly error?: { readonly code: string };
    readonly code?: string;
  };
  const { timings, coverage } = value;
  if (timings !== undefined && coverage !== undefined) return { timings, cold: coverage.cold };
  return { refused: value.error?.code ?? value.code ?? "unknown" };
}
