import { createAccount, createOperator, createUser, fromPublic } from "@nats-io/nkeys";
import { describe, expect, it } from "vitest";
import { signing } from "../../src/tenants/accounts-jwt-signing.ts";

describe("a key pair that signs by Node's Ed25519", () => {
  it.each([
    ["an operator", createOperator],
    ["an account", createAccount],
    ["a user", createUser],
  ])("signs as the library does for %s", (_whose, create) => {
    const pair = create();
    const key = pair.getPublicKey();
    const fast = signing(pair, key);
    for (const text of ["", "a token", "x".repeat(5_000)]) {
      const input = Buffer.from(text);
      expect(Buffer.from(fast.sign(input))).toEqual(Buffer.from(pair.sign(input)));
      expect(fromPublic(key).verify(input, new Uint8Array(fast.sign(input)))).toBe(true);
    }
    expect(fast.getPublicKey()).toBe(key);
    expect(fast.getSeed()).toEqual(pair.getSeed());
  });
});
