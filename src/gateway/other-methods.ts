/** A known path with another method is 405 with `Allow`, not 404. */

import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from "fastify";
import { otherMethod } from "./no-route.ts";

/** @param methods of each path, as the routes take them */
export function refuseOtherMethods(
  app: FastifyInstance,
  methods: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [url, own] of Object.entries(methods)) {
    const method = app.supportedMethods.filter((name) => !own.includes(name)) as HTTPMethods[];
    const refuse = async (request: FastifyRequest, reply: FastifyReply) => {
      reply.header("allow", own.join(", "));
      throw otherMethod(request.url, own);
    };
    app.route({ method, url, onRequest: refuse, handler: refuse });
  }
}
