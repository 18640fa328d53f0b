/** Webhooks for people. Pure: values to lines. */

import type { EndpointFailure, ShownEndpoint } from "../../contract/endpoint.ts";
import { table } from "../print.ts";

export function listLines(webhooks: readonly ShownEndpoint[]): readonly string[] {
  if (webhooks.length === 0) return ["no webhooks: freshet webhook add --help"];
  const rows = webhooks.map(({ id, status, after, delivered, failed, url }) => ({
    ...{ webhook: id, status, after: `${after}` },
    ...{ delivered: `${delivered}`, failed: `${failed}`, url },
  }));
  return [...table(rows), ...webhooks.flatMap(troubleLines)];
}

function troubleLines({ id, reason, trouble }: ShownEndpoint): readonly string[] {
  return [
    ...(reason === undefined ? [] : [`${id}: ${reason}`]),
    ...(trouble === undefined ? [] : [`${id}: ${troubleText(trouble)}`]),
  ];
}

function troubleText({
  seq,
  attempts,
  reason,
  since,
  next_at: next,
}: NonNullable<ShownEndpoint["trouble"]>): string {
  return `the event of seq ${seq} fails since ${since} (${attempts} attempts, ${reason}); next at ${next}`;
}

export function showLines(webhook: ShownEndpoint): readonly string[] {
  const { id, tenant, url, events, note, status, reason, after, delivered, failed } = webhook;
  const facts = {
    webhook: id,
    tenant,
    url,
    events: events.join(", "),
    note,
    status: reason === undefined ? status : `${status} (${reason})`,
    added: webhook.created_at,
    after,
    delivered,
    failed,
    "last delivery": webhook.delivered_at,
    waits: webhook.trouble === undefined ? undefined : troubleText(webhook.trouble),
    secrets: webhook.secrets
      .map(({ created_at: at, ends_at: ends }) => (ends === undefined ? at : `${at} until ${ends}`))
      .join("; "),
  };
  return Object.entries(facts).flatMap(([name, fact]) =>
    fact === undefined ? [] : [`${name}: ${fact}`],
  );
}

export function failureLines(failures: readonly EndpointFailure[]): readonly string[] {
  return failures.map(
    ({ seq, type, attempt, reason, at }) =>
      `failed: ${at} seq ${seq} ${type} #${attempt}: ${reason}`,
  );
}
