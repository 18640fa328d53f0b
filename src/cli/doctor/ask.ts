/** One request of the doctor to a server over HTTP, and what is wrong where none comes about. */

import { FreshetError } from "../../contract/errors.ts";
import type { TlsFiles } from "../../contract/links.ts";
import { saysPlainOnTls } from "../../contract/plain-on-tls.ts";
import { systemClock } from "../../runtime/clock.ts";
import { explainTls } from "../../runtime/tls-fault.ts";
import { askUrl } from "../http-client.ts";
import { offsetByDate } from "./judge.ts";
import { patience } from "./patience.ts";

export interface Answered {
  readonly ok: boolean;
  readonly status: number;
  readonly json: unknown;
  /** The server's clock less ours; undefined where it does not say. */
  readonly offsetMs: number | undefined;
}

export interface Unanswered {
  readonly failed: string;
  /** Where the fault itself says it: TLS, which no start of the server mends. */
  readonly mend?: string | undefined;
}

export async function ask(
  url: string,
  options: {
    readonly tls: TlsFiles | undefined;
    /** First words of the link's settings of TLS, such as `FRESHET_EMBED_TLS`. */
    readonly settings: string;
    readonly timeoutMs: number;
    readonly key?: (() => string) | undefined;
    /** JSON to post; undefined: a GET. */
    readonly body?: string | undefined;
  },
): Promise<Answered | Unanswered> {
  const { tls, timeoutMs, key, body } = options;
  try {
    const askedAtMs = systemClock.nowMs();
    const headers: Record<string, string> = {
      ...(key === undefined ? {} : { authorization: `Bearer ${key()}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const response = await askUrl(url, { tls, headers, body, signal: patience(timeoutMs) });
    const answeredAtMs = systemClock.nowMs();
    const dateMs = Date.parse(response.headers.get("date") ?? "");
    const offsetMs = Number.isNaN(dateMs)
      ? undefined
      : offsetByDate({ dateMs, askedAtMs, answeredAtMs });
    const text = await response.text().catch(() => "");
    if (response.status === 400 && saysPlainOnTls(text)) {
      return { failed: "takes TLS", mend: "begin its address with https://" };
    }
    if (response.status >= 300 && response.status < 400) {
      // Those who use the address do not follow.
      return {
        failed: `redirects (${response.status})`,
        mend: "set its address to the place itself",
      };
    }
    return { ok: response.ok, status: response.status, json: jsonOf(text), offsetMs };
  } catch (thrown) {
    const link = { where: "", tls, settings: tls?.settings ?? options.settings };
    const told = explainTls(thrown, link)?.trim();
    if (told !== undefined) return inTwo(told);
    // Some errors repeat the address, which may hold a password.
    return { failed: lineOf(thrown).replaceAll(url, hostOf(url)) };
  }
}

/** What is wrong, and behind the first colon what to do. */
function inTwo(told: string): Unanswered {
  const at = told.indexOf(": ");
  return at < 0 ? { failed: told } : { failed: told.slice(0, at), mend: told.slice(at + 2) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Without what a URL says of users and passwords. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "the address";
}

/** The reason of a failed connection; never a URL, which may hold a password. */
export function lineOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "no reason";
  // Our own words say more than the code of what they were made of.
  if (thrown instanceof FreshetError) return firstLine(thrown);
  const { cause } = thrown;
  if (thrown.name === "TimeoutError") return "no answer in time";
  const inner = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  return inner ?? firstLine(thrown);
}

function firstLine({ message }: Error): string {
  return message.split("\n")[0]?.slice(0, 300) ?? "no reason";
}
