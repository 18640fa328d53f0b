/** The part of the composition root that knows under which secret a deployment redacts. */

import { randomBytes } from "node:crypto";
import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { RedactionSecret } from "../contract/redaction-secret.ts";
import type { Log } from "../log/port.ts";
import type { QuestionNamesLane } from "../text/names.ts";
import { questionRedactor } from "../text/redact-fields.ts";
import { createRedactor } from "../text/redaction.ts";
import { type RedactionKeys, redactionKeys, secretCheck } from "../text/redaction-keys.ts";

const secretBytes = 32;

/**
 * All engines of a deployment use one secret: the configured one, or one that the first engine
 * makes and the log keeps.
 * @throws FreshetError log_identity (it is not the one under which the log was begun),
 * log_unavailable
 */
export async function openRedaction(
  { redactionKey }: { readonly redactionKey: string | undefined },
  log: Pick<Log, "claimRedaction">,
): Promise<RedactionKeys> {
  const configured =
    redactionKey === undefined ? undefined : new TextEncoder().encode(redactionKey);
  const own: RedactionSecret =
    configured === undefined
      ? { kind: "kept", secret: new Uint8Array(randomBytes(secretBytes)) }
      : { kind: "configured", check: secretCheck(configured) };
  const stored = await log.claimRedaction(own);
  if (stored.kind === "kept") {
    if (configured === undefined) return redactionKeys(stored.secret);
    throw otherSecret(
      "unset FRESHET_REDACTION_KEY: the log was begun without one and keeps its own",
    );
  }
  if (configured === undefined) {
    throw otherSecret("set FRESHET_REDACTION_KEY to the one that the log was begun with");
  }
  if (stored.check === secretCheck(configured)) return redactionKeys(configured);
  throw otherSecret("FRESHET_REDACTION_KEY is not the one that the log was begun with");
}

function otherSecret(what: string): FreshetError {
  return new FreshetError("log_identity", `${what}; under another, filters would find nothing`);
}

/** Of texts that are no question and no document, as those are redacted. */
export function textRedaction(keys: RedactionKeys, names: QuestionNamesLane | undefined) {
  return async (tenant: TenantId, texts: readonly string[]): Promise<readonly string[]> => {
    const redactor = questionRedactor(createRedactor(keys.of(tenant)));
    const lines = texts.map((text) => ({ text: redactor.line(text), charsBefore: text.length }));
    if (names === undefined) return lines.map(({ text }) => text);
    return names.redact(tenant, lines, AbortSignal.timeout(limits.deadlineMsDefault));
  };
}
