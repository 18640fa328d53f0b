/**
 * The console: static files and one policy. The page has no right that a caller with its key has
 * not: all it shows comes from the API.
 *
 * CON1  nothing on the page comes from another origin, and no script or style stands in the markup;
 * CON2  no foreign page may show the console in a frame.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Check } from "../auth.ts";

const types = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
} as const;

/** Path → file. Scripts import each other by these names. */
const files: Readonly<Record<string, string>> = {
  "/": "index.html",
  "/docs": "docs.html",
  ...Object.fromEntries(
    [
      "console.css",
      "main.js",
      "api.js",
      "dom.js",
      "ask.js",
      "passage.js",
      "documents.js",
      "live.js",
      "merges.js",
      "letters.js",
      "node.js",
      "docs.js",
      "schema.js",
    ].map((name) => [`/console/${name}`, name]),
  ),
};

export const consolePaths: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.keys(files).map((path) => [path, ["GET", "HEAD"]]),
);

const policy = [
  "default-src 'none'",
  ...["script-src", "style-src", "connect-src"].map((kind) => `${kind} 'self'`),
  "img-src 'self' data:",
  ...["base-uri", "form-action", "frame-ancestors"].map((kind) => `${kind} 'none'`),
].join("; ");

export function addConsoleRoutes(
  app: FastifyInstance,
  options: { readonly checkHost: Check },
): void {
  const onRequest = async ({ headers }: FastifyRequest) => options.checkHost(headers);
  for (const [path, name] of Object.entries(files)) {
    const body = readFileSync(new URL(`./page/${name}`, import.meta.url));
    const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
    const type = types[name.split(".").at(-1) as keyof typeof types];
    app.get(path, { onRequest }, async (request, reply) => {
      withHeaders(reply).header("etag", etag);
      if (names(request.headers["if-none-match"], etag)) return reply.code(304).send();
      return reply.type(type).send(body);
    });
  }
}

/** A proxy that compresses marks the tag as weak, `W/"…"`: for this it is the same one. */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  return tags.includes(etag) || tags.includes("*");
}

function withHeaders(reply: FastifyReply): FastifyReply {
  return reply.headers({
    "content-security-policy": policy,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    // Asked for again each time, and answered with 304: an upgrade shows at once.
    "cache-control": "no-cache",
  });
}
