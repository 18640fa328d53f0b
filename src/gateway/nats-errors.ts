/** Errors as NATS services tell them: headers for tools, the JSON body for programs. */

import { headers, type Msg, type MsgHdrs } from "nats";
import { errorBody, type FreshetError } from "../contract/errors.ts";
import { errorHeaders } from "./problem.ts";

/** The reply that a request fails with. @param told the headers that it has besides */
export function respondError(
  message: Pick<Msg, "respond">,
  error: FreshetError,
  told: MsgHdrs = headers(),
): void {
  told.set("Nats-Service-Error-Code", String(error.status));
  told.set("Nats-Service-Error", headerText(error.message));
  const { "retry-after": retryAfter } = errorHeaders(error);
  if (retryAfter !== undefined) told.set("Retry-After", retryAfter);
  const body = new TextEncoder().encode(JSON.stringify(errorBody(error)));
  message.respond(body, { headers: told });
}

/** A header value is one line of plain text. */
function headerText(message: string): string {
  return message.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200);
}
