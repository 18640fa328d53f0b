/**
 * The one error table. A code is stable: clients match on it, tests name it, and
 * ops/guides/errors.md lists it.
 *
 * Errors are classed by what the caller should do next: `retryable` says whether the same request
 * may succeed later unchanged. Only boundaries (gateway, command line) translate codes to a status.
 */

interface ErrorClass {
  /** HTTP status that the gateway answers with; also the NATS micro service error code. */
  readonly status: number;
  readonly retryable: boolean;
  /** What happened and what to do, in one line; the guide's table is checked against it. */
  readonly summary: string;
}

export const errorTable = {
  invalid_request: {
    status: 400,
    retryable: false,
    summary: "the request does not match its schema",
  },
  invalid_document: {
    status: 400,
    retryable: false,
    summary: "the document does not match its schema",
  },
  invalid_json: { status: 400, retryable: false, summary: "the body is not valid JSON in UTF-8" },
  unknown_operation: { status: 400, retryable: false, summary: "op is neither upsert nor delete" },
  invalid_tenant: {
    status: 400,
    retryable: false,
    summary: "a tenant is 1-64 letters, digits, _ or -",
  },
  unknown_tenant: {
    status: 403,
    retryable: false,
    summary: "no API key names this tenant, or the installation has all the tenants it may have",
  },
  tenant_suspended: {
    status: 403,
    retryable: false,
    summary: "the tenant is suspended; its data is kept, and freshet tenant resume ends it",
  },
  tenant_erased: {
    status: 410,
    retryable: false,
    summary: "the tenant was erased, and its name is never used again",
  },
  unauthorized: { status: 401, retryable: false, summary: "no valid API key was given" },
  wrong_tenant: { status: 403, retryable: false, summary: "the API key belongs to another tenant" },
  forbidden: { status: 403, retryable: false, summary: "the API key has not the role for this" },
  not_found: { status: 404, retryable: false, summary: "there is no such route or document" },
  no_results: {
    status: 404,
    retryable: false,
    summary: "nothing matches; the model was not asked",
  },
  events_expired: {
    status: 410,
    retryable: false,
    summary: "the log does not hold the events after this one any more; details say what it holds",
  },
  method_not_allowed: {
    status: 405,
    retryable: false,
    summary: "the route does not take this method",
  },
  request_timeout: { status: 408, retryable: true, summary: "the request did not arrive in time" },
  wrong_incarnation: {
    status: 409,
    retryable: false,
    summary: "min_seq belongs to another incarnation of the log",
  },
  payload_key_unavailable: {
    status: 503,
    retryable: true,
    summary:
      "the tenant's documents are sealed, and this process has not the key (FRESHET_PAYLOAD_KEY_FILE)",
  },
  payload_unreadable: {
    status: 422,
    retryable: false,
    summary: "a sealed document was changed, or its key is destroyed",
  },
  payload_plain: {
    status: 422,
    retryable: false,
    summary:
      "the tenant takes sealed documents only: publish over HTTP, api.<tenant>.publish or freshet ingest",
  },
  duplicate_id: { status: 409, retryable: false, summary: "the idempotency key was used before" },
  limit_reached: {
    status: 409,
    retryable: false,
    summary: "there are as many of these as there may be: remove one first",
  },
  document_too_large: {
    status: 413,
    retryable: false,
    summary: "the document is above the size limit",
  },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    summary: "send application/json or application/x-ndjson",
  },
  document_failed: {
    status: 422,
    retryable: false,
    summary: "the document could not be processed after bounded attempts",
  },
  replay_void: {
    status: 409,
    retryable: false,
    summary: "the document had a later operation, so the replay of this one has no effect",
  },
  headers_too_large: {
    status: 431,
    retryable: false,
    summary: "the request headers are too large",
  },
  overloaded: {
    status: 429,
    retryable: true,
    summary: "a queue is full; retry after the given time",
  },
  quota_exceeded: {
    status: 429,
    retryable: true,
    summary: "a quota of the tenant or of its credential is used up; details say which, and when",
  },
  internal: { status: 500, retryable: false, summary: "an invariant was broken; this is a bug" },
  not_ready: { status: 503, retryable: true, summary: "the tenant has no ready owner yet" },
  log_unavailable: { status: 503, retryable: true, summary: "NATS JetStream does not answer" },
  log_identity: {
    status: 503,
    retryable: false,
    summary: "the log is not the one this data belongs to; see the runbook",
  },
  model_mismatch: {
    status: 503,
    retryable: false,
    summary: "the data was embedded with another model; see the runbook",
  },
  embedding_unavailable: { status: 503, retryable: true, summary: "the embedder is restarting" },
  embedding_failed: {
    status: 500,
    retryable: true,
    summary: "the embedder refused or broke a batch",
  },
  cold_unavailable: { status: 503, retryable: true, summary: "Weaviate does not answer" },
  cold_refused: {
    status: 422,
    retryable: false,
    summary: "Weaviate takes no such object; its document has a dead letter",
  },
  identity_unavailable: {
    status: 503,
    retryable: true,
    summary: "the identity provider does not answer, so that tokens cannot be checked",
  },
  temporal_unavailable: { status: 503, retryable: true, summary: "Temporal does not answer" },
  model_unavailable: {
    status: 503,
    retryable: true,
    summary: "the language model does not answer",
  },
  not_visible_yet: {
    status: 504,
    retryable: true,
    summary: "min_seq is not visible within wait_ms; details say how far behind",
  },
  outside_window: {
    status: 410,
    retryable: false,
    summary: "the log does not hold what as_of asks for any more; details say what it holds",
  },
  history_too_large: {
    status: 422,
    retryable: false,
    summary: "the tenant's history is too large to be searched as of a moment",
  },
  too_stale: {
    status: 504,
    retryable: true,
    summary:
      "an operation older than max_staleness_ms is not visible within wait_ms; details tell the lag",
  },
  deadline_exceeded: {
    status: 504,
    retryable: true,
    summary: "deadline_ms passed before an answer",
  },
  broken_chain: {
    status: 503,
    retryable: true,
    summary: "a range of CHUNKS is not unbroken; the reader starts again",
  },
  cancelled: { status: 499, retryable: false, summary: "the caller has gone" },
} as const satisfies Record<string, ErrorClass>;

export type ErrorCode = keyof typeof errorTable;

export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The wire form of every error: NATS replies carry it as it is, HTTP as problem+json. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly retryable: boolean;
    readonly details?: ErrorDetails | undefined;
  };
}

/**
 * An error with a stable code. Its message never contains document text, questions or ids of other
 * tenants.
 */
export class FreshetError extends Error {
  override readonly name = "FreshetError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(
    code: ErrorCode,
    message: string = errorTable[code].summary,
    options: { details?: ErrorDetails | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** Any thrown value as a FreshetError; what is not one already is a broken invariant. */
export function toFreshetError(thrown: unknown): FreshetError {
  if (thrown instanceof FreshetError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new FreshetError("internal", message, { cause: thrown });
}

export function errorBody(error: FreshetError): ErrorBody {
  const { code, message, retryable, details } = error;
  return { error: { code, message, retryable, ...(details === undefined ? {} : { details }) } };
}

/**
 * The inverse of `errorBody`, for clients of a remote node; undefined when the value is no error
 * body.
 */
export function errorFromBody(body: unknown): FreshetError | undefined {
  if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
  const error = body.error;
  if (typeof error !== "object" || error === null) return undefined;
  const { code, message, details } = error as Record<string, unknown>;
  if (typeof code !== "string" || !Object.hasOwn(errorTable, code)) return undefined;
  return new FreshetError(code as ErrorCode, typeof message === "string" ? message : undefined, {
    details:
      typeof details === "object" && details !== null ? (details as ErrorDetails) : undefined,
  });
}
