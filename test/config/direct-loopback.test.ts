/** Which addresses stay past the proxy that a shell names. */

import { expect, it } from "vitest";
import { directLoopback } from "../../src/config/direct-loopback.ts";

const own = "127.0.0.1,localhost,::1";

it("changes nothing where no proxy is named", () => {
  expect(directLoopback({ NO_PROXY: "corp.example", http_proxy: "" })).toEqual({});
});

it.each(["http_proxy", "HTTPS_PROXY", "grpc_proxy", "ALL_PROXY"])(
  "keeps this machine past the proxy of %s",
  (name) => {
    expect(directLoopback({ [name]: "http://proxy:3128" })).toEqual({
      no_proxy: own,
      no_grpc_proxy: own,
    });
  },
);

it("keeps what the shell already leaves out, each once, in both spellings", () => {
  const env = { https_proxy: "http://proxy:3128" };
  const plain = `corp.example,localhost,127.0.0.1,::1`;
  const both = { no_proxy: plain, no_grpc_proxy: plain };
  expect(directLoopback({ ...env, NO_PROXY: "corp.example, localhost," })).toEqual(both);
  expect(directLoopback({ ...env, no_proxy: "corp.example,localhost" })).toEqual(both);
  expect(directLoopback({ ...env, NO_PROXY: "a", no_grpc_proxy: "b" })).toEqual({
    no_proxy: `a,${own}`,
    no_grpc_proxy: `b,${own}`,
  });
});

it("leaves a star alone, which stands for every address only by itself", () => {
  expect(directLoopback({ HTTP_PROXY: "http://proxy:3128", NO_PROXY: "*" })).toEqual({
    no_proxy: "*",
    no_grpc_proxy: `*,${own}`,
  });
});
