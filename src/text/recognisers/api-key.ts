import { assignedSecrets } from "./assigned-secrets.ts";
import { headerSecrets, urlSecrets } from "./placed-secrets.ts";
import type { Recogniser, Span } from "./recogniser.ts";

const wordBefore = "(?<![A-Za-z0-9_-])";
const wordAfter = "(?![A-Za-z0-9_-])";

/** Published formats. The look-behind makes each start unique in a run of letters: linear time. */
const formats = [
  "(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[0-9A-Z]{16}", // AWS
  "gh[pousr]_[A-Za-z0-9]{36,255}", // GitHub
  "github_pat_[A-Za-z0-9_]{22,255}",
  "gl(?:pat|ptt|rt|dt|cbt|soat|ft|imt|agent)-[A-Za-z0-9_-]{20,255}", // GitLab
  "xox[abeoprs]-[A-Za-z0-9-]{10,255}", // Slack
  "xapp-[A-Za-z0-9-]{10,255}",
  "sk-(?=[A-Za-z_-]*\\d)[A-Za-z0-9_-]{20,255}", // OpenAI, Anthropic
  "AIza[0-9A-Za-z_-]{35}", // Google
  "ya29\\.[0-9A-Za-z_-]{20,1024}",
  "GOCSPX-[0-9A-Za-z_-]{20,64}",
  "(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,255}", // Stripe
  "whsec_[0-9A-Za-z+/]{24,255}",
  "hf_[A-Za-z0-9]{30,255}", // Hugging Face
  "npm_[A-Za-z0-9]{36}",
  "pypi-[A-Za-z0-9_-]{50,1024}",
  "rubygems_[a-f0-9]{40,64}",
  "SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,128}", // SendGrid
  "hv[sbr]\\.[A-Za-z0-9_-]{20,512}", // Vault
  "dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,255}", // Docker
  "shp(?:at|ca|pa|ss|tka)_[A-Fa-f0-9]{32,64}", // Shopify
  "do[opr]_v1_[a-f0-9]{40,64}", // DigitalOcean
  "glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", // Grafana
  "(?:lin_api|ntn|sbp|figd|gsk|xai|r8|tskey|dapi|nvapi|pplx|lsv2_pt|rpa|PMAK|CFPAT|NRAK|ATATT3)[_-](?=[A-Za-z_-]*\\d)[A-Za-z0-9_=-]{24,255}",
  "dapi[a-f0-9]{32}(?:-\\d)?", // Databricks
  "S[UANOCX][A-Z2-7]{56}", // NATS seeds
  "AGE-SECRET-KEY-1[A-Z0-9]{50,64}",
  "(?:AC|SK)[a-f0-9]{32}", // Twilio
  "\\d{8,10}:AA[A-Za-z0-9_-]{33}", // Telegram
  "eyJ[A-Za-z0-9_-]{8,4096}\\.eyJ[A-Za-z0-9_-]{4,8192}(?:\\.[A-Za-z0-9_-]{0,4096})?", // JSON Web Token
];
/** One expression: the text is gone through once for all of them. */
const formatPattern = new RegExp(`${wordBefore}(?:${formats.join("|")})${wordAfter}`, "g");

const blockBegin = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const blockEnd = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const blockCharsMax = 16_384;

/**
 * Keys and tokens by their published prefixes, private key blocks, what is assigned to a name that
 * tells of a secret, and what stands where URLs and headers carry one.
 */
export const apiKey: Recogniser = {
  kind: "API_KEY",
  *find(text) {
    for (const { 0: match, index } of text.matchAll(formatPattern)) {
      yield { start: index, end: index + match.length };
    }
    yield* privateKeys(text);
    yield* assignedSecrets(text);
    yield* urlSecrets(text);
    yield* headerSecrets(text);
  },
  normal: (value) => value,
};

/**
 * A block whose end is missing, or too far to be its own, ends where no key can continue. Ends are
 * looked for in one go through the text: a text of nothing but beginnings must not be searched
 * again from each.
 */
function* privateKeys(text: string): Generator<Span> {
  let from = 0;
  let next: RegExpExecArray | null | undefined;
  blockEnd.lastIndex = 0;
  for (const { 0: match, index } of text.matchAll(blockBegin)) {
    if (index < from) continue;
    const body = index + match.length;
    if (next === undefined || (next !== null && next.index < body)) {
      blockEnd.lastIndex = body;
      next = blockEnd.exec(text);
    }
    const isNear = next !== null && next.index - body <= blockCharsMax;
    from = next !== null && isNear ? next.index + next[0].length : bodyEnd(text, body);
    yield { start: index, end: from };
  }
}

function bodyEnd(text: string, body: number): number {
  const base64 = /[A-Za-z0-9+/=:,\s-]*/y;
  base64.lastIndex = body;
  return body + (base64.exec(text)?.[0].trimEnd().length ?? 0);
}
