/** Feedback into the log, redacted, and out of it again. Any node does either. */

import { type Feedback, redactedFeedbackSchema } from "../contract/feedback.ts";
import type { TenantId } from "../contract/ids.ts";
import type { Service } from "../contract/service.ts";
import type { TenantLives } from "../log/lives.ts";
import type { Log } from "../log/port.ts";

export interface FeedbackParts {
  readonly log: Pick<Log, "feedback">;
  /** I10. In the order of the texts. */
  readonly redact: (tenant: TenantId, texts: readonly string[]) => Promise<readonly string[]>;
  readonly trust: { pass(): Promise<void> };
  readonly lives: Pick<TenantLives, "load" | "check">;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function feedbackOf(parts: FeedbackParts): Pick<Service, "feedback" | "feedbackAfter"> {
  const { log, redact, trust, lives } = parts;
  const check = async (tenant: TenantId): Promise<void> => {
    await trust.pass();
    await lives.load();
    lives.check(tenant);
  };
  return {
    async feedback(tenant, { query, comment, ...rest }) {
      await check(tenant);
      const texts = comment === undefined ? [query] : [query, comment];
      const [asked = "", remark] = await redact(tenant, texts);
      const stored = {
        query: asked,
        ...(remark === undefined ? {} : { comment: remark }),
        ...rest,
      };
      const data = encoder.encode(JSON.stringify(stored));
      return { seq: await log.feedback.append(tenant, data) };
    },
    async feedbackAfter(tenant, { after, limit }) {
      await check(tenant);
      const messages = await log.feedback.read({ tenant, after, max: limit });
      const feedback = messages.flatMap(({ seq, atMs, data }) => {
        const read = readFeedback(data);
        return read === undefined ? [] : [{ ...read, seq, at: new Date(atMs).toISOString() }];
      });
      const next = messages.length < limit ? null : (messages.at(-1)?.seq ?? null);
      return { feedback, next };
    },
  };
}

/**
 * What cannot be read is passed over: no engine of this release wrote it. What was stored is
 * redacted, and may be longer than what may be sent.
 */
function readFeedback(data: Uint8Array): Feedback | undefined {
  try {
    return redactedFeedbackSchema.parse(JSON.parse(decoder.decode(data)));
  } catch {
    return undefined;
  }
}
