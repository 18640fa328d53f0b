/**
 * In which order a worker takes what it was sent: questions first, since one session serves both
 * lanes where a device takes no second one. Pure.
 */

import type { WorkerRequest } from "./onnx-protocol.ts";
import type { Lane } from "./port.ts";

type EmbedRequest = Extract<WorkerRequest, { kind: "embed" }>;

export class WorkerTurns {
  readonly #waiting: Readonly<Record<Lane, EmbedRequest[]>> = { query: [], ingest: [] };
  #closes = false;

  add(request: WorkerRequest): void {
    if (request.kind === "close") this.#closes = true;
    else this.#waiting[request.lane].push(request);
  }

  /** `close` comes when nothing else waits. */
  next(): WorkerRequest | undefined {
    const request = this.#waiting.query.shift() ?? this.#waiting.ingest.shift();
    return request ?? (this.#closes ? { kind: "close" } : undefined);
  }
}
