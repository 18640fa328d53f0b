/** What the doctor says: one row of its table. Pure. */

export type Level = "ok" | "warn" | "fail";

export interface Finding {
  readonly level: Level;
  /** Which part, such as `NATS` or `FRESHET_NATS_URL`. */
  readonly what: string;
  readonly found: string;
  /** How to mend it; none where all is well. */
  readonly mend?: string | undefined;
}

export const ok = (what: string, found: string): Finding => ({ level: "ok", what, found });
export const warn = (what: string, found: string, mend: string): Finding => ({
  ...{ level: "warn", what, found, mend },
});
export const fail = (what: string, found: string, mend: string): Finding => ({
  ...{ level: "fail", what, found, mend },
});

const order: Readonly<Record<Level, number>> = { ok: 0, warn: 1, fail: 2 };

export function worst(findings: readonly Finding[]): Level {
  return findings.reduce<Level>(
    (level, finding) => (order[finding.level] > order[level] ? finding.level : level),
    "ok",
  );
}

/** One line each, and what to do below those that are not well. */
export function findingLines(findings: readonly Finding[]): readonly string[] {
  const width = Math.max(...findings.map(({ what }) => what.length), 0);
  const lines = findings.flatMap(({ level, what, found, mend }) => [
    `${level.padEnd(4)}  ${what.padEnd(width)}  ${found}`,
    ...(mend === undefined ? [] : [`${" ".repeat(width + 8)}→ ${mend}`]),
  ]);
  const count = (level: Level): number => findings.filter((one) => one.level === level).length;
  return [...lines, `${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failures`];
}
