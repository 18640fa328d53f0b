/**
 * What must be, computed in the dullest way: the last operation of each document, in the order of
 * DOCS.
 */

export interface Published {
  readonly version: number;
  readonly kind: "upsert" | "delete" | "reject" | "duplicate";
  readonly id: string;
  /** Chunks of an upsert. */
  readonly chunks: number;
}

export interface LiveDocument {
  readonly version: number;
  readonly chunks: number;
}

export class Oracle {
  readonly operations: Published[] = [];

  get last(): number {
    return this.operations.at(-1)?.version ?? 0;
  }

  /** Live documents after every operation up to and including `version`. */
  liveAt(version: number): ReadonlyMap<string, LiveDocument> {
    const live = new Map<string, LiveDocument>();
    for (const { version: at, kind, id, chunks } of this.operations) {
      if (at > version) break;
      if (kind === "upsert") live.set(id, { version: at, chunks });
      else if (kind === "delete") live.delete(id);
    }
    return live;
  }

  rejectsUpTo(version: number): readonly number[] {
    return this.operations
      .filter((operation) => operation.kind === "reject" && operation.version <= version)
      .map((operation) => operation.version);
  }
}

/** `id@version#chunk` of every chunk, sorted: what an answer must consist of. */
export function chunksOf(live: ReadonlyMap<string, LiveDocument>): readonly string[] {
  return [...live]
    .flatMap(([id, { version, chunks }]) =>
      Array.from({ length: chunks }, (_, chunk) => `${id}@${version}#${chunk}`),
    )
    .sort();
}
