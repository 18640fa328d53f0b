/** Whether a gRPC server listens: its greeting is waited for, and nothing is asked. */

import { type ClientHttp2Session, connect } from "node:http2";
import type { TlsFiles } from "../../contract/links.ts";
import { readTlsFiles } from "../../runtime/tls-files.ts";
import { patience } from "./patience.ts";

export interface GrpcAsked {
  /** Host and port. */
  readonly address: string;
  readonly isSecure: boolean;
  readonly tls: TlsFiles | undefined;
  readonly timeoutMs: number;
}

/** @returns what is wrong; undefined where HTTP/2 is spoken, as by every gRPC server */
export async function grpcFault(asked: GrpcAsked): Promise<string | undefined> {
  const { address, isSecure, tls, timeoutMs } = asked;
  let session: ClientHttp2Session | undefined;
  try {
    const options = isSecure && tls !== undefined ? readTlsFiles(tls) : {};
    session = connect(`${isSecure ? "https" : "http"}://${address}`, options);
    return await greeted(session, timeoutMs);
  } catch (thrown) {
    return reasonOf(thrown);
  } finally {
    session?.destroy();
  }
}

function greeted(session: ClientHttp2Session, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    patience(timeoutMs).addEventListener("abort", () => resolve("no answer in time"));
    session.once("remoteSettings", () => resolve(undefined));
    session.on("error", (error) => resolve(reasonOf(error)));
    session.once("close", () => resolve("it speaks no gRPC"));
  });
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "no reason";
  const code = "code" in thrown ? String(thrown.code) : thrown.message;
  return code.startsWith("ERR_HTTP2") || code === "ECONNRESET" ? "it speaks no gRPC" : code;
}
