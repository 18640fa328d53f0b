/**
 * What a reply must hold before it is taken for one. A proxy, a login page or another service
 * answers 200 with JSON of its own, too: without a look a publish would seem stored.
 */

import { FreshetError, isRecord } from "./errors.ts";

type Kind = "text" | "number" | "list";

/** The fields that the client itself, or every caller, leans on. */
const forms = {
  answer: { answer: "text", sources: "list" },
  published: { seq: "number" },
  lines: { results: "list" },
  document: { status: "text" },
  page: { documents: "list" },
  events: { events: "list", after: "number" },
} as const satisfies Record<string, Readonly<Record<string, Kind>>>;

export type Form = keyof typeof forms;

/** @throws FreshetError `protocol` */
export function replyOf<Reply>(value: unknown, form: Form): Reply {
  const fields = Object.entries<Kind>(forms[form]);
  if (isRecord(value) && fields.every(([name, kind]) => is(value[name], kind))) {
    return value as Reply;
  }
  throw new FreshetError("protocol", `what answered is no Freshet engine: no ${fields[0]?.[0]}`);
}

/** @throws FreshetError `protocol` */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FreshetError("protocol", "a piece of the reply is not JSON", { cause });
  }
}

function is(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case "text":
      return typeof value === "string";
    case "number":
      return Number.isSafeInteger(value);
    case "list":
      return Array.isArray(value);
  }
}
