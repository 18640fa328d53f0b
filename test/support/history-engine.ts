/** A tenant with a random history, in an engine in memory, and what was found after each operation. */

import type { TenantId } from "../../src/contract/ids.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import { random } from "../hot/documents.ts";
import { type MemoryEngine, startMemoryEngine } from "./memory-engine.ts";
import { codeOf } from "./promises.ts";

export const historyTenant = "history" as TenantId;

const things = ["crane", "ferry", "lift", "tram", "bridge", "lock", "mill", "pier"] as const;
const halls = ["north", "south", "east", "west"] as const;
export const queries = things.flatMap((thing) => [
  `Where does the ${thing} stand?`,
  `Which ${thing} was built last?`,
]);

const encoder = new TextEncoder();

export class HistoryEngine {
  readonly engine: MemoryEngine;
  readonly seqs: number[] = [];
  readonly #next: () => number;
  readonly #hearsEvents: boolean;

  constructor(seed: number, options: Parameters<typeof startMemoryEngine>[0] = {}) {
    this.engine = startMemoryEngine(options);
    this.#hearsEvents = options.log === undefined;
    this.#next = random(seed);
  }

  /** Publishes one operation and waits until it is applied. */
  async publish(operation: object): Promise<number> {
    const payload = encoder.encode(JSON.stringify(operation));
    const isDelete = "op" in operation;
    const asked = { payload, isDelete };
    const { seq } = await this.engine.service.publish(historyTenant, asked);
    if (this.#hearsEvents) await this.engine.event(seq);
    else await this.ask("seen", { min_seq: seq, wait_ms: 30_000 });
    this.seqs.push(seq);
    return seq;
  }

  async publishRandom(documents = 12): Promise<number> {
    const id = `doc-${this.#below(documents)}`;
    if (this.#below(5) === 0) return this.publish({ op: "delete", id });
    const [thing, hall] = [things[this.#below(things.length)], halls[this.#below(halls.length)]];
    const text = `The ${thing} number ${this.#below(900)} stands in the ${hall} hall since 19${this.#below(90) + 10}.`;
    return this.publish({ id, text });
  }

  async ask(query: string, more: object = {}): Promise<Answer | undefined> {
    const question = parseQuestion({ query, mode: "search", top_k: 4, cache: false, ...more });
    const { signal } = new AbortController();
    const asked = this.engine.service.ask({ tenant: historyTenant, question, signal });
    if ((await codeOf(asked)) === "no_results") return undefined;
    return asked;
  }

  /** What a question finds: which versions, in which order. */
  async digest(query: string, more: object = {}): Promise<string> {
    const answer = await this.ask(query, more);
    return (answer?.sources ?? [])
      .map(({ id, version, chunk }) => `${id}@${version}#${chunk}`)
      .join(" ");
  }

  stop(): Promise<void> {
    return this.engine.stop();
  }

  #below(count: number): number {
    return Math.floor(this.#next() * count);
  }
}
