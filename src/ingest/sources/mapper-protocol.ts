/** What the engine and a thread that maps events say to each other. */

import type { ErrorBody } from "../../contract/errors.ts";
import type { Mapped } from "../../contract/source.ts";
import type { ExpressionSettings } from "./expression.ts";
import type { RawEvent } from "./port.ts";

export interface MapSettings extends ExpressionSettings {
  readonly keyHeader: string | undefined;
  /** One Int32: the event that the thread is at. */
  readonly progress: SharedArrayBuffer;
}

/** One at a time: the next follows the last reply. */
export interface MapRequest {
  readonly events: readonly RawEvent[];
}

export type MapReply =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly error: ErrorBody }
  | { readonly kind: "mapped"; readonly mapped: readonly Mapped[] };
