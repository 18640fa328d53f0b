/** Certificates for development and tests: a CA of one's own and what it signs. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

type KeyPair = webcrypto.CryptoKeyPair;

export interface Pair {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Pair {
  readonly name: string;
  readonly keys: KeyPair;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const dayMs = 86_400_000;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
/** What a server of one's own is for; long enough for a project, short enough to be renewed. */
const developmentDays = 90;

export function validFor(days: number = developmentDays, nowMs: number = Date.now()): Validity {
  // An hour back: the clock of the other side may be behind.
  return { notBefore: new Date(nowMs - dayMs / 24), notAfter: new Date(nowMs + days * dayMs) };
}

function newKeys(): Promise<KeyPair> {
  cryptoProvider.set(webcrypto);
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function pemOfKey({ privateKey }: KeyPair): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey("pkcs8", privateKey);
  return `${PemConverter.encode(bytes, "PRIVATE KEY")}\n`;
}

export async function makeAuthority(
  name: string,
  validity: Validity = validFor(),
): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { name, keys, cert: `${certificate.toString("pem")}\n`, key: await pemOfKey(keys) };
}

/** For a server and as a client, under each of the names and addresses. */
export async function issue(
  authority: Authority,
  names: readonly [string, ...string[]],
  validity: Validity = validFor(),
): Promise<Pair> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${names[0]}`,
    issuer: `CN=${authority.name}`,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
      ),
    ],
  });
  return { cert: `${certificate.toString("pem")}\n`, key: await pemOfKey(keys) };
}
