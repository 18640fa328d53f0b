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

/** docling-serve, as far as its API for one file goes. */
async function docling(
  answer: { status: number; body: string } | "silence",
): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    void formOf(request).then((form) => {
      heard.push({ path: request.url, key: request.headers["x-api-key"], form });
      if (answer !== "silence")
        response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
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

test.each([
  ["refuses", { status: 422, body: "{}" }],
  ["fails", { status: 200, body: JSON.stringify({ document: {}, status: "failure" }) }],
  ["answers something else", { status: 200, body: "<html>" }],
  ["does not answer", "silence" as const],
])("a parser that %s is a reason to leave the file out", async (_name, answer) => {
  const { url } = await docling(answer);
  const parser = createDoclingParser({ url, timeoutMs: 1_000 });
  const file = { id: "a/scan.pdf", source: "scan.pdf", kind: "pdf" as const };
  expect(await parser.parse(file, await scan())).toEqual([{ skipped: "parser" }]);
});

test("a parser that is not there is a reason to leave the file out", async () => {
  const parser = createDoclingParser({ url: "http://127.0.0.1:9", timeoutMs: 1_000 });
  const file = { id: "scan.pdf", source: "scan.pdf", kind: "pdf" as const };
  expect(await parser.parse(file, await scan())).toEqual([{ skipped: "parser" }]);
});
