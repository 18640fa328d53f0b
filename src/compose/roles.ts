/** The role of `src/main.ts` that runs `runIsolated`: no person starts it, an engine does. */
export const isolatedRole = "isolated";
