/**
 * Why a request to an S3-like store did not come about, in one sentence that says what to do. The
 * client's own words are a status, or `fetch failed`. Pure.
 */

export interface S3Place {
  /** Without the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
}

/** A list of a bucket that is not there: the client makes nothing of it. */
export class NoBucket extends Error {
  readonly status = 404;
  readonly code = "NoSuchBucket";
}

interface Told {
  readonly status: number;
  /** The store's own name of what is wrong, or the system's. */
  readonly code: string | undefined;
}

/** Credentials or a bucket that are wrong do not become right. */
export function isRefusal(thrown: unknown): boolean {
  const { status, code } = toldBy(thrown);
  if (passing.has(code ?? "")) return false;
  return status >= 300 && status < 500 && status !== 408 && status !== 429;
}

const passing = new Set(["RequestTimeout", "SlowDown"]);

export function explainS3(thrown: unknown, place: S3Place): string {
  const { status, code } = toldBy(thrown);
  return status === 0 ? unreached(thrown, code, place) : refused({ status, code }, place);
}

function unreached(thrown: unknown, code: string | undefined, { endpoint }: S3Place): string {
  const isLate = thrown instanceof Error && thrown.name === "TimeoutError";
  if (isLate) return `the store at ${endpoint} does not answer in time`;
  if (code !== undefined && /CERT|SSL|TLS|SIGNED|^INVALID_CA$/.test(code)) {
    return (
      `the store at ${endpoint} cannot be reached over TLS (${code}): NODE_EXTRA_CA_CERTS names ` +
      "a file with the CA of its certificate, and http:// is for one without TLS"
    );
  }
  const why = code === undefined ? messageOf(thrown) : (named[code] ?? code);
  return `no store answers at ${endpoint} (${why}): does it run, and is AWS_ENDPOINT_URL_S3 right?`;
}

const named: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "the name could not be looked up",
  ETIMEDOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_SOCKET: "connection reset",
};

function refused({ status, code }: Told, { endpoint, bucket, region }: S3Place): string {
  // A HEAD has no body, and so no name of what is wrong.
  const said = code === undefined || code === "Unknown" ? `${status}` : `${status}, ${code}`;
  if (code === "RequestTimeTooSkewed")
    return `the store says ${said}: set the clock of this machine`;
  const isElsewhere = status < 400 || code === "AuthorizationHeaderMalformed";
  if (isElsewhere) return `the store says ${said}: is AWS_REGION (${region}) the bucket's?`;
  if (status === 401 || status === 403) {
    return (
      `the store refuses the key (${said}): AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY need the ` +
      `rights to list, read and write in bucket ${bucket}`
    );
  }
  if (status === 404)
    return `there is no bucket ${bucket} at ${endpoint} (${said}): make it, or name another`;
  if (code === "InvalidBucketName") return `the store takes no bucket of the name ${bucket}`;
  if (status === 507 || code === "QuotaExceeded") return `the store has no room left (${said})`;
  return `the store at ${endpoint} fails (${said}): look at it, and try again`;
}

function toldBy(thrown: unknown): Told {
  let told: Told = { status: 0, code: undefined };
  let error = thrown;
  while (error instanceof Error) {
    const { status, code } = error as { readonly status?: unknown; readonly code?: unknown };
    if (typeof status === "number" && told.status === 0) told = { ...told, status };
    // That of a `DOMException` is a number.
    if (typeof code === "string") told = { ...told, code: told.code ?? code };
    // Several addresses of a name that were tried, one after the other.
    error = error instanceof AggregateError ? error.errors[0] : error.cause;
  }
  return told;
}

/** `fetch failed` says nothing; what is behind it does. */
function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? messageOf(thrown.cause) : thrown.message;
}
