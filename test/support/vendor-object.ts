/** A cold object as the vendor's client takes it, for what is written past ours. */

import type { ColdObject } from "../../src/cold/port.ts";
import { wireObject } from "../../src/cold/weaviate-object.ts";

export function vendorObject(object: ColdObject) {
  const { id, properties, vector } = wireObject(object);
  return { id, properties, vectors: Array.from(vector) };
}
