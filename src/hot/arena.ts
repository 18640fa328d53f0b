/**
 * The memory of a node's hot vectors and graphs: one WebAssembly memory, because the SIMD code
 * reads nothing else, shared, because builder threads read it without a copy. Shards allocate in it
 * and free.
 *
 * Owns: which bytes are taken. Never: what they mean.
 *
 *   AR1  allocations do not overlap, and start at a multiple of 64;
 *   AR2  freed space is joined with its free neighbours, so a memory without allocations is one
 *       piece again;
 *   AR3  memory grows up to `limits.hotArenaBytesMax` and is never given back to the system:
 *       WebAssembly cannot. What is free is used again before it grows.
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";

/** A cache line: no two allocations share one. */
const alignment = 64;
const pageBytes = 65_536;
/** Grown by at least this much, so that a shard that fills up does not grow it with every block. */
const growthBytes = 4 * 1024 * 1024;

interface Extent {
  address: number;
  bytes: number;
}

export class Arena {
  readonly memory: WebAssembly.Memory;
  /** Sorted by address; no two touch. */
  #free: Extent[] = [];
  #taken = 0;
  #u32: Uint32Array;
  #f32: Float32Array;

  constructor() {
    const maximum = limits.hotArenaBytesMax / pageBytes;
    this.memory = new WebAssembly.Memory({ initial: 1, maximum, shared: true });
    // The first line stays unused, so that no allocation has address 0.
    this.#free = [{ address: alignment, bytes: pageBytes - alignment }];
    this.#u32 = new Uint32Array(this.memory.buffer);
    this.#f32 = new Float32Array(this.memory.buffer);
  }

  /** All of it as u32; not to be kept over an `allocate`, which may grow the memory. */
  get u32(): Uint32Array {
    return this.#u32;
  }

  /** The same as f32. */
  get f32(): Float32Array {
    return this.#f32;
  }

  /** Bytes allocated now. */
  get bytes(): number {
    return this.#taken;
  }

  /**
   * The address of `bytes` bytes, whose content is left over from their last use.
   * @throws FreshetError overloaded when the arena is full
   */
  allocate(bytes: number): number {
    const wanted = wholeLines(bytes);
    const extent = this.#free.find((free) => free.bytes >= wanted) ?? this.#grow(wanted);
    const { address } = extent;
    extent.address += wanted;
    extent.bytes -= wanted;
    if (extent.bytes === 0) this.#free.splice(this.#free.indexOf(extent), 1);
    this.#taken += wanted;
    return address;
  }

  /** Both as they were allocated. */
  free(address: number, bytes: number): void {
    this.#taken -= wholeLines(bytes);
    this.#insert({ address, bytes: wholeLines(bytes) });
  }

  #grow(wanted: number): Extent {
    const before = this.memory.buffer.byteLength;
    const last = this.#free.at(-1);
    const atEnd = last !== undefined && last.address + last.bytes === before ? last.bytes : 0;
    const pages = Math.ceil(Math.max(wanted - atEnd, growthBytes) / pageBytes);
    const room = (limits.hotArenaBytesMax - before) / pageBytes;
    if (Math.ceil((wanted - atEnd) / pageBytes) > room) {
      throw new FreshetError("overloaded", "the memory of the hot shards is full");
    }
    this.memory.grow(Math.min(pages, room));
    this.#u32 = new Uint32Array(this.memory.buffer);
    this.#f32 = new Float32Array(this.memory.buffer);
    this.#insert({ address: before, bytes: this.memory.buffer.byteLength - before });
    return this.#free.at(-1) as Extent;
  }

  /** Puts a free extent into its place, and joins it with those that it touches. */
  #insert(extent: Extent): void {
    const free = this.#free;
    let at = free.findIndex((other) => other.address > extent.address);
    if (at < 0) at = free.length;
    const before = free[at - 1];
    const after = free[at];
    if (after !== undefined && extent.address + extent.bytes === after.address) {
      extent.bytes += after.bytes;
      free.splice(at, 1);
    }
    if (before !== undefined && before.address + before.bytes === extent.address) {
      before.bytes += extent.bytes;
    } else {
      free.splice(at, 0, extent);
    }
  }
}

/** What an allocation of so many bytes takes. */
export function wholeLines(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / alignment)) * alignment;
}
