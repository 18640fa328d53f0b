/** Which reply subjects of NATS are answered: inboxes only (gateway/nats-replies.ts says why). */

/**
 * `_INBOX.` is what clients use by default, `_INBOX_<name>.` what a client with permissions of its
 * own is given, `_R_.` what nats-server makes of any reply subject that crosses accounts; it lets
 * no client use that one itself.
 */
const inbox = /^(_INBOX(_[A-Za-z0-9_-]+)?|_R_)\.[^\s*>]+$/;

export function isInbox(reply: string | undefined): boolean {
  return reply !== undefined && inbox.test(reply);
}
