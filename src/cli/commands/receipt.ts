/** `freshet receipt verify`: whether a receipt of an erase is what its deployment signed. */

import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { verifyReceipt } from "../../tenants/receipt.ts";
import { CliError, usageError } from "../exit.ts";
import { withJson } from "../options.ts";
import type { Terminal } from "../terminal.ts";

interface VerifyOptions {
  readonly key?: string | undefined;
  readonly json?: true | undefined;
}

export function addReceipt(program: Command, terminal: Terminal): void {
  const receipt = program.command("receipt").description("receipts of erases");
  const examples = [
    "freshet receipt verify acme.json",
    "freshet receipt verify acme.json --key 7Jk1aE0m4vQmJqz0Zl0r6o7r0H4sQy3w2bq1o9d8c7E",
  ];
  const command = receipt
    .command("verify")
    .description("check digest and signature; needs no server")
    .argument("<file>", "the receipt, or one a line")
    .option("--key <key>", "public key that has to have signed it; none: any key may have");
  withJson(command, examples).action((file: string, options: VerifyOptions) =>
    verify(file, options, terminal),
  );
}

function verify(file: string, { key, json }: VerifyOptions, terminal: Terminal): void {
  for (const value of readReceipts(file)) {
    const verdict = verifyReceipt(unwrapped(value), key);
    if (verdict.kind === "invalid") throw new CliError(`${file} is not valid: ${verdict.why}`);
    const { receipt, sha256, public_key } = verdict.signed;
    const { kind, tenant, begun_at, ended_at } = receipt;
    const documents = receipt.documents_sha256?.length;
    const shown = { valid: true, kind, tenant, documents, begun_at, ended_at, sha256, public_key };
    if (json === true) {
      terminal.out(`${JSON.stringify(shown)}\n`);
      continue;
    }
    const some = documents === undefined ? "a document" : `${documents} documents`;
    const what = kind === "tenant" ? `tenant ${tenant}` : `${some} of tenant ${tenant}`;
    const unproved = key === undefined ? "; compare the key with your deployment's" : "";
    const were = documents === undefined ? "was" : "were";
    terminal.out(
      `valid: ${what} ${were} erased at ${ended_at}\nsigned by ${public_key}${unproved}\n`,
    );
  }
}

/** What `GET /v1/erases/{seq}` says of an erase that has ended holds one. */
function unwrapped(value: unknown): unknown {
  const isState = typeof value === "object" && value !== null && "state" in value;
  return isState && "receipt" in value ? value.receipt : value;
}

/** One, or one a line, as a list of documents has them. */
function readReceipts(file: string): readonly unknown[] {
  try {
    const text = readFileSync(file, "utf8");
    const lines = text.split("\n").filter((line) => line !== "");
    const isList = lines.length > 1 && lines.every((line) => line.startsWith('{"'));
    return (isList ? lines : [text]).map((part) => JSON.parse(part) as unknown);
  } catch (cause) {
    const why = cause instanceof SyntaxError ? "it is no JSON" : "it cannot be read";
    throw usageError(`${file}: ${why}`);
  }
}
