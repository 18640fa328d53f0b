/**
 * Type-aware lint: what the compiler does not see (lost promises, unhandled cases) and the sizes
 * that keep files readable. Formatting is biome's, layers are dependency-cruiser's.
 */
import tseslint from "typescript-eslint";
import { adapterNames, portRooms } from "./rooms.js";

const injected = "is injected in this room: take a Clock, ids or a random source as a parameter";

const hiddenInputs = {
  "no-restricted-globals": [
    "error",
    ...["setTimeout", "setInterval", "setImmediate"].map((name) => ({
      name,
      message: `time ${injected} (clock.sleep)`,
    })),
  ],
  "no-restricted-properties": [
    "error",
    { object: "Date", property: "now", message: `time ${injected} (clock.nowMs)` },
    { object: "performance", property: "now", message: `time ${injected} (clock.monotonicMs)` },
    { object: "Math", property: "random", message: `randomness ${injected}` },
    { object: "crypto", property: "randomUUID", message: `randomness ${injected}` },
  ],
  "no-restricted-syntax": [
    "error",
    {
      selector: "NewExpression[callee.name='Date'][arguments.length=0]",
      message: `time ${injected} (clock.nowMs)`,
    },
  ],
};

const adapters = portRooms
  .split("|")
  .flatMap((room) =>
    adapterNames.split("|").map((name) => `src/${room}/${name}{.ts,-*.ts,/**/*.ts}`),
  );

export default tseslint.config(
  { ignores: ["**/*.as.ts", "**/node_modules/**", "**/dist/**", ".freshet/**", "**/*.js"] },
  {
    files: ["**/*.ts"],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: `${import.meta.dirname}/../..` },
    },
    plugins: { "@typescript-eslint": tseslint.plugin },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/ban-ts-comment": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/prefer-promise-reject-errors": "error",
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "max-lines": ["error", { max: 400, skipBlankLines: false, skipComments: false }],
      "max-lines-per-function": ["error", { max: 70, skipBlankLines: false, skipComments: false }],
      "max-params": ["error", 3],
      "no-console": "error",
      "no-debugger": "error",
      "no-eval": "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: [
      "src/contract/**",
      "src/runtime/**",
      "actors/**",
      `src/{${portRooms.replaceAll("|", ",")}}/**`,
    ],
    ignores: ["src/runtime/clock.ts", "**/*-worker.ts", "**/*-thread.ts", ...adapters],
    rules: hiddenInputs,
  },
  // What comes from outside (JSON, a vendor) is `unknown` until a schema has seen it. Tests may trust
  // their own fixtures.
  {
    files: ["**/*.ts"],
    ignores: ["test/**"],
    rules: {
      "@typescript-eslint/no-unsafe-argument": "error",
      "@typescript-eslint/no-unsafe-assignment": "error",
      "@typescript-eslint/no-unsafe-call": "error",
      "@typescript-eslint/no-unsafe-member-access": "error",
      "@typescript-eslint/no-unsafe-return": "error",
    },
  },
  { files: ["src/cli/**", "ops/**", "test/bench/**"], rules: { "no-console": "off" } },
  // A describe block is a chapter, not a function, and a property takes what it varies one by one;
  // the file limit still holds.
  { files: ["test/**"], rules: { "max-lines-per-function": "off", "max-params": "off" } },
);
