import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { natsConfiguration } from "../../ops/servers/nats.ts";
import { choosePorts, isPortTaken, portCandidates } from "../../ops/servers/ports.ts";
import { acquireRunLock } from "../../ops/servers/run-lock.ts";
import { missingServers } from "../../ops/servers/start-servers.ts";
import { readOnlyPercent } from "../../ops/servers/weaviate.ts";
import { requireFreeSpace } from "../../ops/setup/cache.ts";
import { folderOfTest } from "../support/test-folder.ts";

const requests = [
  { name: "a", variable: "A_PORT" },
  { name: "b", variable: "B_PORT" },
];

describe("ports", () => {
  test("a configured port has no alternative; else the last one is preferred", () => {
    expect(portCandidates("4222", 5000, "A_PORT")).toEqual({ fixed: 4222 });
    expect(portCandidates(undefined, 5000, "A_PORT")).toEqual({ preferred: 5000 });
    expect(portCandidates("", undefined, "A_PORT")).toEqual({ preferred: undefined });
  });

  test.each(["0", "70000", "x", "1.5"])("%j is refused as a port", (value) => {
    expect(() => portCandidates(value, undefined, "A_PORT")).toThrow(/^A_PORT=/);
  });

  test("all ports of a run are different, and those of the last run are used again", async () => {
    const first = await choosePorts(requests, {}, {});
    const ports = { a: first["a"]?.port ?? 0, b: first["b"]?.port ?? 0 };
    expect(ports.a).not.toBe(ports.b);
    const second = await choosePorts(requests, {}, ports);
    expect(second["a"]?.port).toBe(ports.a);
    expect(second["b"]?.port).toBe(ports.b);
  });

  test("a taken port is replaced unless a person chose it", async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, "127.0.0.1", () => {
        const address = taken.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    const chosen = await choosePorts(requests, {}, { a: port });
    expect(chosen["a"]?.port).not.toBe(port);
    await expect(choosePorts(requests, { A_PORT: String(port) }, {})).rejects.toThrow(
      `port ${port} (A_PORT) is in use: stop what listens there, or set A_PORT to a free port`,
    );
    taken.close();
  });

  test.each([
    ["listen tcp 127.0.0.1:4222: bind: address already in use", true],
    ["Error: listen EADDRINUSE: address already in use 127.0.0.1:1", true],
    ["port 8787 on 127.0.0.1 is in use: stop the program that has it", true],
    ["ready", false],
  ])("knows a lost race for a port by the log %j", (log, expected) => {
    expect(isPortTaken(log)).toBe(expected);
  });
});

describe("the data folder", () => {
  // In /proc Node's recursive mkdir never ends.
  test.each(["/proc/nope/data", "a file", "below a file"])(
    "that cannot be made is refused with the setting that chooses another: %s",
    async (place) => {
      const file = join(folderOfTest("data"), "file");
      writeFileSync(file, "");
      const folder = { "a file": file, "below a file": join(file, "data") }[place] ?? place;
      await expect(acquireRunLock(folder)).rejects.toThrow(/^cannot create .*FRESHET_DATA_DIR$/);
    },
  );
});

describe("a folder without enough room", () => {
  test("names its own setting where it cannot be made", () => {
    const file = join(folderOfTest("data"), "file");
    writeFileSync(file, "");
    const said = /a file is in its place: .* with FRESHET_DATA_DIR$/;
    expect(() => requireFreeSpace(join(file, "data"), 1, "FRESHET_DATA_DIR")).toThrow(said);
  });
});

describe("server settings", () => {
  test("JetStream acks only what is on disk (I1), on loopback only", () => {
    const text = natsConfiguration({ port: 1, monitorPort: 2, storeDir: '/a "b"' });
    expect(text).toContain("sync_interval: always");
    expect(text).toContain('listen: "127.0.0.1:1"');
    expect(text).toContain('store_dir: "/a \\"b\\""');
  });

  test("Weaviate goes read-only with a gigabyte left, on small and large disks", () => {
    expect(readOnlyPercent(0)).toBe(90);
    expect(readOnlyPercent(5e9)).toBe(90);
    expect(readOnlyPercent(20e9)).toBe(95);
    expect(readOnlyPercent(2e12)).toBe(99);
  });

  test("a server with an address in the environment is not started here", () => {
    const env = { FRESHET_NATS_URL: "nats://elsewhere", FRESHET_WEAVIATE_URL: "" };
    expect(missingServers(env, { llm: true })).toEqual({
      nats: false,
      temporal: true,
      weaviate: true,
      llm: true,
    });
  });
});
