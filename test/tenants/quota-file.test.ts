import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Logger } from "../../src/contract/observation.ts";
import { QuotaFile } from "../../src/tenants/quota-file.ts";
import { createManualClock } from "../support/manual-clock.ts";

const [acme, globex] = [tenantId("acme"), tenantId("globex")];
const clock = createManualClock();
let folder: string;
let path: string;
let errors: string[];

const logger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (fields, message) => void errors.push(`${message} ${JSON.stringify(fields)}`),
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-quotas-"));
  path = join(folder, "quotas.json");
  errors = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (content: object | string): void =>
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
const opened = () => QuotaFile.open({ path, clock, logger });
const aCheckLater = () => clock.advance(limits.quotasCheckMs + 1);

describe("the file of quotas", () => {
  it("joins a tenant's entry with the default field by field, and null lifts what the default sets", () => {
    write({
      format: 1,
      default: { questions_per_second: 10, stored_chunks: 1_000 },
      tenants: { acme: { questions_per_second: 50, stored_chunks: null } },
      credential_default: { questions_per_second: 5 },
      credentials: { "0123456789ab": { model_tokens_per_day: 100 } },
    });
    const quotas = opened();
    expect(quotas.ofTenant(acme)).toEqual({ questions_per_second: 50 });
    expect(quotas.ofTenant(globex)).toEqual({ questions_per_second: 10, stored_chunks: 1_000 });
    expect(quotas.ofCredential("env")).toEqual({ questions_per_second: 5 });
    expect(quotas.ofCredential("0123456789ab")).toEqual({
      questions_per_second: 5,
      model_tokens_per_day: 100,
    });
  });

  it("QF1: is read again when it changes, without a restart", async () => {
    write({ format: 1, default: { questions_per_second: 10 } });
    const quotas = opened();
    write({ format: 1, default: { questions_per_second: 20, burst_seconds: 3 } });
    await aCheckLater();
    expect(quotas.ofTenant(acme)).toEqual({ questions_per_second: 20, burst_seconds: 3 });
  });

  it.each(["__proto__", "constructor", "toString"])(
    "holds for a tenant and a credential called %s as for any other",
    (name) => {
      const of = (entry: string) => `{"format":1,"default":{"stored_chunks":9},${entry}}`;
      write(of(`"tenants":{"${name}":{"stored_chunks":5}},"credentials":{"${name}":{}}`));
      expect(opened().ofTenant(tenantId(name))).toEqual({ stored_chunks: 5 });
      write(of(`"answers":{"tenants":{"${name}":{"language":"de"}}}`));
      expect(opened().ofTenant(tenantId(name))).toEqual({ stored_chunks: 9 });
      expect(opened().answersOf(tenantId(name))).toEqual({ language: "de" });
      write(of(`"tenants":{"${name}":{"stored_chunk":5}}`));
      expect(opened).toThrow(`tenants.${name}`);
    },
  );

  it.each([
    ["{", "the file is not JSON: line 1, column 2"],
    ["", "the file is not JSON: it is empty"],
    ['{"format":1,"tenants":{"acme":{},"acme":{}}}', "stands in an object twice"],
    [{ format: 1, default: { questions_per_second: -1 } }, "default.questions_per_second"],
    [{ format: 1, default: { questions_per_minute: 1 } }, "questions_per_minute"],
    [{ format: 1, tenants: { "a b": {} } }, "a tenant is 1-64 letters"],
    [{ format: 1, tenants: ["acme"] }, "tenants: is an object, by name"],
    [{ format: 1, credentials: { env: { stored_chunks: 1 } } }, "stored_chunks"],
  ])(
    "QF2: %j changes nothing: the quotas of before hold, and the log says once what is wrong",
    async (broken, says) => {
      write({ format: 1, default: { questions_per_second: 10 } });
      const quotas = opened();
      write(broken);
      for (let look = 0; look < 3; look += 1) {
        await aCheckLater();
        expect(quotas.ofTenant(acme)).toEqual({ questions_per_second: 10 });
      }
      expect(errors).toHaveLength(1);
      expect(errors[0]).toContain("the quotas of before still hold: correct the file");
      expect(errors[0]).toContain(says);
    },
  );

  it("QF2: keeps the quotas while the file is gone, and takes it up when it is back", async () => {
    write({ format: 1, default: { questions_per_second: 10 } });
    const quotas = opened();
    rmSync(path);
    await aCheckLater();
    expect(quotas.ofTenant(acme)).toEqual({ questions_per_second: 10 });
    expect(errors).toEqual([expect.stringContaining("there is no such file")]);
    write({ format: 1, default: { questions_per_second: 30 } });
    await aCheckLater();
    expect(quotas.ofTenant(acme)).toEqual({ questions_per_second: 30 });
  });

  it("ends the start with one line that names the variable, the file, the place and the guide", () => {
    write({ format: 1, default: { documents_per_second: "many" } });
    const line = `FRESHET_QUOTAS_FILE: ${path}: default.documents_per_second: Invalid input: expected number, received string; see ops/guides/quotas.md`;
    expect(opened).toThrow(line);
    rmSync(path);
    expect(opened).toThrow(`FRESHET_QUOTAS_FILE: ${path}: there is no such file`);
  });
});

describe("how answers are written", () => {
  it("is joined field by field as quotas are, and a change of it holds soon", async () => {
    const answers = {
      default: { language: "de", instructions: "Be formal." },
      tenants: { acme: { max_sentences: 2, language: "fr" } },
    };
    write({ format: 1, answers });
    const file = opened();
    expect(file.answersOf(acme)).toEqual({
      ...{ language: "fr", instructions: "Be formal.", max_sentences: 2 },
    });
    expect(file.answersOf(globex)).toEqual(answers.default);
    write({ format: 1 });
    await aCheckLater();
    expect(file.answersOf(acme)).toEqual({});
  });

  it.each([
    [{ default: { language: "no tag" } }, "answers.default.language: is no language tag"],
    [{ tenants: { acme: { max_sentences: 0 } } }, "answers.tenants.acme.max_sentences"],
    [{ tenants: { "a b": {} } }, "a tenant is 1-64 letters"],
    [{ default: { instructions: "x".repeat(1_001) } }, "answers.default.instructions"],
  ])("that makes no sense is refused with its place: %j", (answers, says) => {
    write({ format: 1, answers });
    expect(opened).toThrow(says);
  });
});
