#!/usr/bin/env node
// The package's command. Plain and old JavaScript, so that an old Node gets to the message below.
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(
    `freshet: this is Node ${process.versions.node}; Freshet needs 24.12 or newer\n`,
  );
  process.exitCode = 1;
} else {
  const cache = process.env.FRESHET_CACHE_DIR || join(homedir(), ".cache", "freshet");
  enableCompileCache(join(cache, "compiled"));
  // A file of the package, beside which this one then lies; there is none in the repository.
  await import(new URL("../src/cli/main.js", import.meta.url).href);
}
