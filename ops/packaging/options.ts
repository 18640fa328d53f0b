/** What `ops/release` can be told. */

import { Command } from "commander";

export interface ReleaseOptions {
  /** Folder for the artifacts. */
  readonly out: string;
  readonly dryRun: boolean;
  readonly json: boolean;
  /** Of the npm package. */
  readonly name: string;
  /** Makes the artifacts of a tree that may not be released: for trying, and for tests. */
  readonly draft: boolean;
  /** Whether the image's archive is made, too; it takes buildah. */
  readonly image: boolean;
  /** Build arguments of the image: BASE, BUILD_BASE, MARCH. */
  readonly imageArg: readonly string[];
}

const about = `Makes what is released of the version in package.json, in a folder:

  <name>-<version>.tgz            the npm package: the engine and its command line
  freshet-client-<version>.tgz    the npm package @freshet/client
  freshet-<version>.cdx.json      what it is made of (CycloneDX)
  freshet-<version>.notes.md      the version's section of CHANGELOG.md
  freshet-<version>.image.tar     with --image: the container image (OCI archive, by buildah)
  SHA256SUMS                      of all of them

It refuses changes that are in no commit, a version without a section in CHANGELOG.md, a tag of this version on another
commit, and a package under a licence that is not on the list. It publishes nothing and tags nothing: it prints how.

Exit codes: 0 done, 1 refused or failed, 2 usage`;

/** @throws CommanderError, whose exit code is 0 after help and 2 for bad usage. */
export function readReleaseOptions(argv: readonly string[]): ReleaseOptions {
  const program = new Command("ops/release")
    .description(about)
    .option("--out <folder>", "where the artifacts go", ".freshet/release")
    .option("--dry-run", "check and tell what would be made, and make nothing", false)
    .option("--draft", "make them of a tree that may not be released, too", false)
    .option("--name <name>", "of the npm package", "freshet")
    .option("--image", "the container image, too", false)
    .option(
      "--image-arg <NAME=value...>",
      "of the image: BASE, BUILD_BASE, MARCH (ops/image/Containerfile)",
      [],
    )
    .option("--json", "say what was made as JSON", false)
    .allowExcessArguments(false)
    .exitOverride((error) => {
      // Commander's own code for bad usage is 1; ours is 2. Help is no error.
      throw Object.assign(error, { exitCode: error.exitCode === 0 ? 0 : 2 });
    })
    .parse(argv, { from: "user" });
  const options = program.opts<ReleaseOptions>();
  if (!/^(@[a-z0-9-]+\/)?[a-z0-9][a-z0-9._-]*$/.test(options.name)) {
    program.error(`error: --name: "${options.name}" is no name of an npm package`);
  }
  const wrong = options.imageArg.find((text) => !/^(BASE|BUILD_BASE|MARCH)=\S+$/.test(text));
  if (wrong !== undefined)
    program.error(`error: --image-arg: "${wrong}" is no argument of the image`);
  if (options.imageArg.length > 0 && !options.image) {
    program.error("error: --image-arg needs --image");
  }
  return options;
}
