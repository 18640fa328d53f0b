/** The caller's presence as an abort signal, so that no work is done for a caller who has gone. */

import type { ServerResponse } from "node:http";
import { FreshetError } from "../contract/errors.ts";

/** The controller aborts when the connection closes before the reply is complete. */
export function abortWhenCallerLeaves(response: ServerResponse): AbortController {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort(new FreshetError("cancelled"));
  });
  return controller;
}
