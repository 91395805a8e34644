// @ts-check
// The error function to the last digit, which JavaScript lacks.
//
// Rational approximations of W. J. Cody's kind, with the coefficients of fdlibm's s_erf.c:
//   Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Developed at SunPro, a Sun Microsystems, Inc.
//   business. Permission to use, copy, modify, and distribute this software is freely granted, provided that this
//   notice is preserved.

const AT_ONE = 0.845062911510467529297; // close to erf(1)

// The coefficients, those of the lowest power first, where |z| < 0.84375 …
const NEAR_0 = {
  top: [1.28379167095512558561e-1, -3.25042107247001499370e-1, -2.84817495755985104766e-2, -5.77027029648944159157e-3,
    -2.37630166566501626084e-5],
  bottom: [1, 3.97917223959155352819e-1, 6.50222499887672944485e-2, 5.08130628187576562776e-3, 1.32494738004321644526e-4,
    -3.96022827877536812320e-6],
};
// … where it is below 1.25 …
const NEAR_1 = {
  top: [-2.36211856075265944077e-3, 4.14856118683748331666e-1, -3.72207876035701323847e-1, 3.18346619901161753674e-1,
    -1.10894694282396677476e-1, 3.54783043256182359371e-2, -2.16637559486879084300e-3],
  bottom: [1, 1.06420880400844228286e-1, 5.40397917702171048937e-1, 7.18286544141962662868e-2, 1.26171219808761642112e-1,
    1.36370839120290507362e-2, 1.19844998467991074170e-2],
};
// … below 1/0.35 …
const MIDDLE = {
  top: [-9.86494403484714822705e-3, -6.93858572707181764372e-1, -1.05586262253232909814e1, -6.23753324503260060396e1,
    -1.62396669462573470355e2, -1.84605092906711035994e2, -8.12874355063065934246e1, -9.81432934416914548592],
  bottom: [1, 1.96512716674392571292e1, 1.37657754143519042600e2, 4.34565877475229228821e2, 6.45387271733267880336e2,
    4.29008140027567833386e2, 1.08635005541779435134e2, 6.57024977031928170135, -6.04244152148580987438e-2],
};
// … and beyond.
const FAR = {
  top: [-9.86494292470009928597e-3, -7.99283237680523006574e-1, -1.77579549177547519889e1, -1.60636384855821916062e2,
    -6.37566443368389627722e2, -1.02509513161107724954e3, -4.83519191608651397019e2],
  bottom: [1, 3.03380607434824582924e1, 3.25792512996573918826e2, 1.53672958608443695994e3, 3.19985821950859553908e3,
    2.55305040643316442583e3, 4.74528541206955367215e2, -2.24409524465858183362e1],
};

/**
 * erf(z) = 2/√π ∫_0^z e^{-x²} dx, with a relative error below 1e-15.
 * @param {number} z
 * @returns {number}
 */
export function erf(z) {
  const size = Math.abs(z);
  if (size < 0.84375) return z + z * ratio(NEAR_0, z * z);
  const tail = size < 1.25 ? 1 - AT_ONE - ratio(NEAR_1, size - 1) : upperTail(size);
  return z < 0 ? tail - 1 : 1 - tail;
}

/**
 * 1 - erf(z), with all its digits where it is small.
 * @param {number} z
 * @returns {number}
 */
export function erfc(z) {
  const size = Math.abs(z);
  if (size < 0.84375) return 1 - erf(z);
  const tail = size < 1.25 ? 1 - AT_ONE - ratio(NEAR_1, size - 1) : upperTail(size);
  return z < 0 ? 2 - tail : tail;
}

/**
 * erfc(z) for z ≥ 1.25, as e^{-z²} times a smooth function over z.
 * @param {number} z
 * @returns {number}
 */
function upperTail(z) {
  if (z > 28) return 0; // below the smallest number
  const exponent = ratio(z < 1 / 0.35 ? MIDDLE : FAR, 1 / (z * z));
  // z² has more digits than fit: the square of z rounded to 32 bits is exact, and the rest is small.
  const rounded = Math.fround(z);
  return (Math.exp(-rounded * rounded - 0.5625) * Math.exp((rounded - z) * (rounded + z) + exponent)) / z;
}

/**
 * The quotient of two polynomials in x.
 * @param {{top: number[], bottom: number[]}} coefficients
 * @param {number} x
 * @returns {number}
 */
function ratio({ top, bottom }, x) {
  return polynomial(top, x) / polynomial(bottom, x);
}

/**
 * Horner's rule.
 * @param {number[]} coefficients the lowest power first
 * @param {number} x
 * @returns {number}
 */
function polynomial(coefficients, x) {
  let sum = 0;
  for (let k = coefficients.length - 1; k >= 0; k--) sum = sum * x + coefficients[k];
  return sum;
}
