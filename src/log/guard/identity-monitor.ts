/**
 * Whether the log may be trusted, checked for as long as a process runs: a stream can be deleted,
 * recreated or restored under its readers.
 *
 * Owns: the verdict, and the signal that ends what was begun under an earlier one.
 * Never: ends the process. An operator must be able to ask it what is wrong, and it serves again by
 * itself.
 * Receives: reconnects, log_identity failures of those who use the log (`suspect`), its own timer.
 *
 *   LG1  after a reconnect nothing passes before the check has passed: what answers may be another
 *        log;
 *   LG2  a refused log lets nothing pass, and every call says why and what to do;
 *   LG3  a check that gets no answer changes no verdict, and confirms none;
 *   LG4  what began under one verdict (a reader, a lease) ends with it, also when the log is right
 *        again at once.
 */

import { FreshetError, toFreshetError } from "../../contract/errors.ts";
import type { Logger, Metrics } from "../../contract/observation.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../port.ts";

export interface IdentityMonitorOptions {
  readonly log: Pick<Log, "checkIdentity" | "usage">;
  readonly onReconnect: (listener: () => void) => () => void;
  readonly clock: Clock;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

type Verdict =
  | { readonly kind: "trusted" }
  /** Since a reconnect: not checked yet. */
  | { readonly kind: "unsure" }
  | { readonly kind: "refused"; readonly error: FreshetError };

export class LogIdentityMonitor {
  readonly #options: IdentityMonitorOptions;
  readonly #stopped = new AbortController();
  readonly #endReconnect: () => void;
  readonly #loop: Promise<void>;
  #verdict: Verdict = { kind: "trusted" };
  /** Aborted by the next refusal. */
  #trust = new AbortController();
  #checking: Promise<void> | undefined;
  /** A reconnect during a check: its result may be about the earlier log. */
  #again = false;

  /** The log was checked when it was opened, so the monitor begins by trusting it. */
  constructor(options: IdentityMonitorOptions) {
    this.#options = options;
    this.#endReconnect = options.onReconnect(() => this.#reconnected());
    this.#loop = this.#watch();
  }

  /** Why the log is refused; undefined while nothing is known against it. */
  get refusal(): FreshetError | undefined {
    return this.#verdict.kind === "refused" ? this.#verdict.error : undefined;
  }

  /** Aborts when the log is refused; ask for it anew after each `pass`. */
  get trust(): AbortSignal {
    return this.#trust.signal;
  }

  /** @throws FreshetError log_identity (refused), log_unavailable (not known yet) */
  async pass(): Promise<void> {
    if (this.#verdict.kind === "unsure") await this.check();
    // Read again: the check has changed it.
    const verdict: Verdict = this.#verdict;
    switch (verdict.kind) {
      case "trusted":
        return;
      case "unsure":
        throw new FreshetError("log_unavailable", "whether the log is still the same is not known");
      case "refused":
        throw verdict.error;
    }
  }

  /**
   * Called with an error of the log: after a log_identity the next check does not wait for its
   * time.
   */
  suspect(error: FreshetError): void {
    if (error.code === "log_identity" && this.#verdict.kind === "trusted") void this.check();
  }

  /** One check, shared by all callers meanwhile. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#look().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#endReconnect();
    await this.#loop;
  }

  #reconnected(): void {
    if (this.#verdict.kind === "trusted") this.#verdict = { kind: "unsure" };
    this.#again = this.#checking !== undefined;
    void this.check();
  }

  async #watch(): Promise<void> {
    const { clock, everyMs } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal);
      if (signal.aborted) return;
      await this.check();
      await this.#report();
    }
  }

  async #look(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#options.log.checkIdentity();
        if (!this.#again) this.#accept();
      } catch (thrown) {
        const error = toFreshetError(thrown);
        if (error.code === "log_identity") this.#refuse(error);
        else this.#options.logger.debug({ code: error.code }, "the log could not be checked");
      }
    } while (this.#again && !this.#stopped.signal.aborted);
  }

  #accept(): void {
    if (this.#verdict.kind === "refused") {
      this.#options.logger.info({}, "the log is the right one again");
      this.#trust = new AbortController();
    }
    this.#verdict = { kind: "trusted" };
    this.#options.metrics.set("log_refused", 0);
  }

  #refuse(error: FreshetError): void {
    if (this.#verdict.kind !== "refused") {
      this.#options.logger.error({ cause: error.message }, "the log is refused, nothing is served");
    }
    this.#verdict = { kind: "refused", error };
    this.#options.metrics.set("log_refused", 1);
    this.#trust.abort(error);
  }

  async #report(): Promise<void> {
    const usages = await this.#options.log.usage().catch(() => []);
    for (const { stream, bytes, bytesMax } of usages) {
      this.#options.metrics.set("stream_bytes", bytes, { stream });
      this.#options.metrics.set("stream_bytes_max", bytesMax, { stream });
    }
  }
}
