/** Where the Weaviate of this test run is. */

export function weaviateAddress(): { readonly url: string; readonly grpc: string } {
  return {
    url: `http://127.0.0.1:${process.env["WV_PORT"]}`,
    grpc: `127.0.0.1:${process.env["WV_GRPC"]}`,
  };
}
