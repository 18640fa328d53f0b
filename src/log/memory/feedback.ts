/** Feedback in memory. */

import type { TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { FeedbackLog, FeedbackMessage } from "../feedback-port.ts";
import type { Availability } from "./availability.ts";

export class MemoryFeedback implements FeedbackLog {
  readonly #availability: Availability;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #of = new Map<TenantId, FeedbackMessage[]>();
  #last = 0;

  constructor(availability: Availability, clock: Pick<Clock, "nowMs">) {
    this.#availability = availability;
    this.#clock = clock;
  }

  async append(tenant: TenantId, data: Uint8Array): Promise<number> {
    await this.#availability.pass();
    this.#last += 1;
    const message = { seq: this.#last, atMs: this.#clock.nowMs(), data: data.slice() };
    const own = [...(this.#of.get(tenant) ?? []), message];
    this.#of.set(tenant, own.slice(-limits.feedbackPerTenantMax));
    return this.#last;
  }

  async read({
    tenant,
    after,
    max,
  }: Parameters<FeedbackLog["read"]>[0]): Promise<readonly FeedbackMessage[]> {
    await this.#availability.pass();
    return (this.#of.get(tenant) ?? []).filter(({ seq }) => seq > after).slice(0, max);
  }

  erase(tenant: TenantId, isRemoved: boolean): number {
    const found = this.#of.get(tenant)?.length ?? 0;
    if (isRemoved) this.#of.delete(tenant);
    return found;
  }
}
