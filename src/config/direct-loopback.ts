/**
 * Servers on this machine are reached directly, whatever proxy the shell names for the way out.
 * gRPC for Node takes that proxy for every address, so that behind one neither Temporal nor
 * Weaviate on loopback ever became ready, and nothing said why.
 */

const loopback = ["127.0.0.1", "localhost", "::1"];
const proxyNames = ["grpc_proxy", "http_proxy", "https_proxy", "all_proxy"];

/**
 * What to add to the environment. The names in small letters win everywhere, so they repeat what
 * the others say.
 */
export function directLoopback(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const value = (name: string): string => env[name] || env[name.toUpperCase()] || "";
  if (!proxyNames.some((name) => value(name) !== "")) return {};
  const plain = value("no_proxy");
  const grpc = value("no_grpc_proxy") || plain;
  return {
    // A star means nothing to gRPC, and counts for others only where it stands alone.
    no_proxy: plain.trim() === "*" ? "*" : withLoopback(plain),
    no_grpc_proxy: withLoopback(grpc),
  };
}

function withLoopback(list: string): string {
  const hosts = list.split(",").map((host) => host.trim());
  return [...new Set([...hosts.filter((host) => host !== ""), ...loopback])].join(",");
}
