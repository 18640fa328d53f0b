import type { LookupAddress } from "node:dns";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Addresses } from "../../src/merges/remote/addresses.ts";

const none = new Addresses();
const loopback = new Addresses(["127.0.0.0/8", "::1", "10.1.0.0/16"]);

describe("where a webhook may be sent", () => {
  it.each([
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not-an-address",
    "",
  ])("is not %s (EN2)", (address) => {
    expect(none.allows(address, "https:")).toBe(false);
  });

  it.each(["8.8.8.8", "1.1.1.1", "172.32.0.1", "192.167.255.255", "2606:4700::1111", "2a00::1"])(
    "is %s, over TLS only (EN3)",
    (address) => {
      expect(none.allows(address, "https:")).toBe(true);
      expect(none.allows(address, "http:")).toBe(false);
    },
  );

  it("is what an operator allows, also in the form that IPv6 has for it", () => {
    for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.1.2.3"]) {
      expect(loopback.allows(address, "http:")).toBe(true);
    }
    expect(loopback.allows("10.2.0.1", "https:")).toBe(false);
  });

  it("is no address of a private network, however it is written in a URL", () => {
    for (const host of ["127.1", "0x7f.1", "2130706433", "017700000001", "[::ffff:7f00:1]"]) {
      expect(none.refusal(`https://${host}/x`), host).toContain("FRESHET_WEBHOOK_NETWORKS");
    }
    expect(none.refusal("https://8.8.8.8/x")).toBeUndefined();
    expect(none.refusal("http://example.com/x")).toContain("https://");
    expect(none.refusal("https://example.com/x")).toBeUndefined();
  });

  it("is never an address of 10/8 or 192.168/16, whichever it is", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(octet, octet, octet, (one, two, three) => {
        for (const address of [`10.${one}.${two}.${three}`, `192.168.${one}.${two}`]) {
          expect(none.allows(address, "https:")).toBe(false);
          expect(none.allows(`::ffff:${address}`, "https:")).toBe(false);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("is decided by what a name resolves to, at the time of the connection (EN1)", async () => {
    const looked = (addresses: Addresses) =>
      promisify<string, object, LookupAddress[]>(addresses.lookup("https:") as never)("localhost", {
        all: true,
      });
    await expect(looked(none)).rejects.toMatchObject({ code: "ERR_ADDRESS_REFUSED" });
    expect(await looked(loopback)).not.toEqual([]);
  });
});
