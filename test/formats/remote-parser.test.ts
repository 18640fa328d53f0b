import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { PDFDocument } from "pdf-lib";
import { afterEach, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { createDoclingParser } from "../../src/ingest/formats/remote-parser.ts";
import { readNamed } from "./support.ts";

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Heard {
  readonly path: string | undefined;
  readonly key: string | string[] | undefined;
  readonly form: FormData;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** docling-serve, as far as its API for one file goes; of several answers the last one stays. */
async function docling(
  answers: Answer | readonly Answer[] | "silence",
): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    void formOf(request).then((form) => {
      heard.push({ path: request.url, key: request.headers["x-api-key"], form });
      if (answers === "silence") return;
      const list: readonly Answer[] = "status" in answers ? [answers] : answers;
      const { status, body, headers } = list[Math.min(heard.length, list.length) - 1] as Answer;
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
    });
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

async function formOf(request: IncomingMessage): Promise<FormData> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  const headers = { "content-type": String(request.headers["content-type"]) };
  return new Response(Buffer.concat(chunks), { headers }).formData();
}

async function scan(): Promise<Uint8Array> {
  const file = await PDFDocument.create();
  file.addPage();
  return file.save();
}

const success = (text: string) => ({
  status: 200,
  body: JSON.stringify({
    document: { filename: "scan.pdf", md_content: text },
    status: "success",
    errors: [],
    processing_time: 1.2,
  }),
});

test("a PDF without a text layer is read by the remote parser, and one with text is not", async () => {
  const { url, heard } = await docling(success("# Invoice 12\n\nPaid in May."));
  const reader = openFileReader({ parser: { url: `${url}/`, apiKey: () => "secret" } });
  try {
    const { documents } = await readNamed(reader, "scan.pdf", await scan());
    expect(documents).toMatchObject([
      { id: "scan.pdf", title: "Invoice 12", text: "# Invoice 12\n\nPaid in May." },
    ]);
    expect(heard).toMatchObject([{ path: "/v1/convert/file", key: "secret" }]);
    expect(heard[0]?.form.get("to_formats")).toBe("md");
    expect((heard[0]?.form.get("files") as File).name).toBe("scan.pdf");
    await readNamed(reader, "a.csv", "A,B\n1,2\n");
    expect(heard).toHaveLength(1);
  } finally {
    await reader.close();
  }
});

const notDocling = /is no docling-serve: check FRESHET_PARSER_URL/;

test.each([
  ["refuses", { status: 422, body: "{}" }, /status 422/],
  [
    "fails",
    { status: 200, body: JSON.stringify({ document: {}, status: "failure" }) },
    /could not read this file/,
  ],
  ["answers something else", { status: 200, body: "<html>" }, notDocling],
  ["answers half a reply", { status: 200, body: '{"status":"success","docu' }, notDocling],
  ["wants another key", { status: 401, body: "{}" }, /check FRESHET_PARSER_API_KEY/],
  ["is at another path", { status: 404, body: "{}" }, /check FRESHET_PARSER_URL/],
  ["takes no such file", { status: 413, body: "" }, /longer than it takes/],
  ["does not answer", "silence" as const, /no answer within 1 s/],
])("a parser that %s is a reason to leave the file out, which says why", async (...row) => {
  const [, answer, says] = row;
  const { url } = await docling(answer);
  const parser = createDoclingParser({ url, timeoutMs: 1_000 });
  const file = { id: "a/scan.pdf", source: "scan.pdf", kind: "pdf" as const };
  expect(await parser.parse(file, await scan())).toEqual([
    { skipped: "parser", detail: expect.stringMatching(says) },
  ]);
});

test("a parser that redirects gets neither the key nor the file at the other place", async () => {
  const other = await docling(success("read elsewhere"));
  const { url } = await docling({
    ...{ status: 307, body: "" },
    headers: { location: `${other.url}/v1/convert/file` },
  });
  const parser = createDoclingParser({ url, apiKey: () => "secret", timeoutMs: 5_000 });
  const file = { id: "scan.pdf", source: "scan.pdf", kind: "pdf" as const };
  const [part] = await parser.parse(file, await scan());
  expect(part).toMatchObject({ skipped: "parser", detail: expect.stringMatching(/redirects/) });
  expect(other.heard).toHaveLength(0);
});

test("a parser that is busy is asked again, and one that stays so is named", async () => {
  const busy = { status: 429, body: "", headers: { "retry-after": "0" } };
  const once = await docling([busy, success("# Paid\n\nIn May.")]);
  const file = { id: "scan.pdf", source: "scan.pdf", kind: "pdf" as const };
  const parser = createDoclingParser({ url: once.url });
  expect(await parser.parse(file, await scan())).toMatchObject([{ title: "Paid" }]);
  expect(once.heard).toHaveLength(2);
  const long = await docling({ status: 503, body: "", headers: { "retry-after": "3600" } });
  const patient = createDoclingParser({ url: long.url });
  expect(await patient.parse(file, await scan())).toEqual([
    { skipped: "parser", detail: expect.stringMatching(/busy \(503\)/) },
  ]);
  expect(long.heard).toHaveLength(1);
});

test("a parser that is not there is a reason to leave the file out", async () => {
  const parser = createDoclingParser({ url: "http://127.0.0.1:9", timeoutMs: 1_000 });
  const file = { id: "scan.pdf", source: "scan.pdf", kind: "pdf" as const };
  expect(await parser.parse(file, await scan())).toEqual([
    { skipped: "parser", detail: expect.any(String) },
  ]);
});
