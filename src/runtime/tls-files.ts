/** Certificates and keys from files, read when they are needed: what was replaced is found. */

import { readFileSync } from "node:fs";

/** As `TlsFiles` of the contract, which this room does not know. */
export interface TlsFiles {
  readonly settings: string;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly serverName?: string | undefined;
}

export interface TlsMaterial {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

/** @throws Error with one line that names the setting of a file that cannot be read */
export function readTlsFiles(files: TlsFiles): TlsMaterial {
  const { settings, caFile, certFile, keyFile } = files;
  return {
    ...(caFile === undefined ? {} : { ca: readNamed(`${settings}_CA_FILE`, caFile) }),
    ...(certFile === undefined ? {} : { cert: readNamed(`${settings}_CERT_FILE`, certFile) }),
    ...(keyFile === undefined ? {} : { key: readNamed(`${settings}_KEY_FILE`, keyFile) }),
  };
}

function readNamed(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    throw new Error(`${setting}: cannot read ${file} (${code})`, { cause });
  }
}
