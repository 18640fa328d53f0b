import { describeLog } from "./conformance.ts";
import { openNatsHarness } from "./nats-harness.ts";

describeLog("NATS JetStream", openNatsHarness);
