/** Who installs npm packages, where several want to, or nobody may (ops/bootstrap.sh). */

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { folderOfTest } from "../support/test-folder.ts";

const bootstrap = fileURLToPath(new URL("../../ops/bootstrap.sh", import.meta.url));
/** Above the tries after which a lock is nobody's. */
const enoughMs = 60_000;

/** What a checkout in this folder says and does for its turn at the packages. */
function takeTurn(root: string, patienceMs = enoughMs) {
  const script = `source "$1"; freshet_root="$2"; freshet_with_packages_lock echo installed`;
  const env = { ...process.env, FRESHET_SKIP_INSTALL: "1" };
  const options = { env, encoding: "utf8", timeout: patienceMs } as const;
  return spawnSync("bash", ["--norc", "-c", script, "bash", bootstrap, root], options);
}

function lockedBy(owner: string | undefined): string {
  const root = folderOfTest("bootstrap");
  mkdirSync(join(root, ".freshet/npm.lock"), { recursive: true });
  if (owner !== undefined) writeFileSync(join(root, ".freshet/npm.lock/pid"), owner);
  return root;
}

it("a checkout that cannot be written to ends with a line that says so, not with a wait", () => {
  const root = folderOfTest("bootstrap");
  writeFileSync(join(root, ".freshet"), "no folder can be made here");
  const { status, stderr, stdout } = takeTurn(root);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^freshet: cannot install npm packages: .* cannot write to .*\.freshet;/m);
});

it.each([
  ["has ended", "4194305"],
  ["was killed before it wrote its number", undefined],
])("a lock whose owner %s is nobody's", (_, owner) => {
  expect(takeTurn(lockedBy(owner))).toMatchObject({ status: 0, stdout: "installed\n" });
});

it("a lock whose owner runs is waited for", () => {
  const { signal, stderr, stdout } = takeTurn(lockedBy(String(process.pid)), 3_000);
  expect([signal, stdout]).toEqual(["SIGTERM", ""]);
  expect(stderr).toContain(`waiting for process ${process.pid}, which is installing them`);
});

it("a service without HOME has that of its account", () => {
  const script = `set -u; source "$1"; printf %s "$freshet_cache"`;
  const env = { PATH: process.env["PATH"], FRESHET_SKIP_INSTALL: "1" };
  const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", script, "bash", bootstrap], {
    env,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(stdout).toBe(join(userInfo().homedir, ".cache/freshet"));
});
