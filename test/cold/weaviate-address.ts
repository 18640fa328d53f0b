/** Where the Weaviate of this test run is. */

import type { ServerAddresses } from "../support/servers.ts";
import { serversOfFile } from "../support/side-by-side.ts";

export function weaviateAddress(): ServerAddresses["weaviate"] {
  return serversOfFile().weaviate;
}
