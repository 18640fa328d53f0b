/** Who comes in, before the body is read: a stranger's two megabytes are not worth parsing. */

import type { FastifyReply, FastifyRequest } from "fastify";
import type { Identity, Role } from "../contract/api-key.ts";
import { FreshetError, toFreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Asker, Reader } from "../contract/service.ts";
import { type Authenticate, type Check, checkAnyRole, checkRole } from "./auth.ts";
import { refuseEncodedBody } from "./bodies.ts";
import { whenClosed } from "./caller.ts";
import type { RequestAudit } from "./request-audit.ts";

const stops = "this node stops: open the stream again";
const otherRights = "what this key or token may see has changed: ask again";

export interface GateOptions {
  readonly authenticate: Authenticate;
  readonly checkHost: Check;
  /** Whether callers must say who they are. */
  readonly keys: boolean;
  readonly audit: RequestAudit;
}

interface Watching {
  readonly role: Role;
  readonly ended: (why: FreshetError) => void;
  /** It has nothing to finish, so it ends as soon as the node stops. */
  readonly isEndless?: boolean;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #admitted = new WeakMap<FastifyRequest, Identity>();
  /** Replies without an end: each by what ends it. */
  readonly #endless = new Set<(why: FreshetError) => void>();
  #isClosing = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** A hook for routes that take this role, or any. */
  admits(role?: Role): (request: FastifyRequest) => Promise<void> {
    const { authenticate, checkHost, keys, audit } = this.#options;
    return async (request) => {
      // With keys a page under a foreign name gets nowhere: it does not have one.
      if (!keys) checkHost(request.headers);
      const identity = await authenticate(request.headers, (known) => audit.known(request, known));
      if (role !== undefined) checkRole(identity, role);
      else checkAnyRole(identity);
      audit.known(request, identity);
      this.#admitted.set(request, identity);
      refuseEncodedBody(request);
    };
  }

  /**
   * For a reply that may have no end: looks again and again whether its credential would still be
   * let in as the same, and says once why not. A provider that is away says nothing of its tokens.
   */
  watch(
    request: FastifyRequest,
    reply: FastifyReply,
    { role, ended, isEndless = false }: Watching,
  ): void {
    const { authenticate, keys } = this.#options;
    const rights = ({ tenant, groups }: Identity) => JSON.stringify([tenant, groups]);
    const before = rights(this.identityOf(request));
    const look = async (): Promise<void> => {
      try {
        const identity = await authenticate(request.headers);
        checkRole(identity, role);
        if (rights(identity) !== before) throw new FreshetError("unauthorized", otherRights);
      } catch (thrown) {
        const error = toFreshetError(thrown);
        if (error.code !== "identity_unavailable") end(error);
      }
    };
    const timer = keys ? setInterval(() => void look(), limits.keyStoreCheckMs) : undefined;
    const leave = (): void => {
      clearInterval(timer);
      this.#endless.delete(end);
    };
    const end = (why: FreshetError): void => {
      leave();
      ended(why);
    };
    whenClosed(reply.raw, leave);
    if (!isEndless) return;
    if (this.#isClosing) end(new FreshetError("not_ready", stops));
    else this.#endless.add(end);
  }

  /** Their readers are told to come back, elsewhere: a stop would wait for them, and cut them. */
  endEndless(): void {
    this.#isClosing = true;
    for (const end of [...this.#endless]) end(new FreshetError("not_ready", stops));
  }

  /** Of a request that was let in. @throws FreshetError unauthorized */
  identityOf(request: FastifyRequest): Identity {
    const identity = this.#admitted.get(request);
    if (identity === undefined) throw new FreshetError("unauthorized");
    return identity;
  }

  /** @throws FreshetError unauthorized */
  tenantOf(request: FastifyRequest): TenantId {
    return this.identityOf(request).tenant;
  }

  /**
   * For what counts or names documents that a credential with groups may not know of; `what` is
   * named in the refusal.
   * @throws FreshetError unauthorized, forbidden
   */
  wholeTenantOf(request: FastifyRequest, what: string): TenantId {
    const { tenant, groups } = this.identityOf(request);
    if (groups === undefined) return tenant;
    throw new FreshetError("forbidden", `${what} are for keys without groups`);
  }

  /** Who asks, by its credential alone. @throws FreshetError unauthorized */
  askerOf(request: FastifyRequest): Asker {
    const { tenant, groups, credential } = this.identityOf(request);
    return { tenant, groups, credential };
  }

  /**
   * Whose documents a request may see, by its credential alone.
   * @throws FreshetError unauthorized
   */
  readerOf(request: FastifyRequest): Reader {
    const { tenant, groups } = this.identityOf(request);
    return { tenant, groups };
  }
}
