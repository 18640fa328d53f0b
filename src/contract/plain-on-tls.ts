/** What is said to plain HTTP on a port that takes TLS: here, and by servers of others. Pure. */

export const plainOnTlsMessage = "this port takes TLS: begin the address with https://";

/**
 * Whole bodies, or a page: a reply that repeats what it was sent could hold any words, and must not
 * be taken for this.
 */
const told: readonly RegExp[] = [
  new RegExp(`^\\{"type":"urn:freshet:error:invalid_request",.*"detail":"${plainOnTlsMessage}",`),
  /^<html>[^]{0,200}<title>400 The plain HTTP request was sent to HTTPS port<\/title>/,
  /^<!DOCTYPE HTML [^]{0,600}speaking plain HTTP to an SSL-enabled server port/,
  /^Client sent an HTTP request to an HTTPS server\.\s*$/,
];

/** Whether the body of a 400 says so: of Freshet, nginx, Apache or a server in Go. */
export function saysPlainOnTls(body: string): boolean {
  return told.some((says) => says.test(body));
}
