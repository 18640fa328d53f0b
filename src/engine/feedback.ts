/** Feedback into the log, redacted, and out of it again. */

import { type Feedback, type FeedbackPage, feedbackSchema } from "../contract/feedback.ts";
import type { TenantId } from "../contract/ids.ts";
import type { FeedbackLog } from "../log/feedback-port.ts";

export interface FeedbackParts {
  readonly feedback: FeedbackLog;
  /** I10. In the order of the texts. */
  readonly redact: (tenant: TenantId, texts: readonly string[]) => Promise<readonly string[]>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @throws FreshetError log_unavailable, overloaded */
export async function storeFeedback(
  { feedback, redact }: FeedbackParts,
  tenant: TenantId,
  said: Feedback,
): Promise<{ readonly seq: number }> {
  const { query, comment, ...rest } = said;
  const [redacted = "", remark] = await redact(
    tenant,
    comment === undefined ? [query] : [query, comment],
  );
  const stored = { query: redacted, ...(remark === undefined ? {} : { comment: remark }), ...rest };
  return { seq: await feedback.append(tenant, encoder.encode(JSON.stringify(stored))) };
}

/** What cannot be read is passed over: no engine of this release wrote it. */
export async function feedbackAfter(
  { feedback }: Pick<FeedbackParts, "feedback">,
  tenant: TenantId,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<FeedbackPage> {
  const messages = await feedback.read({ tenant, after, max: limit });
  const page = messages.flatMap(({ seq, atMs, data }) => {
    const read = readFeedback(data);
    return read === undefined ? [] : [{ ...read, seq, at: new Date(atMs).toISOString() }];
  });
  const next = messages.length < limit ? null : (messages.at(-1)?.seq ?? null);
  return { feedback: page, next };
}

function readFeedback(data: Uint8Array): Feedback | undefined {
  try {
    return feedbackSchema.parse(JSON.parse(decoder.decode(data)));
  } catch {
    return undefined;
  }
}
