/** Erasing in memory. */

import type { Erasure, ErasureRequest } from "../erasure-port.ts";
import type { MemoryAttempts } from "./attempts.ts";
import type { Availability } from "./availability.ts";
import type { MemoryChunks } from "./chunks.ts";
import type { MemoryDeadLetters } from "./dead-letters.ts";
import type { MemoryDocs } from "./docs.ts";
import type { MemoryFeedback } from "./feedback.ts";
import type { MemoryGenerations } from "./generations.ts";
import type { MemoryManifests } from "./manifests.ts";
import type { MemoryPrivacy } from "./privacy.ts";
import type { MemoryTokens } from "./tokens.ts";

interface Parts {
  readonly availability: Availability;
  readonly docs: MemoryDocs;
  readonly chunks: MemoryChunks;
  readonly manifests: MemoryManifests;
  readonly deadLetters: MemoryDeadLetters;
  readonly attempts: MemoryAttempts;
  readonly tokens: MemoryTokens;
  readonly feedback: MemoryFeedback;
  readonly privacy: MemoryPrivacy;
  readonly generations: MemoryGenerations;
}

export function memoryErasure(parts: Parts): Erasure {
  const run = async (request: ErasureRequest, isRemoved: boolean): Promise<number> => {
    await parts.availability.pass();
    if (isRemoved) parts.availability.checkIdentity();
    return erase(parts, request, isRemoved);
  };
  return { remove: (request) => run(request, true), count: (request) => run(request, false) };
}

function erase(
  { docs, chunks, manifests, deadLetters, attempts, tokens, feedback, privacy, generations }: Parts,
  { tenant, of, below = Number.MAX_SAFE_INTEGER, max, version, except }: ErasureRequest,
  isRemoved: boolean,
): number {
  switch (of) {
    case "operations":
      return docs.erase(tenant, { below, max, except }, isRemoved);
    case "records":
      return chunks.erase(tenant, below, isRemoved);
    case "heads":
      return manifests.erasePieces(tenant, isRemoved);
    case "letters":
      return deadLetters.erase(tenant, version, isRemoved);
    case "feedback":
      return feedback.erase(tenant, isRemoved);
    case "keys":
      return privacy.erase(tenant, isRemoved);
    case "generations":
      return generations.erase(tenant, isRemoved);
    case "generation":
      return (
        manifests.erase(tenant, isRemoved) +
        deadLetters.eraseOwed(tenant, isRemoved) +
        attempts.erase(tenant, isRemoved)
      );
    case "manifests":
      return (
        manifests.erase(tenant, isRemoved) +
        deadLetters.eraseOwed(tenant, isRemoved) +
        attempts.erase(tenant, isRemoved) +
        tokens.erase(tenant, isRemoved)
      );
  }
}
