/**
 * The servers of one name: which of them serve, what is at each, and what each computes.
 *
 * Owns: the servers' states and links, a watch on each of them. Never: repeats a request, or lets a
 * server have work that has not been seen to compute the pool's model.
 * Receives: `choose` and `send` from the lanes, servers that come and go. Sends: requests, probes.
 *
 *   EP1  a server gets work only after it made of a known sentence what the pool's first server
 *        made of it; one that names another model in a reply loses its place, and the reply does
 *        not count;
 *   EP2  a server that breaks off, or says nothing while it has work and does not say that it
 *        lives, loses its work within its link's `silentMs` and what a look takes: its requests
 *        end as down;
 *   EP3  one that is away is asked again, at most `embedPoolRetryMaxMs` apart, for as long as the
 *        pool is there;
 *   EP4  a pool of one fixed server is never without it: it is asked, whatever happened before;
 *   EP5  a server whose newest reply was an error comes behind the others, for a pause that grows
 *        while it fails: an error at once must not look like speed. That it refuses a text is the
 *        text's fault, and every server would;
 *   EP6  one that is asked and fails everything for `embedPoolSilentMs` is told of once, and once
 *        more when it answers; a fixed one counts as away in between;
 *   EP7  a fixed one that names no fingerprint is asked for the sentence beside its work, at most
 *        every `embedPoolReprobeMs`; from then on nothing of another model counts;
 *   EP8  a refusal, or a vector that is none, is the texts' doing only if the server embeds the
 *        known sentence behind it: gateways refuse everything (400) once a budget is spent.
 */

import { FreshetError, toFreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Logger, Metrics } from "../contract/observation.ts";
import type { Clock } from "../runtime/clock.ts";
import { Deadline } from "../runtime/deadline.ts";
import { raceAbort } from "../runtime/race-abort.ts";
import { probeText } from "./model-probe.ts";
import type { Lane } from "./port.ts";
import { type Failure, misconfigured, reasonOf } from "./remote-failure.ts";
import type { ServerLink } from "./remote-link.ts";
import { PoolServer } from "./remote-server.ts";
import {
  type AskedTexts,
  type ComputedBy,
  isFault,
  isSame,
  type Reply,
  type VectorsReply,
} from "./remote-wire.ts";
import { afterFailure, leastLoaded, strangeness, unknownServer } from "./server-state.ts";

export interface PoolOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "set" | "count">;
  /** One that is fixed: EP4. */
  readonly isAlone: boolean;
}

export class ServerPool {
  readonly #options: PoolOptions;
  readonly #servers = new Set<PoolServer>();
  readonly #ending = new AbortController();
  readonly #watches = new Set<Promise<void>>();
  /** What the first server made of the probe. */
  #reference: Float32Array | undefined;
  #turns = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get servers(): ReadonlySet<PoolServer> {
    return this.#servers;
  }

  add(link: ServerLink): PoolServer {
    const { isAlone } = this.#options;
    const server = new PoolServer(link, isAlone ? { kind: "serving" } : unknownServer);
    this.#servers.add(server);
    return server;
  }

  /** From now on its state is looked at, until it is removed. */
  watch(server: PoolServer): void {
    const watch = this.#watch(server).finally(() => this.#watches.delete(watch));
    this.#watches.add(watch);
  }

  async remove(server: PoolServer): Promise<void> {
    server.isGone = true;
    this.#servers.delete(server);
    server.cut.abort();
    this.#count();
    await server.link.close();
  }

  /** The one with the least outstanding work that was not tried yet; undefined: there is none. */
  choose(lane: Lane, tried: ReadonlySet<PoolServer>): PoolServer | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    const left = [...this.#servers].filter((server) => !tried.has(server));
    const chosen = leastLoaded(left.map((server) => server.in(lane, nowMs)))?.server;
    if (chosen !== undefined) chosen.turn = this.#turns += 1;
    return chosen;
  }

  /** What a request fails with while no server serves. */
  nobody(): Failure {
    const whys = [...this.#servers].flatMap(({ link, state }) =>
      state.kind === "serving" ? [] : [`${link.name} ${state.why}`],
    );
    const reason = whys.length === 0 ? "there is no server" : whys.slice(0, 4).join("; ");
    return { kind: "down", reason, retryAfterMs: undefined };
  }

  /** @throws FreshetError cancelled when the caller has gone */
  async send(
    server: PoolServer,
    asked: AskedTexts,
    signal: AbortSignal | undefined,
  ): Promise<Reply> {
    const { clock, isAlone } = this.#options;
    const bytes = asked.texts.reduce((sum, text) => sum + text.length, 0);
    const sentAtMs = clock.monotonicMs();
    if (server.requests === 0) server.heardAtMs = sentAtMs;
    server.requests += 1;
    server.outstanding[asked.lane] += bytes;
    try {
      const both = isAlone ? signal : anyOf(server.cut.signal, signal);
      const reply = await this.#replyOf(server, asked, both);
      server.heardAtMs = clock.monotonicMs();
      server.hasReplied(isFault(reply), server.heardAtMs);
      const blamed = this.#blamed(server, asked, reply);
      const judged = await this.#judged(server, await (both ? raceAbort(blamed, both) : blamed));
      this.#follow(server, judged, sentAtMs);
      return judged;
    } catch (thrown) {
      if (signal?.aborted === true || toFreshetError(thrown).code !== "cancelled") throw thrown;
      // EP2: the server was cut off, not the caller.
      return down("does not answer");
    } finally {
      server.requests -= 1;
      server.outstanding[asked.lane] -= bytes;
    }
  }

  /**
   * Asks all servers what they compute, before there is any work.
   * @throws FreshetError embedding_unavailable: none answers, or they do not compute the same
   */
  async open(): Promise<void> {
    const servers = [...this.#servers];
    const replies = await Promise.all(servers.map((server) => this.#probe(server)));
    for (const [index, server] of servers.entries()) {
      const reply = replies[index] as Reply;
      const why = this.#admit(server, reply);
      if (server.state.kind !== "stranger") continue;
      const first = servers.find(({ state }) => state.kind === "serving");
      const says = `${server.link.name} ${why}, against ${first?.link.name ?? "the first"}: servers of one pool run the same model`;
      throw new FreshetError("embedding_unavailable", says);
    }
    this.#count();
    if (servers.some(({ state }) => state.kind === "serving")) return;
    const { reason } = this.nobody() as { readonly reason: string };
    throw new FreshetError("embedding_unavailable", `no embedding server serves: ${reason}`);
  }

  /** The model of the pool, from what its only server has made of the probe. */
  refersTo(vector: Float32Array): void {
    this.#reference = vector;
    for (const server of this.#servers) server.probedAtMs = this.#options.clock.monotonicMs();
    this.#count();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#watches);
    await Promise.all([...this.#servers].map(({ link }) => link.close()));
  }

  /** EP7: also what was under way when it was found out does not count. */
  async #replyOf(
    server: PoolServer,
    asked: AskedTexts,
    signal: AbortSignal | undefined,
  ): Promise<Reply> {
    if (server.strange !== undefined) await this.#lookBeside(server);
    if (server.strange !== undefined) return misconfigured(server.strange);
    const { fingerprint } = server.computedBy ?? {};
    const sent = server.link.send({ ...asked, fingerprint }, signal);
    const [reply] = await Promise.all([sent, this.#lookBeside(server)]);
    const { strange } = server;
    return strange !== undefined && reply.kind === "vectors" ? misconfigured(strange) : reply;
  }

  async #lookBeside(server: PoolServer): Promise<void> {
    const { isAlone, clock } = this.#options;
    const isKnown = server.computedBy?.fingerprint !== undefined;
    if (!isAlone || isKnown || this.#reference === undefined) return;
    const { embedPoolReprobeMs, embedPoolRetryMaxMs } = limits;
    const everyMs = server.strange === undefined ? embedPoolReprobeMs : embedPoolRetryMaxMs;
    if (clock.monotonicMs() - server.probedAtMs >= everyMs) {
      server.looking ??= this.#lookIfStrange(server);
    }
    await server.looking;
  }

  async #lookIfStrange(server: PoolServer): Promise<void> {
    const reply = await this.#probe(server);
    if (reply.kind === "vectors") server.strange = this.#strangenessOf(reply);
    server.looking = undefined;
  }

  /** EP6; one that has left was told of then. */
  #follow({ outage, state, link }: PoolServer, reply: Reply, sentAtMs: number): void {
    if (state.kind !== "serving") return;
    const { clock, logger } = this.#options;
    const change = outage.replied(isFault(reply), { sentAtMs, nowMs: clock.monotonicMs() });
    if (change === undefined) return;
    const server = link.name;
    if (reply.kind === "vectors" || reply.kind === "refused") {
      logger.info({ server }, "an embedding server answers again");
    } else {
      const why = reasonOf(reply);
      logger.warn({ server, why }, "an embedding server fails whatever it is asked, texts wait");
    }
    this.#count();
  }

  /** EP8. */
  async #blamed(server: PoolServer, { texts }: AskedTexts, reply: Reply): Promise<Reply> {
    if (reply.kind !== "refused" && reply.kind !== "broken") return reply;
    const isOfSentence = texts.length === 1 && texts[0] === probeText;
    const { probedAtMs } = server;
    const control = isOfSentence ? reply : await this.#probe(server);
    // It says nothing of the model: when that is looked at next stays as it was (EP7).
    server.probedAtMs = probedAtMs;
    if (control.kind === "vectors") return reply;
    if (control.kind !== "refused" && control.kind !== "broken") return control;
    return misconfigured(reasonOf(control));
  }

  /** EP1, and what a failure says of the server. */
  async #judged(server: PoolServer, reply: Reply): Promise<Reply> {
    if (reply.kind === "vectors") {
      if (isSame((server.computedBy ??= reply.computedBy), reply.computedBy)) return reply;
      return (await this.#isOneMore(server, reply.computedBy)) ? reply : this.#afterChange(server);
    }
    const { isAlone } = this.#options;
    // It may have been started again, and refuse the fingerprint of its earlier life.
    if (isAlone && reply.kind === "down" && this.#mayHaveChanged(server)) {
      return this.#afterChange(server);
    }
    if (isAlone || (reply.kind !== "down" && reply.kind !== "misconfigured")) return reply;
    this.#leave(server, reply.kind === "down" ? reply.reason : reply.what);
    return reply;
  }

  /** Behind one address may be several servers, and each names the model as it likes. */
  async #isOneMore(server: PoolServer, { fingerprint, model }: ComputedBy): Promise<boolean> {
    if ((fingerprint ?? server.computedBy?.fingerprint) !== undefined) return false;
    for (let at = 0; at < probesOfAName && !server.names.has(model); at += 1) {
      const reply = await this.#probe(server);
      if (reply.kind !== "vectors" || this.#strangenessOf(reply) !== undefined) return false;
      if (server.names.size < namesMax) server.names.add(reply.computedBy.model);
    }
    return server.names.has(model);
  }

  #mayHaveChanged({ computedBy, probedAtMs }: PoolServer): boolean {
    const sinceMs = this.#options.clock.monotonicMs() - probedAtMs;
    return computedBy?.fingerprint !== undefined && sinceMs >= limits.embedPoolRetryMaxMs;
  }

  /** It was started again with another model, or with another precision of the same. */
  async #afterChange(server: PoolServer): Promise<Reply> {
    if (!this.#options.isAlone) {
      this.#leave(server, "computes with another model than before");
      return down("computes with another model than before");
    }
    const why = this.#admit(server, await this.#probe(server));
    server.state = { kind: "serving" };
    return why === undefined ? down("was started again") : misconfigured(why);
  }

  async #watch(server: PoolServer): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted && !server.isGone) {
      await clock.sleep(limits.embedPoolLookMs, signal);
      if (!signal.aborted && !server.isGone) await this.#look(server);
    }
  }

  async #look(server: PoolServer): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const { state } = server;
    if (state.kind !== "serving") {
      if (nowMs >= state.retryAtMs) this.#admit(server, await this.#probe(server));
      return;
    }
    if (server.requests > 0 && nowMs - server.heardAtMs >= server.link.silentMs) {
      const limit = new Deadline(clock, limits.embedPoolAliveMs, this.#ending.signal);
      const isAlive = await server.link.isAlive(limit.signal);
      limit.clear();
      if (isAlive) server.heardAtMs = clock.monotonicMs();
      else if (!this.#ending.signal.aborted) this.#leave(server, "does not answer");
      return;
    }
    const mayHaveChanged = server.computedBy?.fingerprint === undefined;
    if (!mayHaveChanged || nowMs - server.probedAtMs < limits.embedPoolReprobeMs) return;
    const reply = await this.#probe(server);
    // One that is only too busy to say is no stranger.
    if (reply.kind === "vectors") this.#admit(server, reply);
  }

  async #probe(server: PoolServer): Promise<Reply> {
    const { clock } = this.#options;
    const limit = new Deadline(clock, limits.embedPoolProbeMs, this.#ending.signal);
    server.probedAtMs = clock.monotonicMs();
    try {
      const request = { texts: [probeText], lane: "query", fingerprint: undefined } as const;
      return await server.link.send(request, limit.signal);
    } catch {
      return down("does not answer");
    } finally {
      limit.clear();
    }
  }

  /** EP1. @returns why it is not admitted */
  #admit(server: PoolServer, reply: Reply): string | undefined {
    const { logger } = this.#options;
    if (reply.kind !== "vectors") {
      const why = reasonOf(reply);
      this.#leave(server, why);
      return why;
    }
    const why = this.#strangenessOf(reply);
    if (why !== undefined) {
      this.#leave(server, why, true);
      return why;
    }
    if (server.state.kind !== "serving") {
      const { fingerprint } = reply.computedBy;
      logger.info({ server: server.link.name, fingerprint }, "an embedding server serves");
    }
    server.computedBy = reply.computedBy;
    server.names.clear();
    server.state = { kind: "serving" };
    // What is under way at a server that serves stays within its reach (EP2).
    if (server.cut.signal.aborted) server.cut = new AbortController();
    this.#count();
    return undefined;
  }

  #strangenessOf({ vectors: [vector] }: VectorsReply): string | undefined {
    if (vector === undefined) return "sends no vector";
    this.#reference ??= vector.slice();
    return strangeness(this.#reference, vector);
  }

  #leave(server: PoolServer, why: string, isStranger = false): void {
    const { clock, logger } = this.#options;
    const before = server.state;
    server.state = afterFailure(before, { why, isStranger, nowMs: clock.monotonicMs() });
    server.cut.abort();
    // Said once, not at each attempt to have it back.
    if (before.kind !== server.state.kind && !this.#ending.signal.aborted) {
      const message = isStranger
        ? "an embedding server computes another model and gets no work"
        : "an embedding server is away, its work goes to others";
      logger.warn({ server: server.link.name, why }, message);
    }
    this.#count();
  }

  #count(): void {
    const counts = { serving: 0, away: 0, stranger: 0 };
    const { isAlone } = this.#options;
    for (const { state, outage } of this.#servers) {
      counts[isAlone && outage.isOut ? "away" : state.kind] += 1;
    }
    for (const [state, count] of Object.entries(counts)) {
      this.#options.metrics.set("embed_servers", count, { state });
    }
  }
}

/** Whoever is behind a gateway has its turn within so many. */
const probesOfAName = 4;
const namesMax = 8;

function down(reason: string): Failure {
  return { kind: "down", reason, retryAfterMs: undefined };
}

function anyOf(first: AbortSignal, second: AbortSignal | undefined): AbortSignal {
  return second === undefined ? first : AbortSignal.any([first, second]);
}
