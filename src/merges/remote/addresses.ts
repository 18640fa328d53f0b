/**
 * Which addresses a webhook may reach. A tenant names the URL, and this machine stands inside a
 * network: without this, it would ask that network's metadata services and consoles in its name.
 *
 *   EN1  what counts is the address that is connected to, after the name was resolved: a name that
 *        changes its address between a look and the connection gains nothing;
 *   EN2  what is not known to be public is refused: the lists name what is public in IPv6, and what
 *        is not in IPv4;
 *   EN3  plain `http://` goes to addresses only that the operator allowed.
 */

import { lookup as resolve } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** As the operator allows them: `10.1.0.0/16`, `127.0.0.1`, `fd00::/8`. */
export type Network = string;

const notPublic4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** Of what is global in IPv6: tunnels, which hold addresses of IPv4, and documentation. */
const notPublic6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

const closed4 = listOf(notPublic4);
const open6 = listOf(["2000::/3"]);
const closed6 = listOf(notPublic6);

export class Addresses {
  readonly #allowed: BlockList;

  constructor(networks: readonly Network[] = []) {
    this.#allowed = listOf(networks);
  }

  /** @param protocol of the URL, with its colon */
  allows(address: string, protocol: string): boolean {
    const family = isIP(address);
    if (family === 0) return false;
    const plain = family === 6 ? (mapped(address) ?? address) : address;
    if (contains(this.#allowed, plain)) return true;
    return protocol === "https:" && isPublic(plain);
  }

  /** What is wrong with a URL before its name is resolved; undefined when nothing is. */
  refusal(url: string): string | undefined {
    const { hostname, protocol } = new URL(url);
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    if (isIP(host) !== 0 && !this.allows(host, protocol)) return notAllowed;
    if (protocol === "https:" || isIP(host) !== 0) return undefined;
    return this.#allowed.rules.length === 0 ? "a webhook's url is an https:// one" : undefined;
  }

  /** EN1: for a connection. All addresses of a name must be allowed, or none is used. */
  lookup(protocol: string): LookupFunction {
    return (hostname, options, done) => {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        if (error !== null) return done(error, "", 0);
        const isAllowed = found.every(({ address }) => this.allows(address, protocol));
        const [first] = found;
        if (!isAllowed || first === undefined) return done(new AddressRefused(), "", 0);
        if (options.all === true) return done(null, found);
        return done(null, first.address, first.family);
      });
    };
  }
}

export const notAllowed =
  "a webhook's address is a public one over https, or in FRESHET_WEBHOOK_NETWORKS";

export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
  readonly code = "ERR_ADDRESS_REFUSED";

  constructor() {
    super(notAllowed);
  }
}

/** EN2. */
function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !contains(closed4, address);
  return contains(open6, address) && !contains(closed6, address);
}

/** The address of IPv4 that one of IPv6 stands for, `::ffff:1.2.3.4`. */
function mapped(address: string): string | undefined {
  const { hostname } = new URL(`http://[${address.split("%", 1)[0]}]`);
  const [, high, low] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const bits = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return bits.flatMap((half) => [half >> 8, half & 255]).join(".");
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

function listOf(networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIP(address) === 4 ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
