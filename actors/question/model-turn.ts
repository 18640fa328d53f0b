/**
 * What one question has of language models: whether its tenant may use them, asked once, and what
 * they took for it.
 *
 *   QI1  quotas are asked at most once for a question, and what they gave is given back once;
 *   QI2  all calls of models for a question are in its reply's `usage`, also those that failed.
 */

import type { ModelCall, Written } from "../../src/answer/port.ts";
import type { Fallback, ModelUsage } from "../../src/contract/model-use.ts";
import type { Answer, Coverage } from "../../src/contract/query.ts";
import type { ModelTurn, Quotas, QuotaUser } from "../../src/contract/quota.ts";

export class QuestionModels {
  readonly #quotas: Pick<Quotas, "admitModel">;
  readonly #user: QuotaUser;
  #turn: Promise<ModelTurn | undefined> | undefined;
  #usage: ModelUsage = { prompt_tokens: 0, completion_tokens: 0, cost: 0 };

  constructor(quotas: Pick<Quotas, "admitModel">, { tenant, credential }: QuotaUser) {
    this.#quotas = quotas;
    this.#user = { tenant, credential };
  }

  /** What a writer has to know for one text (QI1). */
  async turn(): Promise<{
    readonly mayUseModel: boolean;
    readonly onCall: (call: ModelCall) => void;
  }> {
    this.#turn ??= this.#quotas.admitModel(this.#user);
    const turn = await this.#turn;
    return {
      mayUseModel: turn !== undefined,
      onCall: (call) => {
        this.#add(call);
        turn?.used({ tokens: call.prompt + call.completion, ms: call.ms });
      },
    };
  }

  get usage(): ModelUsage {
    return this.#usage;
  }

  async end(): Promise<void> {
    const turn = await this.#turn?.catch(() => undefined);
    turn?.end();
  }

  /** QI2. */
  #add({ prompt, completion, cost, isEstimate }: ModelCall): void {
    const { prompt_tokens, completion_tokens, cost: before, estimated } = this.#usage;
    const isKnown = before !== undefined && cost !== undefined;
    this.#usage = {
      prompt_tokens: prompt_tokens + prompt,
      completion_tokens: completion_tokens + completion,
      ...(isKnown && { cost: before + cost }),
      ...((isEstimate || estimated === true) && { estimated: true }),
    };
  }
}

/** What was written, and why no model was asked although there may be one. */
export type Told = Written & {
  readonly limited: Pick<Coverage, "llm_reason">;
  readonly fallback?: Fallback | undefined;
};

export function toldOf(written: Written): Told {
  const isLimited = written.isLimited === true;
  const passed = (written.passed ?? []).map((each) => ({ ...each }));
  const reason = isLimited ? "quota_exceeded" : passed.at(-1)?.reason;
  return {
    ...written,
    limited: isLimited ? { llm_reason: "quota_exceeded" } : {},
    ...(reason !== undefined && { fallback: { reason, passed } }),
  };
}

/** The fields of a reply that speak of models. */
export function modelFields(
  { model, isCut, fallback }: Told,
  usage: ModelUsage,
): Pick<Answer, "model" | "finish_reason" | "fallback" | "usage"> {
  return {
    ...(model !== undefined && { model }),
    ...(isCut === true && { finish_reason: "length" }),
    ...(fallback && { fallback }),
    usage,
  };
}
