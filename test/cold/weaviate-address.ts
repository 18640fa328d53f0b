/** Where the Weaviate of this test run is. */

import { inject } from "vitest";

export function weaviateAddress(): { readonly url: string; readonly grpc: string } {
  return inject("servers").weaviate;
}
