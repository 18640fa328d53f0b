/**
 * The thread that maps events: the expression is the operator's, the events are foreign, and the
 * two together may take for ever.
 *
 * Owns: the compiled expression. Never: keeps anything of an event.
 * Receives: `MapRequest`, one at a time. Sends: `ready` or `refused` once, then `mapped` for each
 * request. Which event it is at stands in shared memory, so that the one that hung can be named.
 */

import { parentPort, workerData } from "node:worker_threads";
import { errorBody, toFreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Mapped } from "../../contract/source.ts";
import { keepCompiled } from "../../runtime/compiled.ts";
import { yieldBy } from "../../runtime/priority.ts";
import { eventOf } from "./event.ts";
import { type CompiledExpression, compileExpression } from "./expression.ts";
import type { MapReply, MapRequest, MapSettings } from "./mapper-protocol.ts";
import type { RawEvent } from "./port.ts";

const { progress, keyHeader, ...settings } = workerData as MapSettings;
if (parentPort === null) throw new Error("this file is a thread of a mapper");
const port = parentPort;
const at = new Int32Array(progress);
yieldBy(limits.prepareNiceness);

const say = (reply: MapReply): void => port.postMessage(reply);

try {
  answer(compileExpression(settings));
  say({ kind: "ready" });
  keepCompiled();
} catch (thrown) {
  say({ kind: "refused", error: errorBody(toFreshetError(thrown)) });
}

function answer(expression: CompiledExpression): void {
  port.on("message", ({ events }: MapRequest) => void mapAll(expression, events));
}

async function mapAll(expression: CompiledExpression, events: readonly RawEvent[]): Promise<void> {
  const mapped: Mapped[] = [];
  for (const [index, event] of events.entries()) {
    Atomics.store(at, 0, index);
    mapped.push(await mapOne(expression, event));
  }
  Atomics.store(at, 0, events.length);
  say({ kind: "mapped", mapped });
}

async function mapOne(expression: CompiledExpression, raw: RawEvent): Promise<Mapped> {
  try {
    return await expression.map(eventOf(raw, keyHeader));
  } catch (thrown) {
    return { kind: "failed", message: toFreshetError(thrown).message };
  }
}
