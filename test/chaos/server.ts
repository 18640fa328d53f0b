/** Several servers of a chaos run, to which trouble comes at once. */

import type { Process, Server } from "../support/server.ts";

/** All of them at once, as when a rack loses its power. */
export class ServerGroup implements Process {
  readonly #members: readonly Server[];

  constructor(members: readonly Server[]) {
    this.#members = members;
  }

  get isAlive(): boolean {
    return this.#members.every(({ isAlive }) => isAlive);
  }

  async start(): Promise<void> {
    // Not one after the other: a member of a cluster is ready when a majority is.
    await Promise.all(this.#members.map((member) => member.start()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
  }

  freeze(): void {
    for (const member of this.#members) member.freeze();
  }

  thaw(): void {
    for (const member of this.#members) member.thaw();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }
}
