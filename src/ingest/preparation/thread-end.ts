/** How a thread that runs native code is ended: it is asked, and ends itself between two runs. */

import type { MessagePort } from "node:worker_threads";

export const endThread = "end";

/** Before anything native is loaded: a thread may be ended while it starts. */
export function endWhenAsked(port: MessagePort): void {
  port.on("message", (message: unknown) => {
    if (message === endThread) process.exit();
  });
}
