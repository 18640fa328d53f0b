/** The files of certificates that a process of this configuration reads. */

import type { TlsFiles } from "../contract/links.ts";
import type { Config } from "./config.ts";

interface CertificateFile {
  /** Names it in the label: a path says where secrets lie. */
  readonly setting: string;
  readonly path: string;
}

export function certificateFiles(config: Config): readonly CertificateFile[] {
  const { http, nats, temporal, weaviate, languageModels, embedding } = config;
  const models = languageModels.map(({ tls }) => tls);
  const links = [nats.tls, temporal.tls, weaviate.tls, ...models, embedding.link.tls];
  const own = http.tls && { setting: "FRESHET_HTTP_TLS_CERT_FILE", path: http.tls.certFile };
  return [...(own === undefined ? [] : [own]), ...links.flatMap(filesOf)];
}

function filesOf(tls: TlsFiles | undefined): readonly CertificateFile[] {
  const { settings = "", certFile, caFile } = tls ?? {};
  return [
    ...(certFile === undefined ? [] : [{ setting: `${settings}_CERT_FILE`, path: certFile }]),
    ...(caFile === undefined ? [] : [{ setting: `${settings}_CA_FILE`, path: caFile }]),
  ];
}
