import type { Candidate } from "../../src/contract/candidate.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import { lexicalMatch } from "../../src/text/chunk-terms.ts";
import { queryTerms } from "../../src/text/lexical.ts";

/** A candidate with defaults that do not matter to the test at hand. */
export function candidate(
  fields: Partial<Omit<Candidate, "documentId" | "version">> & { id?: string; version?: number },
): Candidate {
  const { id = "document", version = 1, ...rest } = fields;
  return {
    shard: "hot",
    documentId: id as DocumentId,
    version: version as Version,
    chunk: 0,
    text: "some text",
    info: {},
    cosine: 0.5,
    lexical: { frequencies: [], length: 0 },
    ...rest,
  };
}

/** The same candidate as its shard would hand it over for this question. */
export function askedFor(question: string, found: Candidate): Candidate {
  return { ...found, lexical: lexicalMatch(queryTerms(question), found) };
}
