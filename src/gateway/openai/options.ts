/** What every route for clients of OpenAI's API works with. */

import type { Clock } from "../../runtime/clock.ts";
import type { Gate } from "../gate.ts";
import type { Handler } from "../handler.ts";
import type { RequestAudit } from "../request-audit.ts";

export interface OpenAiRouteOptions {
  readonly handler: Handler;
  readonly gate: Gate;
  readonly audit: RequestAudit;
  readonly sse: { readonly bufferBytesMax: number; readonly heartbeatMs: number };
  readonly clock: Clock;
}
