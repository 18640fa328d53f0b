import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nothingLeft } from "../../src/contract/erase.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { type ReceiptBody } from "../../src/contract/receipt.ts";
import {
  canonicalJson,
  openReceiptKey,
  publicPart,
  receiptSigner,
  verifyReceipt,
} from "../../src/tenants/receipt.ts";
import { testSigner } from "../support/signer.ts";
import { folderOfTest } from "../support/test-folder.ts";

const body: ReceiptBody = {
  format: 1,
  kind: "tenant",
  tenant: "acme" as TenantId,
  deployment: "0".repeat(16),
  begun_at: "2026-11-29T12:00:00.000Z",
  ended_at: "2026-11-29T12:02:00.000Z",
  found: { ...nothingLeft, records: 7 },
  left: nothingLeft,
  below: { docs: 9, chunks: 8 },
  not_covered: ["backups"],
};

const fileIn = (name: string): string => join(folderOfTest("receipt"), "data", name);

describe("a receipt", () => {
  it("is valid as it was signed, also after its fields were put in another order", () => {
    const signed = testSigner(body);
    expect(verifyReceipt(signed)).toMatchObject({ kind: "valid" });
    const turned = Object.fromEntries(Object.entries(signed.receipt).reverse());
    expect(verifyReceipt({ ...signed, receipt: turned }).kind).toBe("valid");
  });

  it("is not valid after any change of what it says", () => {
    const signed = testSigner(body);
    const changes: readonly ReceiptBody[] = [
      { ...body, tenant: "globex" as TenantId },
      { ...body, left: { ...nothingLeft, cold: 1 } },
      { ...body, below: { docs: 9, chunks: 9 } },
      { ...body, not_covered: [] },
    ];
    for (const receipt of changes) {
      const why = "it was changed: its digest is another";
      expect(verifyReceipt({ ...signed, receipt })).toEqual({ kind: "invalid", why });
      const { sha256 } = testSigner(receipt);
      expect(verifyReceipt({ ...signed, receipt, sha256 }).kind).toBe("invalid");
    }
    expect(verifyReceipt({ hello: 1 })).toMatchObject({ kind: "invalid" });
    expect(verifyReceipt({ ...signed, public_key: "no key" })).toMatchObject({ kind: "invalid" });
  });

  it("that another key signed is refused where the key is given", () => {
    const signed = testSigner(body);
    expect(verifyReceipt(signed, signed.public_key).kind).toBe("valid");
    expect(verifyReceipt(signed, "another")).toMatchObject({ kind: "invalid" });
  });
});

describe("the key of a deployment", () => {
  it("is made once, for its owner alone, and read again", () => {
    const file = fileIn("receipt-key.pem");
    const made = openReceiptKey(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(publicPart(openReceiptKey(file))).toBe(publicPart(made));
    const signed = receiptSigner(openReceiptKey(file))(body);
    expect(verifyReceipt(signed, publicPart(made)).kind).toBe("valid");
  });

  it("that is no Ed25519 key is refused with what makes one", () => {
    const file = fileIn("key.pem");
    openReceiptKey(file);
    writeFileSync(file, "no key");
    const says = `FRESHET_RECEIPT_KEY_FILE: ${file} holds no Ed25519 key: openssl genpkey`;
    expect(() => openReceiptKey(file)).toThrow(says);
    expect(() => openReceiptKey("/dev/null/key.pem")).toThrow(/^FRESHET_RECEIPT_KEY_FILE: /);
  });
});

it("canonical JSON is one form of one value, and JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});
