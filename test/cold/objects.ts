/**
 * Cold objects made by hand: a vector that points where the test says, ids as production makes
 * them.
 */

import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject } from "../../src/cold/port.ts";
import type { DocumentId, TenantId, Version } from "../../src/contract/ids.ts";
import type { DocumentInfo, TextRange } from "../../src/contract/record.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";

export const dimensions = 384;

export const tenant = (name: string): TenantId => name as TenantId;
export const documentId = (id: string): DocumentId => id as DocumentId;
export const version = (value: number): Version => value as Version;

let tenantsMade = 0;

/** A tenant that no other test, file or earlier run on the same server has. */
export function freshTenant(label: string): TenantId {
  tenantsMade += 1;
  return tenant(`${label}-${process.pid.toString(36)}-${Date.now().toString(36)}-${tenantsMade}`);
}

/**
 * A unit vector at `angle` radians in the plane of the first two axes: cosines are known by heart.
 */
export function direction(angle: number): Float32Array {
  const vector = new Float32Array(dimensions);
  vector[0] = Math.cos(angle);
  vector[1] = Math.sin(angle);
  return vector;
}

export interface ObjectOptions {
  readonly id: string;
  readonly version?: number;
  readonly chunk?: number;
  readonly chunkCount?: number;
  readonly text?: string;
  readonly heading?: string;
  readonly range?: TextRange;
  readonly info?: DocumentInfo;
  readonly angle?: number;
  readonly sparse?: SparseVector;
}

export function coldObject(owner: TenantId, options: ObjectOptions): ColdObject {
  const key = {
    documentId: documentId(options.id),
    version: version(options.version ?? 1),
    chunk: options.chunk ?? 0,
  };
  return {
    ...key,
    id: objectId({ tenant: owner, ...key }),
    text: options.text ?? `text of ${options.id}`,
    chunkCount: options.chunkCount ?? 1,
    heading: options.heading,
    range: options.range,
    info: options.info ?? {},
    vector: direction(options.angle ?? 0),
    ...(options.sparse === undefined ? {} : { sparse: options.sparse }),
  };
}
