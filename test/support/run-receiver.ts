/** `node run-receiver.ts <port> <file>`: takes webhooks, a line of the file each. */

import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";

const [, , port = "0", file = ""] = process.argv;

// What a kill cut short is not whole, and the next line would be joined to it.
try {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.slice(0, text.lastIndexOf("\n") + 1));
} catch {
  // There is none yet.
}

createServer((request, response) => {
  let body = "";
  request.on("data", (part) => {
    body += String(part);
  });
  request.on("end", () => {
    const { type, data } = JSON.parse(body) as { type: string; data: { version: number } };
    const id = request.headers["webhook-id"];
    appendFileSync(file, `${JSON.stringify({ id, seq: data.version, type })}\n`);
    response.writeHead(204).end();
  });
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("listens\n"));
