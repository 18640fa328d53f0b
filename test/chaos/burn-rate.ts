/**
 * Pure: what the burn-rate alerts of ops/prometheus should say, by what publishers and askers saw
 * themselves. Where a rule's number is near its bound nothing is said: the alerts rest on samples
 * of their own.
 */

export type Objective = "freshness" | "answers";

/** `unknown`: nobody answered, and whether an engine counted it cannot be told. */
export type Outcome = "good" | "bad" | "unknown";

export interface Sample {
  readonly objective: Objective;
  readonly atMs: number;
  readonly outcome: Outcome;
}

export interface BurnRule {
  readonly alert: string;
  readonly objective: Objective;
  /** Share of bad ones above which the budget burns too fast. */
  readonly share: number;
  readonly shortMs: number;
  readonly longMs: number;
  /** How long it has to hold. */
  readonly forMs: number;
}

const minuteMs = 60_000;
const fast = { shortMs: 5 * minuteMs, longMs: 60 * minuteMs, forMs: 2 * minuteMs };
const slow = { shortMs: 30 * minuteMs, longMs: 360 * minuteMs, forMs: 15 * minuteMs };

/** Those of ops/prometheus/alerts.yml; a test compares them. */
export const burnRules: readonly BurnRule[] = [
  { alert: "FreshetFreshnessBurnsFast", objective: "freshness", share: 14.4 * 0.01, ...fast },
  { alert: "FreshetFreshnessBurnsSlowly", objective: "freshness", share: 6 * 0.01, ...slow },
  { alert: "FreshetAnswerBurnsFast", objective: "answers", share: 14.4 * 0.005, ...fast },
  { alert: "FreshetAnswerBurnsSlowly", objective: "answers", share: 6 * 0.005, ...slow },
];

/** A canary looks every 15 s, and an outage ends somewhere between two looks. */
const margin = 1.5;
const samplesMin = 20;
/** Scrapes, evaluations, and what is counted only once it ended. */
const lagMs = 60_000;
const everyMs = 15_000;

export type Expected = "firing" | "silent" | "unsure";

/** What the alert should say at `atMs`. Samples in the order of their time. */
export function expectedAt(rule: BurnRule, samples: readonly Sample[], atMs: number): Expected {
  const own = samples.filter(({ objective }) => objective === rule.objective);
  const burnsSince = (sinceMs: number): readonly (boolean | undefined)[] => {
    const looks = Math.ceil((atMs - sinceMs) / everyMs);
    return Array.from({ length: looks + 1 }, (_, at) => burnsAt(rule, own, atMs - at * everyMs));
  };
  if (burnsSince(atMs - rule.forMs - lagMs).every((burns) => burns === true)) return "firing";
  if (burnsSince(atMs - lagMs).every((burns) => burns === false)) return "silent";
  return "unsure";
}

/** Undefined: too near to the bound, or too little to tell. */
function burnsAt(
  { share, shortMs, longMs }: BurnRule,
  samples: readonly Sample[],
  atMs: number,
): boolean | undefined {
  const windows = [shortMs, longMs].map((ms) =>
    sharesIn(samples, { fromMs: atMs - ms, toMs: atMs }),
  );
  if (windows.some((window) => window === undefined)) return undefined;
  if (windows.every((window) => (window?.least ?? 0) > share * margin)) return true;
  if (windows.some((window) => (window?.most ?? 1) < share / margin)) return false;
  return undefined;
}

function sharesIn(
  samples: readonly Sample[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): { readonly least: number; readonly most: number } | undefined {
  const counts = { good: 0, bad: 0, unknown: 0 };
  for (const { atMs, outcome } of samples) {
    if (atMs > fromMs && atMs <= toMs) counts[outcome] += 1;
  }
  const { good, bad, unknown } = counts;
  if (good + bad + unknown < samplesMin) return undefined;
  // As if each unknown one had been good, or had not been counted, and as if it had been bad.
  const all = good + bad + unknown;
  return { least: bad / all, most: (bad + unknown) / all };
}
