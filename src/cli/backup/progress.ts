/** What a long command says on standard error: now and then, and in one line each. */

import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { mebibytes } from "../print.ts";

export interface Progress {
  say(text: string): void;
  /** Bytes of streams that will go by, as far as that is known. */
  expect(bytes: number): void;
  step(name: string): void;
  add(bytes: number): void;
  objects(tenant: TenantId, count: number): void;
}

export function progressOn(note: (text: string) => void, nowMs: () => number): Progress {
  let saidAtMs = nowMs();
  let current = "";
  let expected = 0;
  let bytes = 0;
  let objects = 0;
  const say = (text: string): void => {
    saidAtMs = nowMs();
    note(`${text}\n`);
  };
  const sayNowAndThen = (text: string): void => {
    if (nowMs() - saidAtMs >= limits.backupProgressEveryMs) say(text);
  };
  return {
    say,
    expect: (all) => {
      expected = all;
    },
    step: (name) => {
      current = name;
    },
    add: (more) => {
      bytes += more;
      const of = expected > bytes ? ` of ${mebibytes(expected)}` : "";
      sayNowAndThen(`${current}: ${mebibytes(bytes)}${of}`);
    },
    objects: (tenant, count) => {
      objects += count;
      sayNowAndThen(`cold: ${objects} objects, now of ${tenant}`);
    },
  };
}
