/**
 * What cold loses, and what of it comes back: only where it can still be noticed.
 *
 * Owns: the snapshot, all that was ever in cold. Never: loses between a look at cold and its use,
 * which no look can see.
 */

import type { MemoryCold } from "../../src/cold/memory.ts";
import type { ColdMarker, ColdObject } from "../../src/cold/port.ts";
import { acme } from "../actors/kit.ts";
import type { Checks } from "./checks.ts";
import type { Command } from "./history.ts";
import type { Merger } from "./merger.ts";
import type { Faults } from "./slot.ts";

interface Snapshot {
  readonly marker: ColdMarker | null;
  readonly objects: readonly ColdObject[];
}

export class ColdLosses {
  readonly #cold: MemoryCold;
  readonly #checks: Checks;
  readonly #faults: Faults;
  readonly #everCold = new Map<string, ColdObject>();
  #snapshot: Snapshot = { marker: null, objects: [] };
  #restored = false;

  constructor(options: {
    readonly cold: MemoryCold;
    readonly checks: Checks;
    readonly faults: Faults;
  }) {
    this.#cold = options.cold;
    this.#checks = options.checks;
    this.#faults = options.faults;
  }

  /** Cold was once set back. */
  get restored(): boolean {
    return this.#restored;
  }

  /** Called after every command. */
  remember(): void {
    for (const object of this.#cold.objects(acme)) this.#everCold.set(object.id, object);
  }

  resurrect(): void {
    this.#cold.resurrect(acme, [...this.#everCold.values()]);
  }

  findLater(): void {
    this.#cold.reveal(
      acme,
      this.#cold.objects(acme).map(({ id }) => id),
    );
  }

  async snapshot(): Promise<void> {
    const marker = await this.#cold.readMarker(acme);
    this.#snapshot = { marker, objects: this.#cold.objects(acme) };
  }

  /**
   * Cold as it was. Only where a marker can tell: to a state from before the watermark, and not
   * between the look at the marker and its use, or to the same marker in the middle of a scrub,
   * which no marker can see (the next scrub can).
   */
  async restore(merger: Merger, isAsking: boolean): Promise<void> {
    const { marker, objects } = this.#snapshot;
    const isAsBefore = (await this.#cold.readMarker(acme))?.to === marker?.to;
    if (merger.scrubs && isAsBefore) return;
    const blind = merger.decides || this.#faults.late.length > 0 || isAsking;
    if (blind || (marker?.to ?? 0) >= this.#checks.to) return;
    this.#restored = true;
    this.#cold.dropTenant(acme);
    this.#cold.resurrect(acme, objects);
    if (marker !== null) await this.#cold.writeMarker(acme, marker);
  }

  /**
   * Cold loses what it has acknowledged. Only what is not confirmed: later losses are for the
   * scrub. And not between the confirming look and its use, which no look can see.
   */
  lose(merger: Merger, { how, every }: Extract<Command, { do: "lose" }>): void {
    if (merger.decides || this.#faults.late.length > 0) return;
    const { confirmedVersion } = this.#checks;
    const ids = this.#cold
      .objects(acme)
      .filter(({ version }, index) => version > confirmedVersion && index % every === 0)
      .map(({ id }) => id);
    if (how === "hides") this.#cold.hide(acme, ids);
    else this.#cold.drop(acme, ids);
  }
}
