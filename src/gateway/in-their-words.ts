/**
 * Refusals of a question, told to a caller who sent another form of it: the place is named as it
 * stands in what was sent, since nobody finds `query` in a list of messages.
 */

import { FreshetError } from "../contract/errors.ts";

/** Where fields of a question stand in the request; of two that fit the first counts. */
export type Places = Readonly<Record<string, string>>;

/** @throws FreshetError what the question ends with */
export async function inTheirWords<Value>(answering: Promise<Value>, places: Places) {
  try {
    return await answering;
  } catch (thrown) {
    throw translated(thrown, places);
  }
}

function translated(thrown: unknown, places: Places): unknown {
  if (!(thrown instanceof FreshetError) || thrown.code !== "invalid_request") return thrown;
  const { message } = thrown;
  const field = Object.keys(places).find((name) => /^[.:]/.test(after(message, name) ?? ""));
  if (field === undefined) return thrown;
  const told = `${places[field]}${after(message, field)}`;
  const { details } = thrown;
  return new FreshetError(thrown.code, told, { details, cause: thrown });
}

function after(message: string, field: string): string | undefined {
  return message.startsWith(field) ? message.slice(field.length) : undefined;
}
