/** Decorating all methods of a port in the same way. */

/** What each method becomes: a function of the same shape. */
export type MethodWrapper = <Args extends readonly unknown[], Result>(
  method: (...args: Args) => Promise<Result>,
  name: string,
) => (...args: Args) => Promise<Result>;

/**
 * The port with each of its methods wrapped. The port is an object of plain functions, which use no
 * `this`: those of a class would not be found.
 */
export function mapMethods<
  Port extends { readonly [Name in keyof Port]: (...args: never) => Promise<unknown> },
>(port: Port, wrap: MethodWrapper): Port {
  const methods = Object.entries<(...args: never) => Promise<unknown>>(port);
  // A wrapper keeps the shape of any method, so the whole keeps the shape of the port.
  return Object.fromEntries(methods.map(([name, method]) => [name, wrap(method, name)])) as Port;
}
