/**
 * Documents that wait to be prepared. Pure: tenants take turns, one document each, so that one
 * tenant's many documents do not delay another's first.
 */
export class PrepareQueue<Job> {
  readonly #perTenantMax: number;
  /** In the order of their turns; no tenant without a job. */
  readonly #jobs = new Map<string, Job[]>();

  constructor(perTenantMax: number) {
    this.#perTenantMax = perTenantMax;
  }

  /** False when the tenant has too many waiting. */
  push(tenant: string, job: Job): boolean {
    const jobs = this.#jobs.get(tenant);
    if (jobs === undefined) this.#jobs.set(tenant, [job]);
    else if (jobs.length >= this.#perTenantMax) return false;
    else jobs.push(job);
    return true;
  }

  /** The first job of the tenant whose turn it is; that tenant is last from then on. */
  next(): Job | undefined {
    const [first] = this.#jobs;
    if (first === undefined) return undefined;
    const [tenant, jobs] = first;
    const job = jobs.shift();
    this.#jobs.delete(tenant);
    if (jobs.length > 0) this.#jobs.set(tenant, jobs);
    return job;
  }

  remove(tenant: string, job: Job): void {
    const jobs = this.#jobs.get(tenant);
    const index = jobs?.indexOf(job) ?? -1;
    if (jobs === undefined || index < 0) return;
    jobs.splice(index, 1);
    if (jobs.length === 0) this.#jobs.delete(tenant);
  }

  /** Empties the queue. */
  takeAll(): Job[] {
    const all = [...this.#jobs.values()].flat();
    this.#jobs.clear();
    return all;
  }
}
