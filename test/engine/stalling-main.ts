/**
 * A process that serves its timers for a while and then, if told to, never again. A program, not a
 * test.
 */
import { watchMain } from "../../src/engine/stall-watch.ts";

const [, , stallMs, what] = process.argv;
const end = await watchMain(Number(stallMs));
process.send?.("watched");
await new Promise((resolve) => setTimeout(resolve, 2 * Number(stallMs)));
if (what === "stall") for (;;);
await end();
process.disconnect?.();
