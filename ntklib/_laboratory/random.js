// @ts-check
// Random numbers that a seed fixes, so that an address shows everybody the same network.

/**
 * Independent draws from N(0, 1); the same seed gives the same numbers everywhere.
 *
 * Marsaglia's polar method: a point (u, v), uniform in the unit disc, has a direction and a squared length that are
 * independent, and the direction scaled by sqrt(-2 log(length²)) is a pair of independent normal numbers.
 * @param {number} seed
 * @returns {() => number}
 */
export function normals(seed) {
  const uniform = uniforms(seed);
  /** @type {number | null} */
  let spare = null;
  return function normal() {
    if (spare !== null) {
      const number = spare;
      spare = null;
      return number;
    }
    let u, v, square;
    do {
      u = 2 * uniform() - 1;
      v = 2 * uniform() - 1;
      square = u * u + v * v;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    spare = v * scale;
    return u * scale;
  };
}

/**
 * Independent draws from the uniform distribution on [0, 1), multiples of 2^-32: the generator sfc32 of Chris
 * Doty-Humphrey (PractRand), whose state of four integers starts from the seed.
 * @param {number} seed
 * @returns {() => number}
 */
function uniforms(seed) {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed >>> 0;
  let counter = 1;
  /** @returns {number} */
  function uniform() {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  }
  // The first numbers of neighbouring seeds are alike; after 15 rounds every bit has met every other.
  for (let i = 0; i < 15; i++) uniform();
  return uniform;
}
