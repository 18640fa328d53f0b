/** The one class of errors that this client throws; an aborted call throws its signal's reason. */

import type { ErrorBody, ErrorCode } from "./types.ts";

/**
 * Codes of the engine, and two of the client: `unreachable`, nothing answered in time, and
 * `protocol`, what answered is not Freshet, or lost a piece on the way.
 */
export type FreshetErrorCode = ErrorCode | "unreachable" | "protocol";

export interface FreshetErrorOptions {
  readonly status?: number | undefined;
  readonly retryable?: boolean | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

export class FreshetError extends Error {
  override readonly name = "FreshetError";
  readonly code: FreshetErrorCode;
  /** As over HTTP, also when it came over NATS; 0 where nothing answered. */
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** How long to wait before that, where the engine says so. */
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: FreshetErrorCode, message: string, options: FreshetErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 0;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }
}

export function unreachable(message: string, cause?: unknown): FreshetError {
  return new FreshetError("unreachable", message, { retryable: true, cause });
}

export interface Told {
  readonly status: number;
  /** `Retry-After`, seconds. */
  readonly retryAfter?: string | null | undefined;
}

/** What a proxy in front says of a request that it may pass on later: late, early, too many. */
const passing: ReadonlySet<number> = new Set([408, 425, 429]);

/** An error as the engine tells it, over either transport; anything else is `protocol`. */
export function errorOf(body: unknown, { status, retryAfter }: Told): FreshetError {
  const told = toldIn(body);
  if (told === undefined) {
    const says = `what answered with status ${status} is no Freshet engine`;
    const retryAfterMs = waitOf(undefined, retryAfter);
    const retryable = status >= 500 || passing.has(status);
    return new FreshetError("protocol", says, { status, retryable, retryAfterMs });
  }
  const { code, message, retryable, details } = told;
  const retryAfterMs = waitOf(details, retryAfter);
  return new FreshetError(code, message, { status, retryable, retryAfterMs, details });
}

/** `{error: {…}}`, or problem details, whose message is called `detail`. */
function toldIn(body: unknown): ErrorBody | undefined {
  if (!isRecord(body)) return undefined;
  const told = isRecord(body["error"]) ? body["error"] : body;
  const { code, retryable, details } = told;
  const message = told["message"] ?? told["detail"];
  if (typeof code !== "string" || typeof message !== "string") return undefined;
  return {
    code: code as ErrorCode,
    message,
    retryable: retryable === true,
    details: isRecord(details) ? details : undefined,
  };
}

function waitOf(details: ErrorBody["details"], retryAfter: Told["retryAfter"]): number | undefined {
  const exact = details?.["retry_after_ms"];
  if (typeof exact === "number") return exact;
  const seconds = Number(retryAfter ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
