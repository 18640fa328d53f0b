/** Secrets by their place: in URLs, connection strings and HTTP headers. */

import type { Span } from "./recogniser.ts";
import { isPlace, looksLikePassword, looksRandom } from "./secret-values.ts";

const userinfo = /:\/\/[^\s/:@"'`<>]{0,64}:([^\s/@"'`<>]{3,128})@(?=[\w[\]{}$.-])/g;
/** What examples write for a password. */
const exampleWords =
  /^(?:pass(?:word|wd)?|pwd|secret|token|user(?:name)?|x-oauth-basic|guest|example)$/i;

/** The secret path of a webhook. */
const webhooks =
  /(?:hooks\.slack\.com\/(?:services|workflows|triggers)\/|discord(?:app)?\.com\/api\/webhooks\/|\.webhook\.office\.com\/webhookb2\/|api\.telegram\.org\/bot)([A-Za-z0-9_@/:.-]{12,256})/g;
const query =
  /[?&;](?:sig|signature|x-amz-signature|x-goog-signature|x-amz-security-token|token|access_token|auth|key|api_?key|code|secret|client_secret|sessionid|session)=([A-Za-z0-9_%./+=~-]{8,2048})/gi;

export function* urlSecrets(text: string): Generator<Span> {
  if (text.includes("://")) {
    for (const { 0: match, 1: value = "", index } of text.matchAll(userinfo)) {
      if (isPlace(value) || exampleWords.test(value)) continue;
      const end = index + match.length - 1;
      yield { start: end - value.length, end };
    }
    for (const { 0: match, 1: value = "", index } of text.matchAll(webhooks)) {
      const end = index + match.length;
      if (/\d/.test(value)) yield { start: end - value.length, end };
    }
  }
  for (const { 0: match, 1: value = "", index } of text.matchAll(query)) {
    const isSecret = value.length < 16 ? looksLikePassword(value) : looksRandom(value);
    const end = index + match.length;
    if (isSecret) yield { start: end - value.length, end };
  }
}

const cookies = /(?<![A-Za-z])(?:set-)?cookie["'`]?[ \t]{0,2}:[ \t]{0,2}["'`]?([^\n"'`]{3,4096})/gi;
const cookieValue = /(?:^|[; ])[\w.$-]{1,64}=([^;\s[\]]{6,2048})/g;
const attribute = /(?:path|domain|expires|max-age|samesite|priority)=$/i;
const authorization =
  /(?:proxy-)?authorization["'`]?[ \t]{0,2}:[ \t]{0,2}["'`]?(digest|basic|negotiate|ntlm|apikey|hawk|aws4-hmac-sha256|oauth|hmac|sharedkey(?:lite)?)[ \t]{1,3}([^\n]{4,2048})/gi;
const simpleSchemes = /^(?:basic|negotiate|ntlm|apikey|sharedkey|sharedkeylite)$/i;

const isCookie = (value: string): boolean =>
  !isPlace(value) && (/\d/.test(value) || looksRandom(value));

export function* headerSecrets(text: string): Generator<Span> {
  for (const { 0: header, 1: pairs = "", index } of text.matchAll(cookies)) {
    const from = index + header.length - pairs.length;
    for (const { 0: pair, 1: value = "", index: at } of pairs.matchAll(cookieValue)) {
      if (attribute.test(pair.slice(0, -value.length)) || !isCookie(value)) continue;
      const end = from + at + pair.length;
      yield { start: end - value.length, end };
    }
  }
  for (const { 0: header, 1: scheme = "", 2: rest = "", index } of text.matchAll(authorization)) {
    const start = index + header.length - rest.length;
    const value = simpleSchemes.test(scheme)
      ? (/^[^\s"'`]+/.exec(rest)?.[0] ?? "")
      : rest.trimEnd();
    if (!isPlace(value) && /[\d=]/.test(value)) yield { start, end: start + value.length };
  }
}
