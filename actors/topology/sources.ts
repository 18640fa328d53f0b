/** The wiring of the sources. */

import type { TenantId, Version } from "../../src/contract/ids.ts";
import type { ActorSystem } from "../../src/runtime/system.ts";
import { sourcesActor } from "../source/sources.ts";
import type { TopologyOptions } from "./options.ts";

interface Parts {
  readonly visible: (tenant: TenantId) => Version;
  readonly isOwner: (tenant: TenantId) => boolean;
  readonly isHotFull: (tenant: TenantId) => boolean;
}

export function spawnSources(
  system: ActorSystem,
  options: TopologyOptions,
  { visible, isOwner, isHotFull: isFull }: Parts,
): void {
  const { sources, name, node, log, clock, metrics, logger } = options;
  if (sources === undefined) return;
  system.spawn<never>({
    name: "sources",
    capacity: 1,
    behaviour: sourcesActor({
      ...sources,
      ...{ node: name ?? node, log, clock, metrics, logger, isOwner, isFull, visible },
    }),
  });
}
