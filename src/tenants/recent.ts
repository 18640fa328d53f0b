/** A bounded table: above its bound the entry that was used least recently goes. */
export class Recent<Key, Value> {
  readonly #max: number;
  readonly #make: () => Value;
  readonly #entries = new Map<Key, Value>();

  constructor(max: number, make: () => Value) {
    this.#max = max;
    this.#make = make;
  }

  /** The key's value, made where there is none. */
  of(key: Key): Value {
    const known = this.#entries.get(key);
    if (known !== undefined && this.#entries.size < this.#max / 2) return known;
    const value = known ?? this.#make();
    // The order of use matters only where something may have to go.
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    return value;
  }
}
