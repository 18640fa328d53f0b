/** What an attempt may still do once it was cancelled or timed out: read, and nothing else. */

import type { MergePorts } from "../context.ts";

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** Every effect of the ports refuses once the attempt has ended: another one may be at work, on newer knowledge. */
export function silentOnceEnded(ports: MergePorts): MergePorts {
  const guard = <Port extends object>(port: Port, effects: readonly (keyof Port)[]): Port =>
    new Proxy(port, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        // Bound: the adapters keep their state in private fields, which a proxy does not have.
        const method = (value as Method).bind(target);
        if (!effects.includes(key as keyof Port)) return method;
        return async (...args: readonly unknown[]) => {
          ports.signal()?.throwIfAborted();
          return method(...args);
        };
      },
    });
  const { log, cold } = ports;
  return {
    ...ports,
    cold: guard(cold, ["ensureTenant", "upsert", "rewrite", "deleteIds", "writeMarker"]),
    log: {
      ...log,
      manifests: guard(log.manifests, ["commit", "putPiece", "sweepPieces"]),
    },
  };
}
