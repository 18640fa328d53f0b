/** The service of the node that owns a tenant: what a question costs that is asked elsewhere. */

import { expect, it } from "vitest";
import type { Topology } from "../../actors/topology/topology.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import { createLocalService } from "../../src/engine/local-service.ts";
import { noQuotas } from "../../src/tenants/quota-file.ts";
import { TenantQuotas } from "../../src/tenants/quotas.ts";
import { createManualClock } from "../support/manual-clock.ts";

const acme = tenantId("acme");

it("a question to an owner that has not loaded the model which answers is not charged", async () => {
  const clock = createManualClock();
  const source = { ...noQuotas, ofTenant: () => ({ questions_per_second: 1 }) };
  const quotas = new TenantQuotas({ source, clock, metrics: silentMetrics });
  const topology = {
    quotas,
    lives: { check: () => {} },
    isOwner: () => true,
    awake: async () => {},
    caughtUp: async () => {},
    answering: () => acme,
    absence: () => new FreshetError("not_ready", "its model is being loaded"),
  } as unknown as Topology;
  const trust = { refusal: undefined, pass: async () => {} };
  type Parts = Parameters<typeof createLocalService>[0];
  const service = createLocalService({ topology, trust, clock } as unknown as Parts);
  const question = { query: "what" } as Parameters<typeof service.ask>[0]["question"];
  for (let again = 0; again < 3; again += 1) {
    const asked = service.ask({ tenant: acme, question } as Parameters<typeof service.ask>[0]);
    await expect(asked).rejects.toMatchObject({ code: "not_ready" });
  }
  expect((await quotas.useOf(acme)).lastMinute.questions).toBe(0);
  quotas.admitQuestion({ tenant: acme });
});
