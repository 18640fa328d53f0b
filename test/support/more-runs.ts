/** Set up before each test file where `FRESHET_TEST_RUNS` is set: properties that name no count. */

import fc from "fast-check";
import { runs } from "./runs.ts";

fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: runs(100) });
