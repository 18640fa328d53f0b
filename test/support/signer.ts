/** Signs receipts with a key of this process. */
import { generateKeyPairSync } from "node:crypto";
import { receiptSigner } from "../../src/tenants/receipt.ts";

export const testSigner = receiptSigner(generateKeyPairSync("ed25519").privateKey);
