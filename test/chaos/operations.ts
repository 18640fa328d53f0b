/** Pure: what the publishers of a run send, from seeded choices. */

import type { TenantId } from "../../src/contract/ids.ts";
import type { Random } from "./random.ts";

export type OperationKind = "upsert" | "delete" | "invalid";

export interface ChaosOperation {
  /** Unique in the run; the idempotency key, so also the name under which DOCS knows it. */
  readonly id: string;
  readonly tenant: TenantId;
  readonly documentId: string;
  readonly kind: OperationKind;
  /** As a publisher sends it. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Few documents, so that each changes again and again, in all orders. */
export const documentsPerTenant = 48;
/** A bucket's chunks fit into one reply: a question with its filter must find all of them. */
export const bucketsPerTenant = 6;
const chunksPerDocumentMax = 4;
/** What a question may ask for; asserted to hold every chunk of a bucket. */
export const topK = 50;

if ((documentsPerTenant / bucketsPerTenant) * chunksPerDocumentMax > topK) {
  throw new RangeError("a bucket does not fit into one reply");
}

export const bucketName = (index: number): string => `bucket-${index}`;

export function bucketOf(documentId: string): string {
  return bucketName(Number(documentId.slice("doc-".length)) % bucketsPerTenant);
}

export function documentsOf(bucket: string): readonly string[] {
  const all = Array.from({ length: documentsPerTenant }, (_, index) => `doc-${index}`);
  return all.filter((id) => bucketOf(id) === bucket);
}

const subjects = ["anchor", "barrel", "candle", "drum", "engine", "flute", "gear", "hammer"];
const places = ["barn", "cellar", "harbour", "kitchen", "loft", "shed", "tower", "yard"];

export function makeOperation(
  random: Random,
  { id, tenant }: { readonly id: string; readonly tenant: TenantId },
): ChaosOperation {
  const kind = random.weighted({ upsert: 82, delete: 15, invalid: 3 });
  const documentId = `doc-${random.int(0, documentsPerTenant - 1)}`;
  return { id, tenant, documentId, kind, body: bodyOf(random, { id, kind, documentId }) };
}

function bodyOf(
  random: Random,
  { id, kind, documentId }: { id: string; kind: OperationKind; documentId: string },
): ChaosOperation["body"] {
  switch (kind) {
    case "delete":
      return { id: documentId, op: "delete" };
    case "invalid":
      return { id: documentId, text: 7 };
    case "upsert": {
      const metadata = { bucket: bucketOf(documentId), operation: id };
      // Mostly one chunk; documents that grow and shrink must leave none behind.
      const sentences = random.chance(0.9) ? 1 : random.int(12, 50);
      const text = Array.from({ length: sentences }, () => sentence(random)).join(" ");
      return { id: documentId, text, metadata };
    }
  }
}

function sentence(random: Random): string {
  const [one, other] = [random.pick(subjects), random.pick(subjects)];
  return `The ${one} of the ${random.pick(places)} lies beside the ${other} in the ${random.pick(places)}.`;
}

/**
 * Any words do: the filter decides what is found. Half of the questions are in the same words, so
 * that what equal questions share has to be as fresh as the rest.
 */
export function makeQuestion(random: Random): string {
  if (random.chance(0.5)) return "where is everything";
  return `where is the ${random.pick(subjects)} of the ${random.pick(places)}`;
}

/** What a stored payload is, by the shapes above. */
export function parseOperationKind(payload: Uint8Array): OperationKind {
  const body = JSON.parse(new TextDecoder().decode(payload)) as Readonly<Record<string, unknown>>;
  if (body["op"] === "delete") return "delete";
  return typeof body["text"] === "string" ? "upsert" : "invalid";
}
