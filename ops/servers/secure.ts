/**
 * What `ops/start --secure` runs on: a CA of one's own, certificates, passwords and keys, all under
 * the data folder and readable by its owner only, and the settings that name them.
 *
 * Certificates are made anew at each start. Passwords and keys stay: clients keep them.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../setup/cache.ts";
import { SetupError } from "../setup/setup-error.ts";
import { issue, makeAuthority } from "./certificates.ts";

export interface SecureFiles {
  readonly caFile: string;
  readonly serverCertFile: string;
  readonly serverKeyFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  readonly natsPasswordFile: string;
  readonly weaviateKeyFile: string;
  readonly apiKeysFile: string;
  readonly apiKeyFile: string;
  readonly operatorTokenFile: string;
  readonly auditKeyFile: string;
  /** Lines for a shell, so that `freshet` finds and trusts what runs here. */
  readonly environmentFile: string;
}

export const natsUser = "freshet";
/** The tenant of the main job. */
const tenant = "demo";
const here = ["localhost", "127.0.0.1"] as const;

export async function openSecureFiles(dataDir: string): Promise<SecureFiles> {
  const directory = join(dataDir, "secure");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const write = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const secret = (name: string): string => {
    const file = join(directory, name);
    return existsSync(file) ? file : write(name, randomBytes(32).toString("hex"));
  };
  // Its key is not kept: nothing else can be signed for those who trust this run.
  const authority = await makeAuthority("freshet development CA");
  const server = await issue(authority, here);
  const client = await issue(authority, ["freshet.client"]);
  const apiKeyFile = secret("api-key");
  return {
    caFile: write("ca.pem", authority.cert),
    serverCertFile: write("server.crt", server.cert),
    serverKeyFile: write("server.key", server.key),
    clientCertFile: write("client.crt", client.cert),
    clientKeyFile: write("client.key", client.key),
    natsPasswordFile: secret("nats-password"),
    weaviateKeyFile: secret("weaviate-key"),
    apiKeyFile,
    apiKeysFile: write("api-keys", `${readSecret(apiKeyFile)}=${tenant}`),
    operatorTokenFile: secret("operator-token"),
    auditKeyFile: secret("audit-key"),
    environmentFile: join(directory, "environment"),
  };
}

export const readSecret = (file: string): string => readFileSync(file, "utf8").trim();

/** Servers of others have certificates and keys of their own. @throws SetupError */
export function refuseForeignServers(env: Environment): void {
  const names = ["FRESHET_NATS_URL", "FRESHET_TEMPORAL_ADDRESS", "FRESHET_WEAVIATE_URL"];
  const given = names.filter((name) => (env[name] ?? "") !== "");
  if (given.length === 0) return;
  throw new SetupError(
    `--secure starts servers of its own: unset ${given.join(", ")}, or leave --secure away and ` +
      "set the credentials of those servers (ops/guides/own-servers.md)",
  );
}

/**
 * Credentials of the links that a secure run makes itself. Some would win over its own without a
 * word, others end an engine minutes later beside a setting that nobody typed.
 */
const ofLinks =
  /^FRESHET_(NATS|TEMPORAL|WEAVIATE)_(.*_)?(USER|PASSWORD|TOKEN|SEED|CREDS|KEY|SECRET|CONFIG)(_FILE)?$/;

/**
 * What this run sets itself may stand there already, as in a shell that sourced it.
 * @throws SetupError
 */
export function refuseOtherCredentials(env: Environment, files: SecureFiles): void {
  const own = secureSettings(files);
  const names = new Set([
    ...Object.keys(own).flatMap((name) => [name, name.replace(/_FILE$/, "")]),
    ...Object.keys(env).filter((name) => ofLinks.test(name)),
    // What starts the engine, and the commands beside it, have no certificate of that CA.
    "FRESHET_HTTP_TLS_CLIENT_CA_FILE",
  ]);
  const given = [...names].filter((name) => ![undefined, "", own[name]].includes(env[name]));
  if (given.length === 0) return;
  throw new SetupError(
    `--secure makes certificates, passwords and keys of its own: unset ${given.join(", ")}, or ` +
      "leave --secure away (more keys: FRESHET_KEY_STORE and freshet key create)",
  );
}

/** The settings of every process of this run. */
export function secureSettings(files: SecureFiles): Readonly<Record<string, string>> {
  const asClient = (link: string) => ({
    [`${link}_CA_FILE`]: files.caFile,
    [`${link}_CERT_FILE`]: files.clientCertFile,
    [`${link}_KEY_FILE`]: files.clientKeyFile,
  });
  return {
    ...asClient("FRESHET_NATS_TLS"),
    FRESHET_NATS_USER: natsUser,
    FRESHET_NATS_PASSWORD_FILE: files.natsPasswordFile,
    ...asClient("FRESHET_TEMPORAL_TLS"),
    FRESHET_WEAVIATE_TLS_CA_FILE: files.caFile,
    FRESHET_WEAVIATE_API_KEY_FILE: files.weaviateKeyFile,
    FRESHET_HTTP_TLS_CERT_FILE: files.serverCertFile,
    FRESHET_HTTP_TLS_KEY_FILE: files.serverKeyFile,
    FRESHET_API_KEYS_FILE: files.apiKeysFile,
    FRESHET_OPERATOR_TOKEN_FILE: files.operatorTokenFile,
    FRESHET_API_KEY_FILE: files.apiKeyFile,
    FRESHET_API_TLS_CA_FILE: files.caFile,
    FRESHET_AUDIT_KEY_FILE: files.auditKeyFile,
  };
}

/** For `source`, so that commands beside the run need no options. */
export function writeEnvironment(files: SecureFiles, more: Readonly<Record<string, string>>): void {
  const lines = Object.entries({ ...secureSettings(files), ...more })
    .filter(([name]) => !name.startsWith("FRESHET_HTTP_TLS_"))
    .map(([name, value]) => `export ${name}=${JSON.stringify(value)}\n`);
  writeFileSync(files.environmentFile, lines.join(""), { mode: 0o600 });
}
