import { MemoryAuditLog } from "../../src/log/memory/audit.ts";
import { describeAudit } from "./conformance-audit.ts";

describeAudit("memory", async () => ({ audit: new MemoryAuditLog(), close: async () => {} }));
