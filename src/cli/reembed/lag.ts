/** Why the generation that takes over is not where the one that answers was. Pure. */

export interface Lag {
  readonly number: number;
  /** Sequences: of its newest record when the wait began, and when it ended. */
  readonly before: number;
  readonly reached: number;
  /** What the one that answers had recorded when the wait began. */
  readonly wanted: number;
  readonly waitedMs: number;
  /** Engines that hold the installation's leases. */
  readonly nodes: number;
}

/** One sentence, with what to do. Nodes without the model were named before. */
export function lagOf({ number, before, reached, wanted, waitedMs, nodes }: Lag): string {
  const where = `generation ${number} is at sequence ${reached}, and has to reach ${wanted}`;
  if (reached > before) {
    return `${where}: it comes nearer (${before}, ${waitedMs / 1_000} s ago); run the command again`;
  }
  if (nodes === 0) return `${where}: no engine runs that feeds it; start one`;
  return (
    `${where}, and has not moved for ${waitedMs / 1_000} s: the tenant's engine may have just ` +
    "started, or be busy; run the command again, and look at that engine's log if it stays so"
  );
}
