/**
 * Vectors, their codes, and the two products of a row and the question.
 *
 * A row's numbers are k x step, where step is a power of two and k has 12 bits (`onGrid` of
 * contract/vector.ts: shards hold nothing else). Its code holds the upper eight bits of each k, one
 * byte, and its lows the other four: k = 16 x code + low - 8. Codes alone are the row to within
 * half of 16 x step. A question's code is round(x / scale) + 64 with scale = max|x| / 63, since the
 * instruction multiplies signed by 7-bit unsigned. The shift adds 64 times the sum of a row's codes
 * to each product, which is taken off again (`bias`). By Cauchy and Schwarz the f32 product is at
 * most the codes' product + |row - its code| |question| + |code| |question - its code|.
 */

/**
 * A code begins with what is needed to read it: scale f32 (16 x step), bias i32, slack f32
 * (|row - its code|), step f32; its numbers follow, in the same cache lines.
 */
const headBytes: usize = 16;
/** The largest k, and the largest power of two that is no larger. */
const numberMax: f32 = 2039;
const numberMaxExponent: i32 = 10;
const questionShift: f32 = 64;
/** Unit vectors may be longer than 1 by the rounding of a quantized model; f32 sums round too. */
const normMax: f32 = 1.01;
const rounding: f32 = 0.00001;

// The question in work.
let question: usize = 0;
let questionCode: usize = 0;
let questionScale: f32 = 0;
let questionSlack: f32 = 0;
/** Numbers of a vector: a multiple of 64, padded with zeros. */
let width: usize = 0;
/** Of f32 numbers, as a question has them. */
let vectorBytes: usize = 0;
export let codeBytes: usize = 0;
export let lowBytes: usize = 0;

function sumOfLanes(lanes: v128): f32 {
  return (
    f32x4.extract_lane(lanes, 0) +
    f32x4.extract_lane(lanes, 1) +
    (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
  );
}

// Numbers of a row, as `take` and its halves find them.
let lowHalf: v128 = i32x4.splat(0);
let highHalf: v128 = i32x4.splat(0);

/** The k of 16 numbers as i16, from their codes and the low bits as bytes. */
function take(code: v128, low: v128): void {
  const off = i8x16.sub(low, i8x16.splat(8));
  lowHalf = i16x8.add(i16x8.shl(i16x8.extend_low_i8x16_s(code), 4), i16x8.extend_low_i8x16_s(off));
  highHalf = i16x8.add(
    i16x8.shl(i16x8.extend_high_i8x16_s(code), 4),
    i16x8.extend_high_i8x16_s(off),
  );
}

/** The first four of eight i16 as f32, and the last four. */
function firstFour(numbers: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(numbers));
}

function lastFour(numbers: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(numbers));
}

/**
 * The f32 dot product with the question. Four accumulators: one alone would wait for each addition.
 */
export function dot(row: usize, lows: usize): f32 {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = lows + lowBytes;
  let code = row + headBytes;
  let at = question;
  while (lows < end) {
    const low = v128.load(lows);
    take(v128.load(code), v128.and(low, i8x16.splat(15)));
    a = f32x4.relaxed_madd(firstFour(lowHalf), v128.load(at, 0), a);
    b = f32x4.relaxed_madd(lastFour(lowHalf), v128.load(at, 16), b);
    c = f32x4.relaxed_madd(firstFour(highHalf), v128.load(at, 32), c);
    d = f32x4.relaxed_madd(lastFour(highHalf), v128.load(at, 48), d);
    take(v128.load(code, 16), i8x16.shr_u(low, 4));
    a = f32x4.relaxed_madd(firstFour(lowHalf), v128.load(at, 64), a);
    b = f32x4.relaxed_madd(lastFour(lowHalf), v128.load(at, 80), b);
    c = f32x4.relaxed_madd(firstFour(highHalf), v128.load(at, 96), c);
    d = f32x4.relaxed_madd(lastFour(highHalf), v128.load(at, 112), d);
    lows += 16;
    code += 32;
    at += 128;
  }
  return load<f32>(row, 12) * sumOfLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}

/** Writes a row's f32 numbers, which are exact. */
export function unpack(row: usize, lows: usize, numbers: u32, to: usize): void {
  setWidth(numbers);
  const step = f32x4.splat(load<f32>(row, 12));
  const end = lows + lowBytes;
  let code = row + headBytes;
  while (lows < end) {
    const low = v128.load(lows);
    take(v128.load(code), v128.and(low, i8x16.splat(15)));
    writeTaken(to, step);
    take(v128.load(code, 16), i8x16.shr_u(low, 4));
    writeTaken(to + 64, step);
    lows += 16;
    code += 32;
    to += 128;
  }
}

function writeTaken(to: usize, step: v128): void {
  v128.store(to, f32x4.mul(firstFour(lowHalf), step), 0);
  v128.store(to, f32x4.mul(lastFour(lowHalf), step), 16);
  v128.store(to, f32x4.mul(firstFour(highHalf), step), 32);
  v128.store(to, f32x4.mul(lastFour(highHalf), step), 48);
}

/**
 * The f64 dot product of the question and f32 numbers, added up in the order of `dotProduct` of
 * contract/vector.ts, so that both say the same to the last bit.
 */
export function preciseDot(numbers: usize, dimensions: u32): f64 {
  let left = f64x2.splat(0);
  let right = left;
  const end = numbers + ((<usize>(dimensions & ~3)) << 2);
  let at = question;
  while (numbers < end) {
    const own = v128.load(numbers);
    const asked = v128.load(at);
    left = f64x2.add(left, f64x2.mul(f64x2.promote_low_f32x4(own), f64x2.promote_low_f32x4(asked)));
    right = f64x2.add(right, f64x2.mul(promoteLast(own), promoteLast(asked)));
    numbers += 16;
    at += 16;
  }
  let first = f64x2.extract_lane(left, 0);
  for (let rest = dimensions & 3; rest > 0; rest -= 1) {
    first += <f64>load<f32>(numbers) * <f64>load<f32>(at);
    numbers += 4;
    at += 4;
  }
  return (
    first +
    f64x2.extract_lane(left, 1) +
    (f64x2.extract_lane(right, 0) + f64x2.extract_lane(right, 1))
  );
}

function promoteLast(numbers: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(numbers, numbers, 2, 3, 2, 3));
}

/** The dot product by codes. */
export function approximate(row: usize): f32 {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = questionCode + width;
  let code = row + headBytes;
  let at = questionCode;
  while (at < end) {
    a = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(code, 0), v128.load(at, 0), a);
    b = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(code, 16), v128.load(at, 16), b);
    c = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(code, 32), v128.load(at, 32), c);
    d = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(code, 48), v128.load(at, 48), d);
    code += 64;
    at += 64;
  }
  const sums = i32x4.add(i32x4.add(a, b), i32x4.add(c, d));
  const sum =
    i32x4.extract_lane(sums, 0) +
    i32x4.extract_lane(sums, 1) +
    (i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3));
  return scaled(row, sum);
}

// Products of four rows at once.
let first: f32 = 0;
let second: f32 = 0;
let third: f32 = 0;
let fourth: f32 = 0;

/**
 * The dot products by codes of four rows that lie one after the other, for `productOf` to tell. A
 * scan's time goes into loading the question's code and adding up lanes: four rows share both.
 */
export function approximateFour(rows: usize): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = questionCode + width;
  let code = rows + headBytes;
  let at = questionCode;
  while (at < end) {
    const part = v128.load(at);
    a = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(code), part, a);
    b = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(code + codeBytes), part, b);
    c = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(code + 2 * codeBytes), part, c);
    d = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(code + 3 * codeBytes), part, d);
    code += 16;
    at += 16;
  }
  const left = addPairs(a, b);
  const right = addPairs(c, d);
  const sums = addPairs(left, right);
  first = scaled(rows, i32x4.extract_lane(sums, 0));
  second = scaled(rows + codeBytes, i32x4.extract_lane(sums, 1));
  third = scaled(rows + 2 * codeBytes, i32x4.extract_lane(sums, 2));
  fourth = scaled(rows + 3 * codeBytes, i32x4.extract_lane(sums, 3));
}

/** Sums of neighbouring lanes: two of `left`, then two of `right`. */
function addPairs(left: v128, right: v128): v128 {
  const even = v128.shuffle<i32>(left, right, 0, 2, 4, 6);
  const odd = v128.shuffle<i32>(left, right, 1, 3, 5, 7);
  return i32x4.add(even, odd);
}

function scaled(row: usize, sum: i32): f32 {
  return load<f32>(row) * questionScale * <f32>(sum - load<i32>(row, 4));
}

/** Of the row that `approximateFour` took as number `index`. */
export function productOf(index: u32): f32 {
  return index < 2 ? (index === 0 ? first : second) : index === 2 ? third : fourth;
}

/** The most that the f32 product can be, given that by codes. */
export function ceiling(product: f32, code: usize): f32 {
  const slack = load<f32>(code, 8);
  return product + slack * normMax + questionSlack * (normMax + slack) + rounding;
}

/** In fewer numbers than this, errors that point the same way are no rarity. */
const chanceFrom: usize = 256;

/**
 * The same, but for chance: in many dimensions rounding errors point anywhere, so their share along
 * a vector is about 1 / sqrt(width) of their length. Six times that is passed about once in a
 * billion.
 */
export function likelyCeiling(product: f32, code: usize): f32 {
  if (width < chanceFrom) return ceiling(product, code);
  const slack = load<f32>(code, 8);
  return product + 6 * sqrt((slack * slack + questionSlack * questionSlack) / <f32>width);
}

function largestMagnitude(vector: usize): f32 {
  let most = f32x4.splat(0);
  for (let at: usize = 0; at < vectorBytes; at += 16) {
    most = f32x4.max(most, f32x4.abs(v128.load(vector + at)));
  }
  return max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
}

function setWidth(numbers: u32): void {
  width = numbers;
  vectorBytes = width << 2;
  codeBytes = width + headBytes;
  lowBytes = width >> 1;
}

/** The largest power of two of which no number of the vector is more than `numberMax`. */
function stepOf(most: f32): f32 {
  const bits = reinterpret<u32>(most);
  const fraction = reinterpret<f32>((bits & 0x7fffff) | 0x3f800000);
  const isOver = fraction * <f32>(1 << numberMaxExponent) > numberMax;
  const exponent = <i32>(bits >> 23) - numberMaxExponent + (isOver ? 1 : 0);
  return reinterpret<f32>((<u32>exponent) << 23);
}

/** Writes a row's code and lows; its f32 numbers are at `vector`, and not all are zero. */
export function writeCode(vector: usize, code: usize, lows: usize, numbers: u32): void {
  setWidth(numbers);
  const step = stepOf(largestMagnitude(vector));
  let sum: i32 = 0;
  let error: f32 = 0;
  memory.fill(lows, 0, lowBytes);
  for (let index: usize = 0; index < width; index += 1) {
    const shifted = <i32>nearest(load<f32>(vector + (index << 2)) / step) + 8;
    const high = shifted >> 4;
    const low = shifted & 15;
    store<i8>(code + headBytes + index, <i8>high);
    const at = lows + ((index >> 5) << 4) + (index & 15);
    store<u8>(at, load<u8>(at) | <u8>(low << ((index & 16) >> 2)));
    sum += high;
    const off = <f32>(low - 8);
    error += off * off;
  }
  store<f32>(code, 16 * step);
  store<i32>(code, sum * <i32>questionShift, 4);
  store<f32>(code, step * sqrt(error), 8);
  store<f32>(code, step, 12);
}

/** Makes a vector the question; its code goes to `code`. */
export function ask(vector: usize, code: usize, numbers: u32): void {
  question = vector;
  questionCode = code;
  setWidth(numbers);
  questionScale = largestMagnitude(vector) / 63;
  let error: f32 = 0;
  for (let index: usize = 0; index < width; index += 1) {
    const value = load<f32>(vector + (index << 2));
    const rounded = nearest(value / questionScale);
    const off = value - rounded * questionScale;
    store<u8>(code + index, <u8>(rounded + questionShift));
    error += off * off;
  }
  questionSlack = sqrt(error);
}
