/** Why a merge worker has no Temporal, as far as its log may say: vendors' messages quote. */

import { isGrpcServiceError } from "@temporalio/client";
import { FreshetError } from "../../contract/errors.ts";

/** What may be logged of anything thrown: its message may quote what it was given. */
export function nameOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : typeof thrown;
}

const notFound = 5;
const refusedCodes: ReadonlySet<number> = new Set([7 /* denied */, 16 /* unauthenticated */]);

/** One sentence; undefined when there is no more to say than the name. */
export function whyOf(thrown: unknown, { address, namespace, profile }: Place): string | undefined {
  if (thrown instanceof FreshetError) return thrown.message;
  if (!(thrown instanceof Error)) return undefined;
  // Ours: about a file that a setting names.
  if (/^FRESHET_\w+: /.test(thrown.message)) return thrown.message;
  const where = profile === undefined ? `temporal at ${address}` : `temporal of ${profile.file}`;
  if (thrown.name === "TransportError") {
    return `${where} does not answer: start it, or set FRESHET_TEMPORAL_ADDRESS to where it is`;
  }
  if (!isGrpcServiceError(thrown)) return undefined;
  if (thrown.code === notFound) {
    return `${where} has no namespace ${namespace}: create it, or set FRESHET_TEMPORAL_NAMESPACE`;
  }
  return refusedCodes.has(thrown.code) ? `${where} refuses the credentials` : undefined;
}

interface Place {
  readonly address: string;
  readonly namespace: string;
  readonly profile?: { readonly file: string } | undefined;
}
