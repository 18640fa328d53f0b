/**
 * The thread that floods: told the name of a surface it begins, told null it ends and says what
 * became of it. Closed loops of many, each again when it is answered or refused.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { connect, type NatsConnection } from "nats";
import { request } from "undici";
import { limits } from "../../src/contract/limits.ts";
import type { FloodDone, Flooding, Surface } from "./tenants-surfaces.ts";

const floodTenant = "flood";
/** Of each surface at once: as many as a node lets one tenant have, and more than it works on. */
const floodsAtOnce = limits.questionsInFlightMax;
/** A caller that heeds no refusal still has to read it. */
const refusedPauseMs = 20;
/** Documents of the flood that are stored and not visible: what a round leaves to be worked off. */
const backlogMax = 400;

interface Flood {
  readonly over: AbortController;
  readonly loops: readonly Promise<void>[];
  readonly done: { passed: number; refused: number };
}

await serve(parentPort as MessagePort, workerData as Flooding);

async function serve(port: MessagePort, flooding: Flooding): Promise<void> {
  const nats = await connect({ servers: flooding.natsUrl });
  const backlog = { documents: 0 };
  nats.subscribe(`events.${floodTenant}`, {
    callback: () => {
      backlog.documents -= 1;
    },
  });
  let flood: Flood | undefined;
  const turn = async (surface: Surface | null): Promise<void> => {
    if (surface !== null) {
      // Events come at most once: what was not heard of is no backlog of this round.
      backlog.documents = 0;
      flood = start({ ...flooding, nats, backlog }, surface);
    } else {
      flood?.over.abort();
      await Promise.all(flood?.loops ?? []);
    }
    port.postMessage((flood?.done ?? { passed: 0, refused: 0 }) satisfies FloodDone);
  };
  port.on("message", (surface: Surface | null) => void turn(surface));
}

interface Surroundings extends Flooding {
  readonly nats: NatsConnection;
  readonly backlog: { documents: number };
}

function start(around: Surroundings, surface: Surface): Flood {
  const over = new AbortController();
  const done = { passed: 0, refused: 0 };
  const isPublish = surface.endsWith("publish");
  let sent = 0;
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      if (isPublish && around.backlog.documents >= backlogMax) {
        await sleep(refusedPauseMs);
        continue;
      }
      sent += 1;
      const isPassed = await sendOne(around, surface, { index: sent, signal: over.signal }).catch(
        () => false,
      );
      if (isPassed && isPublish) around.backlog.documents += 1;
      done[isPassed ? "passed" : "refused"] += 1;
      if (!isPassed) await sleep(refusedPauseMs);
    }
  };
  return { over, done, loops: Array.from({ length: floodsAtOnce }, loop) };
}

async function sendOne(
  { httpUrl, nats, texts }: Surroundings,
  surface: Surface,
  { index, signal }: { readonly index: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const text = texts[index % texts.length] ?? "";
  const document = { id: `flood-${index % 2_000}`, text };
  const question = { query: `${index} ${text.slice(0, 60)}`, mode: "search" };
  switch (surface) {
    case "http_publish":
    case "http_question": {
      const isPublish = surface === "http_publish";
      const { statusCode, body } = await request(
        `${httpUrl}${isPublish ? "/v1/documents" : "/answer"}`,
        {
          ...{ method: "POST", signal },
          headers: { "content-type": "application/json", "x-tenant": floodTenant },
          body: JSON.stringify(isPublish ? document : question),
        },
      );
      await body.dump();
      return statusCode < 300;
    }
    case "nats_publish":
      await nats.jetstream().publish(`docs.${floodTenant}`, JSON.stringify(document));
      return true;
    case "nats_question": {
      const timeout = 60_000;
      const reply = await nats.request(`query.${floodTenant}`, JSON.stringify(question), {
        timeout,
      });
      return reply.headers?.get("Nats-Service-Error-Code") === "";
    }
  }
}
