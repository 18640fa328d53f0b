/**
 * How long a server may take, counted only while this process can hear it.
 *
 * Clients of NATS and Temporal are loaded beside the first requests. On a busy machine that stops
 * everything else for seconds, and a plain timer would then say that a server did not answer whose
 * answer lies there unread.
 */

const slices = 20;

/** Aborts with a TimeoutError. Between two slices all that has come is heard. */
export function patience(ms: number): AbortSignal {
  const over = new AbortController();
  let left = slices;
  const tick = (): void => {
    left -= 1;
    if (left < 0) over.abort(new DOMException("no answer in time", "TimeoutError"));
    else setTimeout(tick, ms / slices).unref();
  };
  tick();
  return over.signal;
}
