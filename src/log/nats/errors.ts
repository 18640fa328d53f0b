/**
 * Errors of nats-server and its client as Freshet's errors, classed by what the caller should do
 * next.
 */

import { ErrorCode, NatsError } from "nats";
import { FreshetError } from "../../contract/errors.ts";
import { goneRoot } from "../../contract/service-subjects.ts";

/** Error codes of the JetStream API that Freshet acts upon. */
export const jetStream = {
  wrongLastSequence: 10071,
  /**
   * A cluster: another message of the subject is on its way, so what this one expects cannot be
   * checked.
   */
  subjectInProcess: 10164,
  /** A cluster: a new leader has not applied all that it must compare with. */
  subjectNotReady: 10163,
  /** A cluster: a message of the same id is on its way. */
  idInProcess: 10158,
  tooManyRequests: 10167,
  /** Too few servers for the copies of a stream or consumer that are asked for: now, or at all. */
  noSuitablePeers: 10005,
  noCluster: 10074,
  storeFailed: 10077,
  streamNotFound: 10059,
  messageNotFound: 10037,
  sequenceNotFound: 10043,
  removalFailed: 10057,
  consumerNotFound: 10014,
  streamNameInUse: 10058,
  messageTooLarge: 10054,
  insufficientStorage: 10047,
  insufficientResources: 10023,
  memoryExceeded: 10028,
  storageExceeded: 10002,
  /** A stream is larger than the account lets any be. */
  streamBytesExceeded: 10122,
  consumersExceeded: 10026,
  streamsExceeded: 10027,
  /** JetStream is off, on this server or for this account. */
  notEnabled: 10076,
  notEnabledForAccount: 10039,
} as const;

export function apiCode(thrown: unknown): number | undefined {
  return thrown instanceof NatsError ? thrown.api_error?.err_code : undefined;
}

/**
 * What was to be removed or read is there no more: a newer one took its place, or another attempt
 * was faster. A stream in files says it by the code of any removal that failed.
 */
export function isMessageGone(thrown: unknown): boolean {
  const code = apiCode(thrown);
  if (code === jetStream.messageNotFound || code === jetStream.sequenceNotFound) return true;
  if (code !== jetStream.removalFailed) return false;
  return /no message found|stream store EOF/i.test((thrown as NatsError).message);
}

/**
 * The message is neither stored nor refused: a cluster answers so while others are on their way,
 * which takes milliseconds. Sent again it gets its true answer.
 */
export function isInProcess(thrown: unknown): boolean {
  switch (apiCode(thrown)) {
    case jetStream.subjectInProcess:
    case jetStream.subjectNotReady:
    case jetStream.idInProcess:
    case jetStream.tooManyRequests:
      return true;
    default:
      return false;
  }
}

/**
 * The server stores one message per subject and refuses the next: the same code stands for a full
 * stream, so only the description tells the two apart.
 */
export function isSubjectTaken(thrown: unknown): boolean {
  const error = thrown instanceof NatsError ? thrown.api_error : undefined;
  if (error?.err_code !== jetStream.storeFailed) return false;
  return /messages per subject/i.test(error.description);
}

/** A cluster uses one code for missing servers and for too little space on them. */
function isStorageMissing(thrown: NatsError): boolean {
  return /insufficient (storage|memory)/i.test(thrown.api_error?.description ?? "");
}

/**
 * The store was closed under the message: by a leader that steps down or stops. It may be stored
 * all the same.
 */
function isStoreClosed(thrown: NatsError): boolean {
  return /store (is )?closed/i.test(thrown.api_error?.description ?? "");
}

const clientIsCutOff = new Set<string>([
  ErrorCode.Timeout,
  ErrorCode.ConnectionClosed,
  ErrorCode.ConnectionDraining,
  ErrorCode.ConnectionRefused,
  ErrorCode.ConnectionTimeout,
  ErrorCode.Disconnect,
  ErrorCode.RequestError,
  ErrorCode.JetStreamIdleHeartBeat,
]);

/** No word of the server, or no server. */
export function isClientCutOff(thrown: unknown): boolean {
  return thrown instanceof NatsError && clientIsCutOff.has(thrown.code);
}

const tooLarge = "the message is above the server's payload limit";

export const tooFewServers =
  "nats has too few servers, or too little room on them, for the copies that are asked for: " +
  "start the others, or lower FRESHET_STREAM_REPLICAS";

const noJetStream =
  "nats has no JetStream for this account: turn it on there (jetstream in its configuration)";

const accountTooSmall =
  "the account on nats allows no more streams or consumers: raise its max_streams and " +
  "max_consumers";

/** What the server said about permissions, on an error of its client or in a status. */
type Refused = Pick<NatsError, "permissionContext">;

/** What the user of this connection may not do, and the way out; undefined: no such refusal. */
export function refusedSubject({ permissionContext }: Refused): string | undefined {
  if (permissionContext === undefined) return undefined;
  const { operation, subject } = permissionContext;
  const what = operation === "publish" ? "publish" : "subscribe";
  return (
    `nats does not let Freshet's user ${what} to ${permissionFor(subject)}: allow it there, or ` +
    "renew the user (ops/guides/access.md)"
  );
}

/** As it stands in a list of permissions: what is drawn by chance allows, and tells, nothing. */
function permissionFor(subject: string): string {
  if (subject.startsWith("_INBOX.")) return "_INBOX.>";
  if (subject.startsWith(`${goneRoot}.`)) return `${goneRoot}.>`;
  if (subject.startsWith("$JS.FC.")) return "$JS.FC.>";
  const consumer = consumerOf.exec(subject)?.[1];
  return consumer === undefined ? subject : `${consumer}.*`;
}
const consumerOf = /^(\$JS\.API\.CONSUMER\.(?:MSG\.NEXT|[A-Z]+)\.\w+)\.[^.]+/;

/**
 * Only an operator can change it: another attempt gets the same answer, and what was sent is not
 * stored.
 */
export function isLasting(thrown: unknown): boolean {
  const cause = thrown instanceof FreshetError ? thrown.cause : thrown;
  return cause instanceof NatsError && cause.isPermissionError();
}

/** The server says that there is no JetStream: where it is off, nobody answers. */
export function isJetStreamOff(thrown: unknown): boolean {
  const code = apiCode(thrown);
  if (code === jetStream.notEnabled || code === jetStream.notEnabledForAccount) return true;
  return thrown instanceof NatsError && thrown.code === ErrorCode.NoResponders;
}

const nobodyAnswers =
  "nobody on nats answers for JetStream: it is off there, or its servers have just started";

/** Any failure of a call to the log as a FreshetError. */
export function logError(thrown: unknown): FreshetError {
  if (thrown instanceof FreshetError) return thrown;
  if (!(thrown instanceof NatsError)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new FreshetError("internal", message, { cause: thrown });
  }
  const code = apiCode(thrown);
  if (code !== undefined) return apiError(code, thrown);
  if (thrown.code === ErrorCode.MaxPayloadExceeded) {
    return new FreshetError("document_too_large", tooLarge, { cause: thrown });
  }
  if (thrown.code === ErrorCode.NoResponders) {
    return new FreshetError("log_unavailable", nobodyAnswers, { cause: thrown });
  }
  if (isClientCutOff(thrown)) {
    return new FreshetError("log_unavailable", undefined, { cause: thrown });
  }
  if (thrown.isPermissionError() || thrown.isAuthError()) {
    const message = refusedSubject(thrown) ?? "nats refuses Freshet's credentials";
    return new FreshetError("log_unavailable", message, { cause: thrown });
  }
  return new FreshetError("internal", thrown.message.toLowerCase(), { cause: thrown });
}

function apiError(code: number, thrown: NatsError): FreshetError {
  const cause = thrown;
  if (isInProcess(thrown) || isStoreClosed(thrown)) {
    return new FreshetError("log_unavailable", undefined, { cause });
  }
  switch (code) {
    case jetStream.storeFailed:
    case jetStream.insufficientStorage:
    case jetStream.insufficientResources:
    case jetStream.memoryExceeded:
    case jetStream.storageExceeded:
    case jetStream.streamBytesExceeded:
      return new FreshetError("overloaded", "the log is full", { cause });
    case jetStream.messageTooLarge:
      return new FreshetError("document_too_large", tooLarge, { cause });
    case jetStream.noSuitablePeers:
      if (isStorageMissing(thrown))
        return new FreshetError("overloaded", "the log is full", { cause });
      return new FreshetError("log_unavailable", tooFewServers, { cause });
    case jetStream.notEnabled:
    case jetStream.notEnabledForAccount:
      return new FreshetError("log_unavailable", noJetStream, { cause });
    case jetStream.streamsExceeded:
    case jetStream.consumersExceeded:
      return new FreshetError("log_unavailable", accountTooSmall, { cause });
    case jetStream.noCluster:
      return new FreshetError("log_unavailable", tooFewServers, { cause });
    case jetStream.streamNotFound:
      return new FreshetError("log_identity", "a stream of the log is missing", { cause });
    default:
      if ((thrown.api_error?.code ?? 0) >= 500) {
        return new FreshetError("log_unavailable", undefined, { cause });
      }
      return new FreshetError("internal", thrown.message.toLowerCase(), { cause });
  }
}
