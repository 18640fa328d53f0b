/** What a connection to another server is made with, as configuration hands it out. */

/**
 * A secret. One that stands in a file is read again when the file has changed, so ask for it
 * whenever it is used. @throws Error with one line that names the setting when it cannot be read
 */
export type Secret = () => string;

/** The TLS of one link. Files are read for each new connection, so they may be replaced. */
export interface TlsFiles {
  /** First words of its settings, such as `FRESHET_NATS_TLS`: refusals say what to set. */
  readonly settings: string;
  /** Who signs the other side's certificate; undefined: one of the CAs that Node trusts. */
  readonly caFile: string | undefined;
  /** What this side shows, where the other side asks for it. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Name that the other side's certificate has, where it is not the one that is dialled. */
  readonly serverName?: string | undefined;
}

/** Where spans are sent, and which traces are. */
export interface TracingSettings {
  /** The whole URL of OTLP/HTTP, with its path. */
  readonly url: string;
  /** As in `OTEL_TRACES_SAMPLER`. */
  readonly sampler: string;
  /** Share of the traces that begin here, 0 to 1, where the sampler takes one. */
  readonly ratio: number;
}
