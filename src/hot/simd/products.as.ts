/**
 * Vectors, their codes, and the two products of a row and the question.
 *
 * A code is round(x / scale) with scale = max|x| / 127, a question's is round(x / scale) + 64 with
 * scale = max|x| / 63, since the instruction multiplies signed by 7-bit unsigned. The shift adds 64
 * times the sum of a row's codes to each product, which is taken off again (`bias`). By Cauchy and
 * Schwarz the f32 product is at most the codes' product + |row - its code| |question| + |code|
 * |question - its code|.
 */

/**
 * A code begins with what is needed to read it: scale f32, bias i32, slack f32 (|row - its code|),
 * 4 bytes unused; its numbers follow, in the same cache lines.
 */
const headBytes: usize = 16;
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
export let vectorBytes: usize = 0;
export let codeBytes: usize = 0;

function sumOfLanes(lanes: v128): f32 {
  return (
    f32x4.extract_lane(lanes, 0) +
    f32x4.extract_lane(lanes, 1) +
    (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
  );
}

/**
 * The f32 dot product with the question. Four accumulators: one alone would wait for each addition.
 */
export function dot(vector: usize): f32 {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = question + vectorBytes;
  let at = question;
  while (at < end) {
    a = f32x4.relaxed_madd(v128.load(vector, 0), v128.load(at, 0), a);
    b = f32x4.relaxed_madd(v128.load(vector, 16), v128.load(at, 16), b);
    c = f32x4.relaxed_madd(v128.load(vector, 32), v128.load(at, 32), c);
    d = f32x4.relaxed_madd(v128.load(vector, 48), v128.load(at, 48), d);
    vector += 64;
    at += 64;
  }
  return sumOfLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
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
}

/** Writes a row's code; its f32 numbers are there, and not all are zero. */
export function writeCode(vector: usize, code: usize, numbers: u32): void {
  setWidth(numbers);
  const scale = largestMagnitude(vector) / 127;
  let sum: i32 = 0;
  let error: f32 = 0;
  for (let index: usize = 0; index < width; index += 1) {
    const value = load<f32>(vector + (index << 2));
    const rounded = nearest(value / scale);
    const off = value - rounded * scale;
    store<i8>(code + headBytes + index, <i8>rounded);
    sum += <i32>rounded;
    error += off * off;
  }
  store<f32>(code, scale);
  store<i32>(code, sum * <i32>questionShift, 4);
  store<f32>(code, sqrt(error), 8);
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
