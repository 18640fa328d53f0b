/** The wiring of generations: which of a tenant's answers here, and what computes their vectors. */

import { storedNames } from "../../src/contract/generation.ts";
import { noVersion, type TenantId, type Version } from "../../src/contract/ids.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import type { ActorSystem } from "../../src/runtime/system.ts";
import type { Directory } from "../directory/directory.ts";
import { openBeside, type TenantEncoder, TenantEncoders } from "./encoders.ts";
import type { TopologyOptions } from "./options.ts";
import type { KeptForQuestions } from "./questions.ts";

export interface GenerationParts {
  readonly generations: KnownGenerations;
  readonly encoders: TenantEncoders;
  /** The name under which the tenant's questions are answered now. */
  readonly answering: (tenant: TenantId) => TenantId;
  /** What the tenant shows here. */
  readonly visible: (tenant: TenantId) => Version;
}

export function tenantGenerations(
  system: ActorSystem,
  options: TopologyOptions,
  { own, directory }: { readonly own: TenantEncoder; readonly directory: Directory },
): GenerationParts {
  const { log, clock, logger } = options;
  const generations = new KnownGenerations(log.generations);
  const make = (generation: Parameters<typeof openBeside>[2]) =>
    openBeside(system, options, generation);
  const visibleOf = (name: TenantId): Version | undefined => {
    const status = directory.tenant(name)?.status;
    return status?.state === "ready" ? status.visible : undefined;
  };
  const answering = (tenant: TenantId) => generations.answering(tenant, visibleOf);
  return {
    generations,
    encoders: new TenantEncoders(own, generations, { clock, logger, make }),
    answering,
    visible: (tenant) => visibleOf(answering(tenant)) ?? noVersion,
  };
}

/** What a node keeps for questions of a tenant, of all its generations. */
export function forgetting(
  { writer }: Pick<TopologyOptions, "writer">,
  { generations, encoders }: GenerationParts,
  kept: KeptForQuestions,
): (tenant: TenantId) => void {
  return (tenant) => {
    for (const name of storedNames(tenant, generations.of(tenant))) {
      encoders.forget(name);
      kept.results.forget(name);
      kept.asOf.forget(name);
      writer.forget?.(name);
    }
  };
}
