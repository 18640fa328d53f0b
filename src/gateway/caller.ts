/** The caller's presence as an abort signal, so that no work is done for a caller who has gone. */

import type { ServerResponse } from "node:http";
import { FreshetError } from "../contract/errors.ts";

/**
 * Once the reply or its connection is closed; at once where it is already, as of a caller who left
 * while it was looked up who that is: nobody would hear of it any more.
 */
export function whenClosed(response: ServerResponse, ended: () => void): void {
  if (response.closed) ended();
  else response.once("close", ended);
}

/** The controller aborts when the connection closes before the reply is complete. */
export function abortWhenCallerLeaves(response: ServerResponse): AbortController {
  const controller = new AbortController();
  whenClosed(response, () => {
    if (!response.writableFinished) controller.abort(new FreshetError("cancelled"));
  });
  return controller;
}
