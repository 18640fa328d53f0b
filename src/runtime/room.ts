/** Room on a disk that others fill, too: a stream reserves all that it may hold when it is made. */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";

/**
 * Makes a stream that may hold `wantedBytes`, or half of that, and so on down to the least.
 * @throws FreshetError overloaded (no room even for the least), and whatever else `make` throws
 */
export async function inRoomThatIsLeft<Made>(
  wantedBytes: number,
  make: (bytesMax: number) => Promise<Made>,
): Promise<Made> {
  for (let bytes = wantedBytes; ; bytes = Math.max(limits.streamBytesMin, Math.floor(bytes / 2))) {
    try {
      return await make(bytes);
    } catch (thrown) {
      const hasNoRoom = thrown instanceof FreshetError && thrown.code === "overloaded";
      if (!hasNoRoom || bytes <= limits.streamBytesMin) throw thrown;
    }
  }
}
