/** The console's files as they are served. What it does is tried in a browser: console-in-browser.test.ts. */

import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { consolePaths } from "../../src/gateway/console/routes.ts";
import { type Fixture, fixture } from "./http-fixture.ts";

const folder = new URL("../../src/gateway/console/page/", import.meta.url);
const bytesMax = 150_000;

let current: Fixture;
beforeEach(() => {
  current = fixture();
});
afterEach(() => current.close());

const get = (url: string, headers: Record<string, string> = {}) =>
  current.app.inject({ method: "GET", url, headers });
const paths = Object.keys(consolePaths);

it("serves every file of the page and nothing else of the disk", async () => {
  const served = await Promise.all(paths.map((path) => get(path)));
  expect(served.map(({ statusCode }) => statusCode)).toEqual(paths.map(() => 200));
  const files = readdirSync(folder).filter((name) => name !== "tsconfig.json");
  expect(served).toHaveLength(files.length);
  for (const url of [
    "/console/tsconfig.json",
    "/console/../routes.ts",
    "/console/%2e%2e/http.ts",
  ]) {
    expect((await get(url)).statusCode).toBe(404);
  }
});

it("allows scripts, styles and calls of its own origin only, and no frame", async () => {
  for (const path of paths) {
    const { headers } = await get(path);
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers["x-content-type-options"]).toBe("nosniff");
  }
});

it("has no script or style in its markup, and makes no markup of text", async () => {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(new URL(name, folder), "utf8");
    expect(text, name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
    if (name.endsWith(".html")) expect(text).not.toMatch(/<style|style=|onclick=|<script(?! type)/);
  }
});

it("imports only what is served", () => {
  const imported = readdirSync(folder).flatMap((name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    const modules = [...text.matchAll(/from "\.\/([^"]+)"/g)].map(([, file]) => `/console/${file}`);
    const linked = [...text.matchAll(/(?:href|src)="(\/console\/[^"]+)"/g)].map(([, path]) => path);
    return [...modules, ...linked];
  });
  expect(imported.filter((path) => !paths.includes(path ?? ""))).toEqual([]);
  expect(imported.length).toBeGreaterThan(10);
});

it.each(["W/TAG", '"other", TAG', '"other",W/TAG', "*"])(
  "a page that a proxy has kept as %s is not sent again",
  async (form) => {
    const { headers } = await get("/");
    const given = form.replace("TAG", String(headers["etag"]));
    expect((await get("/", { "if-none-match": given })).statusCode).toBe(304);
    expect((await get("/", { "if-none-match": 'W/"other"' })).statusCode).toBe(200);
  },
);

it("weighs less than a picture, and a browser that has it is told so", async () => {
  let bytes = 0;
  for (const path of paths) {
    const { rawPayload, headers } = await get(path);
    bytes += rawPayload.length;
    const again = await get(path, { "if-none-match": String(headers["etag"]) });
    expect([again.statusCode, again.payload]).toEqual([304, ""]);
  }
  expect(bytes).toBeLessThan(bytesMax);
});
