/** Binary heaps of pairs (score f32, id u32) in the arena. */

function scoreAt(heap: usize, index: u32): f32 {
  return load<f32>(heap + ((<usize>index) << 3));
}

export function put(heap: usize, index: u32, score: f32, id: u32): void {
  const at = heap + ((<usize>index) << 3);
  store<f32>(at, score);
  store<u32>(at, id, 4);
}

function move(heap: usize, from: u32, to: u32): void {
  store<u64>(heap + ((<usize>to) << 3), load<u64>(heap + ((<usize>from) << 3)));
}

/** Adds to a heap of `count` pairs whose top is the least. */
export function pushLeast(heap: usize, count: u32, score: f32, id: u32): void {
  let index = count;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (scoreAt(heap, parent) <= score) break;
    move(heap, parent, index);
    index = parent;
  }
  put(heap, index, score, id);
}

export function replaceLeast(heap: usize, count: u32, score: f32, id: u32): void {
  let index: u32 = 0;
  while (true) {
    let child: u32 = 2 * index + 1;
    if (child >= count) break;
    if (child + 1 < count && scoreAt(heap, child + 1) < scoreAt(heap, child)) child += 1;
    if (scoreAt(heap, child) >= score) break;
    move(heap, child, index);
    index = child;
  }
  put(heap, index, score, id);
}

/** Adds to a heap of `count` pairs whose top is the most. */
export function pushMost(heap: usize, count: u32, score: f32, id: u32): void {
  let index = count;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (scoreAt(heap, parent) >= score) break;
    move(heap, parent, index);
    index = parent;
  }
  put(heap, index, score, id);
}

/** Takes the top off; `count` pairs are left. */
export function dropMost(heap: usize, count: u32): void {
  if (count === 0) return;
  const last = heap + ((<usize>count) << 3);
  const score = load<f32>(last);
  const id = load<u32>(last, 4);
  let index: u32 = 0;
  while (true) {
    let child: u32 = 2 * index + 1;
    if (child >= count) break;
    if (child + 1 < count && scoreAt(heap, child + 1) > scoreAt(heap, child)) child += 1;
    if (scoreAt(heap, child) <= score) break;
    move(heap, child, index);
    index = child;
  }
  put(heap, index, score, id);
}
