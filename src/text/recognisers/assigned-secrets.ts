/**
 * Values of settings whose name tells of a secret: only the value goes, the name is worth knowing.
 */

import { withoutEnd } from "../../contract/without-end.ts";
import type { Span } from "./recogniser.ts";
import { isPlace, looksLikePassword, looksRandom } from "./secret-values.ts";

const keyNames =
  "(?:api|access|account|secret|private|auth|shared[_-]?access|encryption|signing|master|storage|subscription|session|service)[ _-]?keys?|(?:client|app|consumer|shared|webhook|signing)[ _-]?secret|(?:auth|access|refresh|id|bearer|session|csrf|xsrf|bot|personal[ _-]access|deploy|security)[ _-]?tokens?|(?:session|sess)[_-]?id|phpsessid|jsessionid|credentials?|token|secret|authorization|sig|signature|apikey";
const keys = new RegExp(
  `(?:(?:${keyNames})["'\`]?[ \\t]{0,3}(?:[:=]{1,2}>?|is)[ \\t]{0,3}["'\`]?(?:basic[ \\t]{1,3}|token[ \\t]{1,3}|apikey[ \\t]{1,3})?|bearer[ \\t]{1,3})["'\`]?([A-Za-z0-9_\\-./+=~%]{12,1024})`,
  "gi",
);
const keyCharsMin = 16;
/** A header named so carries nothing else, however short. */
const signatures =
  /(?:^|[^a-z])(?:sig|signature|session[_-]?id|sessid|authorization)["'`]?[ \t]*[:=]/i;

const passwords =
  /(?:passw(?:or)?d|passwort|passord|kodeord|contraseña|mot de passe|senha|wachtwoord|lösenord|passphrase|passcode|pwd|psw|pass(?=[ \t]{0,2}=))["'`]?[ \t]{0,3}(?::=|[:=]{1,2}|(?:is|er|är|ist)[ :])[ \t]{0,3}(?:(["'`])([^\n"'`]{1,256})\1|([^\s"'`]{1,256}))/gi;
/**
 * Their words in other languages. Some are written without blanks: the value ends where the
 * sentence goes on in their script. Folding may have taken a sign above a letter.
 */
const passwordsAbroad =
  /(?:парол[ьія]|密[码碼]|口令|パスワード|暗証番号|비밀번호|암호|hasło|heslo|ş[iİ]fre|parol[aă]|salasana|adgangskode|jelszó|mật khẩu|รห\u0e31?สผ\u0e48?าน|كلمة (?:المرور|السر)|סיסמ[הא]|पासवर\u094d?ड|κωδικός)["'`]?[ \t]{0,3}(?:[:=]{1,2}|[是为為は은는])[ \t]{0,3}["'`]?([!#-&(-_a-~]{1,256})/gi;
const phrases =
  /(?:passphrase|seed phrase|recovery phrase|mnemonic)["'`]?[ \t]{0,3}[:=][ \t]{0,3}["'`]?([^\s"'`]{2,20}(?:[ -][^\s"'`]{2,20}){3,24})/gi;
/** Written as it is spoken: `Enter passphrase for …` is a prompt. */
const spoken = /^[a-z]+(?:[ -][a-z]+)*$/;

export function* assignedSecrets(text: string): Generator<Span> {
  for (const { 0: match, 1: value = "", index } of text.matchAll(keys)) {
    const start = index + match.length - value.length;
    const isLong = value.length >= keyCharsMin && looksRandom(value);
    const name = match.slice(0, match.length - value.length);
    const isSignature = signatures.test(name) && !isPlace(value) && looksLikePassword(value);
    if (isLong || isSignature) yield { start, end: start + value.length };
  }
  for (const match of text.matchAll(passwords)) {
    const span = passwordSpan(text, match);
    if (span !== undefined) yield span;
  }
  for (const { 0: match, 1: written = "", index } of text.matchAll(passwordsAbroad)) {
    const start = index + match.length - written.length;
    const value = trimmed(written);
    if (looksLikePassword(value)) yield { start, end: start + value.length };
  }
  for (const { 0: match, 1: words = "", index } of text.matchAll(phrases)) {
    const start = index + match.length - words.length;
    if (!isPlace(words) && spoken.test(words)) yield { start, end: start + words.length };
  }
}

function passwordSpan(text: string, match: RegExpExecArray): Span | undefined {
  const { 0: whole, 1: quote, 2: quoted, 3: bare = "", index } = match;
  // `bypass=` is another word, `dbPassword=` is not.
  if (/\p{L}/u.test(text[index - 1] ?? "") && !/^\p{Lu}/u.test(whole)) return undefined;
  const isQuery = /[?&]/.test(text[index - 1] ?? "");
  const value = quoted ?? trimmed(isQuery ? (bare.split("&")[0] ?? "") : bare);
  if (!looksLikePassword(value)) return undefined;
  const written = quoted === undefined ? bare.length : value.length + (quote?.length ?? 0);
  const start = index + whole.length - written;
  return { start, end: start + value.length };
}

/** Without what ends a sentence, a list or a JSON member. */
function trimmed(value: string): string {
  return withoutEnd(value, ".,;:)]}>");
}
