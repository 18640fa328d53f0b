/** How much longer than usual the first answers of a provider may take. */

import { limits } from "../contract/limits.ts";
import type { EmbedProvider } from "./precision.ts";

export function timeoutFactor(provider: EmbedProvider): number {
  switch (provider) {
    case "tensorrt":
      return limits.embedTensorRtTimeoutFactor;
    case "webgpu":
      return limits.embedWebGpuTimeoutFactor;
    case "cpu":
    case "cuda":
      return 1;
  }
}
