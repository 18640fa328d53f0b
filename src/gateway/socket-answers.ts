/** What is told on a bare socket, where a request never became one: there is no reply object. */

import type { Socket } from "node:net";
import { FreshetError } from "../contract/errors.ts";
import { problemOf, problemType } from "./problem.ts";

/** A request that Node's parser refused. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  refuseOnSocket(brokenRequest(error.code), socket);
}

export function refuseOnSocket(told: FreshetError, socket: Socket): void {
  const body = JSON.stringify(problemOf(told));
  socket.end(
    `HTTP/1.1 ${told.status} ${told.code}\r\ncontent-type: ${problemType}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function brokenRequest(code: string | undefined): FreshetError {
  if (code === "HPE_HEADER_OVERFLOW") return new FreshetError("headers_too_large");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new FreshetError("request_timeout");
  return new FreshetError("invalid_request", malformed[code ?? ""] ?? "the request is malformed");
}

/** What clients and people by hand get wrong most often, by the parser's name for it. */
const malformed: Readonly<Record<string, string>> = {
  HPE_INVALID_URL: "the path has a character that is to be sent in percent-encoding, as UTF-8",
  HPE_INVALID_METHOD: "the method is not one of HTTP; on a port without TLS begin with http://",
  HPE_INVALID_CONTENT_LENGTH: "content-length is no number, or differs from the body",
  HPE_UNEXPECTED_CONTENT_LENGTH: "content-length comes twice, or beside transfer-encoding",
  HPE_INVALID_TRANSFER_ENCODING: "transfer-encoding is unknown, or comes beside content-length",
  HPE_INVALID_CONSTANT: "the first line is not of HTTP/1.1; a blank in a path is sent as %20",
};
