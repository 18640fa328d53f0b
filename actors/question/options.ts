/** What a question actor works with; topology/questions.ts makes it. */

import type { AnswerWriter } from "../../src/answer/port.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import type { Quotas } from "../../src/contract/quota.ts";
import type { Log } from "../../src/log/port.ts";
import type { QuestionNamesLane } from "../../src/text/names.ts";
import type { FieldRedactor } from "../../src/text/redact-fields.ts";
import type { Directory, Proofs } from "../directory/directory.ts";
import type { AsOfSearches } from "./as-of.ts";
import type { QuestionLimits } from "./parts.ts";
import type { Reranking } from "./ranking.ts";
import type { SearchResults } from "./results.ts";
import type { QuestionVectors } from "./vectors.ts";

export interface QuestionOptions {
  readonly directory: Directory;
  readonly proofs: Proofs;
  readonly log: Pick<Log, "docs" | "nowMs" | "deployment">;
  readonly cold: ColdShard;
  /** Of the model that the documents under this name are embedded by; undefined while it loads. */
  readonly vectorsOf: (name: TenantId) => Pick<QuestionVectors, "of"> | undefined;
  readonly results: Pick<SearchResults, "of">;
  readonly asOf: Pick<AsOfSearches, "at" | "search">;
  /** Begins the redaction of one question of the tenant: its texts share what that may cost. */
  readonly redactorOf: (tenant: TenantId) => FieldRedactor;
  /** Behind it; undefined where that lane is off. */
  readonly names?: QuestionNamesLane | undefined;
  readonly writer: AnswerWriter;
  /** Undefined where none is set up. */
  readonly reranking?: Reranking | undefined;
  /** Answers to questions that nothing is relevant to are refused, unless the question says. */
  readonly declines: (name: TenantId) => boolean;
  readonly quotas: Pick<Quotas, "admitModel" | "answersOf">;
  readonly limits: QuestionLimits;
  readonly metrics: Metrics;
  readonly logger: Logger;
}
