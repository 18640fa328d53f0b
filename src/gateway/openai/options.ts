/** What every route for clients of OpenAI's API works with. */

import type { Clock } from "../../runtime/clock.ts";
import type { Gate } from "../gate.ts";
import type { Handler } from "../handler.ts";
import type { RequestAudit } from "../request-audit.ts";
import type { EmbeddingsHandler } from "./embeddings.ts";

export interface OpenAiRouteOptions {
  readonly handler: Handler;
  /** Undefined: there is no such route. */
  readonly embeddings?: EmbeddingsHandler | undefined;
  readonly gate: Gate;
  readonly audit: RequestAudit;
  readonly sse: { readonly bufferBytesMax: number; readonly heartbeatMs: number };
  readonly clock: Clock;
}
