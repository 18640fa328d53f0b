/** Where Weaviate is, and the clients of one node: the vendor's, and the channel for searches. */

import type { WeaviateClient } from "weaviate-client";
import weaviate from "weaviate-client";
import type { Secret, TlsFiles } from "../contract/links.ts";
import { SearchChannel } from "./weaviate-channel.ts";
import { trustFor } from "./weaviate-tls.ts";

export interface WeaviateAddress {
  /** Base URL of the REST interface; of a cluster one for each node, with commas between. */
  readonly url: string;
  /**
   * `host:port` of the gRPC interface, of a cluster in the order of `url`; `https:` in `url` means
   * TLS here too.
   */
  readonly grpc: string;
  readonly apiKey?: string | Secret | undefined;
  /** Instead of a key: the client logs in where the server's OIDC provider is. */
  readonly oidc?: { readonly secret: Secret; readonly scopes: readonly string[] } | undefined;
  readonly tls?: TlsFiles | undefined;
}

/** One for each node. */
export function addressesOf<Address extends Pick<WeaviateAddress, "grpc" | "url">>(
  cluster: Address,
): readonly Address[] {
  const channels = cluster.grpc.split(",");
  return cluster.url.split(",").map((url, at) => ({ ...cluster, url, grpc: channels[at] ?? "" }));
}

/** The vendor's client as it is: nothing is asked of the server yet. */
export function openClient(address: WeaviateAddress): Promise<WeaviateClient> {
  const { url, grpc } = address;
  const rest = new URL(url);
  const secure = rest.protocol === "https:";
  const channel = new URL(`${rest.protocol}//${grpc}`);
  const port = (from: URL): number => Number(from.port) || (secure ? 443 : 80);
  const open = () =>
    weaviate.connectToCustom({
      httpHost: rest.hostname,
      httpPort: port(rest),
      httpSecure: secure,
      ...(rest.pathname === "/" ? {} : { httpPath: rest.pathname.replace(/\/$/, "") }),
      grpcHost: channel.hostname,
      grpcPort: port(channel),
      grpcSecure: secure,
      ...credentials(address),
      // The vendor's checks print to the console when they fail; `ready` asks the same without.
      skipInitChecks: true,
    });
  return trustFor(address, open);
}

function credentials({ apiKey, oidc }: WeaviateAddress) {
  if (oidc !== undefined) {
    const { secret, scopes } = oidc;
    const clientSecret = secret();
    return {
      authCredentials: new weaviate.AuthClientCredentials({ clientSecret, scopes: [...scopes] }),
    };
  }
  if (apiKey === undefined) return {};
  const key = typeof apiKey === "string" ? apiKey : apiKey();
  return { authCredentials: new weaviate.ApiKey(key) };
}

export function openChannel(address: WeaviateAddress, client: WeaviateClient): SearchChannel {
  const { url, grpc, apiKey, oidc, tls } = address;
  const isOpen = apiKey === undefined && oidc === undefined;
  // The vendor's client has the token, and gets a new one when it ends.
  const bearer = async () => (await client.getConnectionDetails()).bearerToken;
  return new SearchChannel({
    url: `${new URL(url).protocol}//${grpc}`,
    tls,
    ...(isOpen ? {} : { bearer }),
  });
}
