/** Where the Weaviate of this test run is. */

import { inject } from "vitest";
import type { ServerAddresses } from "../support/servers.ts";

export function weaviateAddress(): ServerAddresses["weaviate"] {
  return inject("servers").weaviate;
}
