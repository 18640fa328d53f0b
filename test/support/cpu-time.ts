/** Milliseconds that this process has computed: the same on a busy machine, where the time of the clock is not. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
