import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadCorpus } from "../../ops/main-job/ingest.ts";
import { readJobOptions } from "../../ops/main-job/options.ts";
import { requireHttpPort } from "../../ops/main-job/processes.ts";
import { prepareReport } from "../../ops/main-job/report.ts";
import { folderOfTest } from "../support/test-folder.ts";

it("one node unless told otherwise, eight at most", () => {
  expect(readJobOptions([], "/").nodes).toBe(1);
  expect(readJobOptions(["--nodes", "8"], "/").nodes).toBe(8);
});

it("one nats-server and one Weaviate, or three of them: two would stop when one stops", () => {
  expect(readJobOptions([], "/")).toMatchObject({ nats: 1, weaviate: 1 });
  const three = readJobOptions(["--nats", "3", "--weaviate", "3"], "/");
  expect(three).toMatchObject({ nats: 3, weaviate: 3 });
  expect(() => readJobOptions(["--weaviate", "2"], "/")).toThrow(/1 or 3 is expected/);
});

it("answers are sentences of the sources unless the local model is asked for", () => {
  expect(readJobOptions([], "/").llm).toBe("extractive");
  expect(readJobOptions(["--llm", "local"], "/").llm).toBe("local");
});

it("a report that could not be written is refused before the work, with its place", () => {
  const folder = folderOfTest("report");
  expect(() => prepareReport(folder)).toThrow(`--report: ${folder} is a folder: name a file in it`);
  writeFileSync(join(folder, "file"), "");
  expect(() => prepareReport(join(folder, "file", "report.json"))).toThrow(
    /^--report: cannot write into .*file \(EEXIST\): choose another place$/,
  );
  expect(() => prepareReport(join(folder, "new", "report.json"))).not.toThrow();
});

it("a port that was asked for and is taken is said before anything is started", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  try {
    const address = taken.address();
    const port = typeof address === "object" ? String(address?.port) : "";
    await expect(requireHttpPort({ FRESHET_HTTP_PORT: port })).rejects.toThrow(
      `port ${port} (FRESHET_HTTP_PORT) is in use`,
    );
  } finally {
    await new Promise((resolve) => taken.close(resolve));
  }
  await expect(requireHttpPort({})).resolves.toBeUndefined();
});

it("a corpus too small for the job says how many documents it holds", async () => {
  const folder = folderOfTest("corpus");
  const needed = "three documents are needed, and";
  await expect(loadCorpus(folder, "/")).rejects.toThrow(`${needed} ${folder} holds no document`);
  writeFileSync(join(folder, "one.md"), "# One\n\nThe only one of its kind.\n");
  await expect(loadCorpus(folder, "/")).rejects.toThrow(`${folder} holds only 1 of them`);
});
