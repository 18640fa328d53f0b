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
    .argument("<file>", "the receipt")
    .option("--key <key>", "public key that has to have signed it; none: any key may have");
  withJson(command, examples).action((file: string, options: VerifyOptions) =>
    verify(file, options, terminal),
  );
}

function verify(file: string, { key, json }: VerifyOptions, terminal: Terminal): void {
  const verdict = verifyReceipt(readJson(file), key);
  if (verdict.kind === "invalid") throw new CliError(`${file} is not valid: ${verdict.why}`);
  const { receipt, sha256, public_key } = verdict.signed;
  const { kind, tenant, begun_at, ended_at } = receipt;
  const shown = { valid: true, kind, tenant, begun_at, ended_at, sha256, public_key };
  if (json === true) return terminal.out(`${JSON.stringify(shown)}\n`);
  const what = kind === "tenant" ? `tenant ${tenant}` : `a document of tenant ${tenant}`;
  const unproved = key === undefined ? "; compare the key with your deployment's" : "";
  terminal.out(`valid: ${what} was erased at ${ended_at}\nsigned by ${public_key}${unproved}\n`);
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? "it is no JSON" : "it cannot be read";
    throw usageError(`${file}: ${why}`);
  }
}
