/** Which subjects of a stream hold messages. */

import type { NatsContext } from "./connection.ts";
import { logError } from "./errors.ts";

/** @throws FreshetError log_unavailable, log_identity (the stream is missing) */
export async function subjectsOf(
  context: NatsContext,
  stream: string,
  filter: string,
): Promise<string[]> {
  try {
    const info = await context.jsm.streams.info(stream, { subjects_filter: filter });
    return Object.keys(info.state.subjects ?? {});
  } catch (thrown) {
    throw logError(thrown);
  }
}
