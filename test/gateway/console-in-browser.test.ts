/**
 * The console in a real browser over the whole engine in memory: what a person sees, and what
 * axe-core says of it. Debian's Chromium is used where it is installed (`apt-get install chromium`).
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createOperations } from "../../src/compose/operations.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { type HttpServer, startHttp } from "../../src/gateway/http.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";

const served = async (): Promise<void> => {};

const executablePath = process.env["FRESHET_CHROMIUM"] ?? "/usr/bin/chromium";
const axe = createRequire(import.meta.url).resolve("axe-core");
const demo = tenantId("demo");
const hostile = "The ferry leaves at nine. <img src=x onerror=document.title='broken'>";

let browser: Browser;
let engine: MemoryEngine;
let server: HttpServer;
const metrics = createMetrics();

async function publish(id: string, text: string): Promise<void> {
  const payload = new TextEncoder().encode(JSON.stringify({ id, text }));
  const { seq } = await engine.service.publish(demo, { payload });
  await engine.event(seq);
}

async function opened(hash: string, options: BrowserContextOptions & { script?: string } = {}) {
  const page = await browser.newPage(options);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  // The page's policy forbids scripts of others: a tool goes in beside it.
  if (options.script !== undefined) await page.addInitScript({ path: options.script });
  await page.goto(`${server.url}/${hash}`);
  return { page, faults };
}

/** The state that a person would see: what the page asks for has come. */
async function violationsOf(page: Page): Promise<readonly string[]> {
  await page.waitForLoadState("load");
  await page.locator("table, textarea, details").first().waitFor();
  const run = "axe.run().then(({ violations }) => violations)";
  const found = await page.evaluate<readonly Violation[]>(run);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

describe.skipIf(!existsSync(executablePath))("the console", () => {
  beforeAll(async () => {
    engine = startMemoryEngine();
    const { merges, log } = engine;
    // In memory there is no such page; where it would be is what the console has to show.
    merges.workflowUrl = (tenant, uiUrl) => `${uiUrl}/merge/${tenant}`;
    const handler = createHandler({
      service: engine.service,
      log: silentLogger,
      clock: systemClock,
    });
    server = await startHttp({
      ...{ handler, metrics, log: silentLogger, version: "0.0.1" },
      operations: createOperations({ merges, log, served, uiUrl: "http://127.0.0.1:8233" }),
      credentials: {},
      ...{ host: "127.0.0.1", port: 0 },
    });
    await publish("ferry", hostile);
    await publish("bridge", "The old bridge over the river is closed until Sunday.");
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    await engine.stop();
    metrics.close();
  });

  it("answers a question, and a citation opens its passage in the document", async () => {
    const { page, faults } = await opened("");
    await page.getByLabel("Question").fill("When does the ferry leave?");
    await page.keyboard.press("Enter");
    const cite = page.locator(".answer .cite").first();
    await cite.waitFor();
    await cite.click();
    const mark = page.locator("dialog mark");
    await mark.waitFor();
    expect(await mark.innerText()).toContain("The ferry leaves at nine.");
    expect(await page.title()).toBe("Freshet: Ask");
    expect(faults).toEqual([]);
    await page.screenshot({ path: shot("passage") });
    await page.close();
  });

  it("shows what is published as it becomes visible, and lists it", async () => {
    const { page, faults } = await opened("#documents");
    await page.getByText("listening").waitFor();
    await page.getByText("Publish a document").click();
    await page.getByLabel("Document id").fill("tram");
    await page.getByLabel("Text or Markdown").fill("The tram runs every ten minutes.");
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByRole("cell", { name: "tram" }).first().waitFor();
    await page.getByRole("button", { name: "List documents" }).click();
    await page.getByText("3 documents").waitFor();
    expect(faults).toEqual([]);
    await page.screenshot({ path: shot("documents") });
    await page.close();
  });

  it("previews, pauses and resumes a merge, and links to Temporal UI", async () => {
    const { page, faults } = await opened("#merges");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("Documents written").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("(paused)").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("resume: accepted").waitFor();
    const link = page.getByRole("link", { name: "Open in Temporal UI" });
    expect(await link.getAttribute("href")).toBe("http://127.0.0.1:8233/merge/demo");
    expect(faults).toEqual([]);
    await page.screenshot({ path: shot("merges") });
    await page.close();
  });

  it("shows what was refused, and publishes it again", async () => {
    const payload = new TextEncoder().encode(JSON.stringify({ id: "broken" }));
    const { seq } = await engine.log.docs.publish({ tenant: demo, payload });
    await engine.event(seq);
    const { page, faults } = await opened("#letters");
    await page.getByLabel(`choose ${seq}`).check();
    await page.getByRole("button", { name: "Publish chosen again" }).click();
    await page.getByText("1 published again").waitFor();
    expect(faults).toEqual([]);
    await page.screenshot({ path: shot("letters") });
    await page.close();
  });

  it("can be used with the keyboard alone", async () => {
    const { page } = await opened("");
    await page.keyboard.type("Which bridge is closed?");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator(".answer .cite").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("dialog mark").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.locator("dialog[open]").count()).toBe(0);
    await page.close();
  });

  it.each([
    ["light", ["#ask", "#documents", "#merges", "#letters", "#node", "docs"]],
    ["dark", ["#ask", "#letters", "docs"]],
  ] as const)("has no fault that axe-core finds, in %s", async (colorScheme, paths) => {
    for (const path of paths) {
      const { page } = await opened(path, { colorScheme, script: axe });
      expect(await violationsOf(page), `${path} in ${colorScheme}`).toEqual([]);
      await page.close();
    }
  });

  it("says in its own words that a stream broke off, that nobody answers, and what no header holds", async () => {
    const { page } = await opened("");
    const ask = async (): Promise<string> => {
      await page.getByLabel("Question").fill("Which bridge is closed?");
      await page.keyboard.press("Enter");
      const told = page.locator("main [role=status].bad");
      await told.waitFor();
      return told.innerText();
    };
    const begun = 'id: 1\nevent: delta\ndata: {"text":"The old"}\n\n';
    const cut = { status: 200, contentType: "text/event-stream", body: begun };
    await page.route("**/answer", (route) => route.fulfill(cut));
    expect(await ask()).toBe("the answer broke off before its end: ask again");
    await page.unroute("**/answer");
    await page.reload();
    await page.context().setOffline(true);
    expect(await ask()).toContain("unreachable: the engine does not answer");
    await page.context().setOffline(false);
    for (const [name, code] of [
      ["API key", "unauthorized"],
      ["Tenant", "invalid_tenant"],
    ] as const) {
      await page.getByLabel("API key").fill("");
      await page.getByLabel(name).fill("日本");
      await page.getByRole("button", { name: "Use" }).click();
      expect(await ask()).toBe(`${code}: the field ${name} has a character that none has`);
    }
    await page.close();
  });

  it("is no wider than a narrow screen, whatever a document is called", async () => {
    await publish("lock".repeat(120), `The lock keeper is away. ${"x".repeat(900)}`);
    const { page } = await opened("", { viewport: { width: 320, height: 640 } });
    const width = () => page.evaluate<number>("document.documentElement.scrollWidth");
    await page.getByLabel("Question").fill("Who is away?");
    await page.keyboard.press("Enter");
    await page.locator(".source").first().waitFor();
    expect(await width()).toBe(320);
    await page.close();
  });

  it.each(["#constructor", "#__proto__", "#nothing"])(
    "%s leads to the first page",
    async (hash) => {
      const { page, faults } = await opened(hash);
      await page.getByLabel("Question").waitFor();
      expect([await page.title(), faults]).toEqual(["Freshet: Ask", []]);
      await page.close();
    },
  );

  it("shows the API's operations with their fields", async () => {
    const { page, faults } = await opened("docs#answer");
    await page.getByText("Answers a question from the tenant's documents").waitFor();
    expect(await page.locator("details#answer[open]").count()).toBe(1);
    expect(faults).toEqual([]);
    await page.screenshot({ path: shot("docs") });
    await page.close();
  });
});

/** To be looked at; not kept. */
function shot(name: string): string {
  return `${process.env["FRESHET_SCREENSHOTS"] ?? "/tmp/freshet-console"}/${name}.png`;
}
