/**
 * Programs that `freshet` becomes: they stay up, or set up, and read their own arguments. Each is
 * a file that acts when it is imported; the process is its own from then on.
 */

export interface Program {
  readonly name: string;
  readonly about: string;
  readonly entry: URL;
  /** Whether its entry takes the name as its first argument. */
  readonly isRole: boolean;
}

const engine = new URL("../main.ts", import.meta.url);

export const programs: readonly Program[] = [
  {
    name: "start",
    about: "servers, engine and merge worker on this machine, until Ctrl-C",
    entry: new URL("../../ops/main-job/start.ts", import.meta.url),
    isRole: false,
  },
  {
    name: "setup",
    about: "install servers and models into the cache, as start does",
    entry: new URL("../../ops/setup/main.ts", import.meta.url),
    isRole: false,
  },
  {
    name: "engine",
    about: "one engine alone; servers and model as FRESHET_* variables say",
    entry: engine,
    isRole: true,
  },
  { name: "merge-worker", about: "one merge worker alone", entry: engine, isRole: true },
];

/**
 * Which program these arguments are for, and what it takes of them; `help start` is `start --help`.
 */
export function programFor(
  args: readonly string[],
): { readonly entry: URL; readonly args: readonly string[] } | undefined {
  const [first, second] = args;
  const name = first === "help" ? second : first;
  const program = programs.find((each) => each.name === name);
  if (program === undefined) return undefined;
  const given = first === "help" ? ["--help"] : args.slice(1);
  // The help of the entry is that of each of its roles.
  const asksHelp = given[0] === "--help" || given[0] === "-h";
  const isExtra = program.isRole && !asksHelp;
  return { entry: program.entry, args: isExtra ? [program.name, ...given] : [...given] };
}

/** As the list of commands has them. */
export function describePrograms(): string {
  const width = Math.max(...programs.map(({ name }) => name.length)) + 2;
  return programs.map(({ name, about }) => `  ${name.padEnd(width)}${about}`).join("\n");
}
