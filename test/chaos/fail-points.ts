/**
 * Fail-points: right before and right after each effect that a Freshet process has on its stores. They are put around
 * the ports, so no production code knows of them, and together they are every crash point between two effects.
 */

import type { Seams } from "../../src/compose/foundation.ts";

const logEffects = {
  chunks: ["append"],
  manifests: ["putPiece", "commit", "sweepPieces"],
  leases: ["acquire", "renew", "release"],
  deadLetters: ["publish"],
} as const;

const coldEffects = [
  "ensureTenant",
  "upsert",
  "rewrite",
  "versions",
  "deleteIds",
  "writeMarker",
  "readMarker",
] as const;

type Effect =
  | {
      [Store in keyof typeof logEffects]: `${Store}.${(typeof logEffects)[Store][number]}`;
    }[keyof typeof logEffects]
  | `cold.${(typeof coldEffects)[number]}`;

export type FailPoint = `${"before" | "after"} ${Effect}`;

const effectsOf: Readonly<Record<"engine" | "merge-worker", readonly Effect[]>> = {
  engine: [
    "chunks.append",
    "leases.acquire",
    "leases.renew",
    "leases.release",
    "deadLetters.publish",
  ],
  "merge-worker": [
    "cold.ensureTenant",
    "cold.upsert",
    "cold.rewrite",
    "cold.versions",
    "cold.writeMarker",
    "cold.readMarker",
    "cold.deleteIds",
    "manifests.putPiece",
    "manifests.commit",
    "manifests.sweepPieces",
  ],
};

export function failPointsOf(role: "engine" | "merge-worker"): readonly FailPoint[] {
  return effectsOf[role].flatMap((effect) => [`before ${effect}`, `after ${effect}`] as const);
}

/** Called at each point that is passed; what it returns is awaited, so a process can end or stop right there. */
export type Reached = (point: FailPoint) => Promise<void>;

type Method = (...args: readonly unknown[]) => unknown;

/** The seams of a process whose effects report to `reached`. */
export function failPointSeams(reached: Reached): Seams {
  return {
    log: (log) => {
      const guarded = Object.entries(logEffects).map(([store, methods]) => {
        const part = log[store as keyof typeof logEffects];
        return [store, around(part, store, { methods, reached })] as const;
      });
      return { ...log, ...Object.fromEntries(guarded) };
    },
    cold: (cold) => around(cold, "cold", { methods: coldEffects, reached }),
  };
}

function around<Part extends object>(
  part: Part,
  store: string,
  { methods, reached }: { readonly methods: readonly string[]; readonly reached: Reached },
): Part {
  return new Proxy(part, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      // Bound: the adapters keep their state in private fields, which a proxy does not have.
      const method = (value as Method).bind(target);
      if (!methods.includes(String(name))) return method;
      const effect = `${store}.${String(name)}` as Effect;
      return async (...args: readonly unknown[]) => {
        await reached(`before ${effect}`);
        const result = await method(...args);
        await reached(`after ${effect}`);
        return result;
      };
    },
  });
}
