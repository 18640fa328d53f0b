/** One thing done around every call of a port, without writing each method down. */

/** What is put around a call. */
export type Around = <Parameters extends readonly unknown[], Result>(
  call: (...parameters: Parameters) => Promise<Result>,
) => (...parameters: Parameters) => Promise<Result>;

type CallNames<Port> = {
  [Name in keyof Port]: Port[Name] extends (...parameters: never[]) => Promise<unknown>
    ? Name
    : never;
}[keyof Port];

/**
 * The same port with `around` put around each method that returns a promise. The type demands what
 * else a port has (streams, values) in `others`; a call that is given there is taken as it is.
 */
export function mapCalls<Port extends object>(
  port: Port,
  around: Around,
  others: Omit<Port, CallNames<Port>> & Partial<Port>,
): Port {
  const calls = new Map<PropertyKey, unknown>();
  return new Proxy(port, {
    get(target, name) {
      if (Object.hasOwn(others, name)) return Reflect.get(others, name) as unknown;
      const call = calls.get(name) ?? aroundMember(target, name, around);
      calls.set(name, call);
      return call;
    },
  });
}

function aroundMember(port: object, name: PropertyKey, around: Around): unknown {
  const member: unknown = Reflect.get(port, name);
  if (typeof member !== "function") return member;
  return around((...parameters: unknown[]) => member.apply(port, parameters) as Promise<unknown>);
}
