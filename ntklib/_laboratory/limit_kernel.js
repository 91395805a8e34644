// @ts-check
// The tangent kernel at infinite width and random start, K = Φ + ⟨x, x'⟩ Φ', where Φ = E ψ(h)ψ(h') and
// Φ' = E ψ'(h)ψ'(h') for Gaussian h and h' with variances |x|², |x'|² and covariance ⟨x, x'⟩ (the book's Theorem 1).

import { activation } from "./activations.js";
import { dot, zeros } from "./network.js";

/** @typedef {import("./types").Matrix} Matrix */

/**
 * A pair of inputs: a = |x|², b = |x'|², c = ⟨x, x'⟩, the angle between them, and S = |x||x'| sin(angle).
 * @typedef {{a: number, b: number, c: number, root: number, angle: number, S: number}} Pair
 */

/** Φ and Φ' of a pair. @typedef {{nngp: number, slope: number}} Averages */

/** Averages in closed form, with their sources in the book. @type {Record<string, (pair: Pair) => Averages>} */
const CLOSED_FORMS = {
  relu: (pair) => piecewiseLinear(pair, 1, 0),

  /** 2/π arcsin(2c / √((1 + 2a)(1 + 2b))), and its derivative by c (Williams 1997). */
  erf({ a, b, c, S }) {
    const D = Math.sqrt(1 + 2 * a + 2 * b + 4 * S * S);
    return { nngp: (2 / Math.PI) * Math.atan2(2 * c, D), slope: 4 / (Math.PI * D) };
  },

  /** Tsuchida et al. 2021. */
  gelu({ a, b, c, S }) {
    const D = Math.sqrt(1 + a + b + S * S);
    const cdf = 0.25 + Math.atan2(c, D) / (2 * Math.PI);
    const w = 1 / (1 + a) + 1 / (1 + b);
    return {
      nngp: c * cdf + (S * S + c * c * w) / (2 * Math.PI * D),
      slope: cdf + ((c * w) / D + c / D ** 3) / (2 * Math.PI),
    };
  },

  /** From E e^{i(h ± h')}. */
  sin({ a, b, c }) {
    const size = Math.exp(-(a + b) / 2);
    return { nngp: size * Math.sinh(c), slope: size * Math.cosh(c) };
  },
};

/**
 * ψ(z) = up·z for z > 0 and down·z for z < 0 (Cho and Saul 2009): E relu(h) relu(h') = (S + (π - angle) c) / 2π and
 * E relu(h) relu(-h') = (S - angle c) / 2π.
 * @param {Pair} pair
 * @param {number} up
 * @param {number} down
 * @returns {Averages}
 */
function piecewiseLinear({ c, angle, S }, up, down) {
  const turn = angle / Math.PI;
  const squares = up * up + down * down;
  const same = S / Math.PI + (1 - turn) * c;
  const opposite = S / Math.PI - turn * c;
  return {
    nngp: (squares * same) / 2 - up * down * opposite,
    slope: (squares * (1 - turn)) / 2 + up * down * turn,
  };
}

/**
 * The kernel at infinite width (the book's `limit_kernel`).
 * @param {Matrix} X
 * @param {string} psi
 * @param {Matrix} [X2] inputs of the second argument; X, if left out
 * @returns {Matrix}
 */
export function limitKernel(X, psi, X2) {
  const averages = averagesOf(psi);
  const K = zeros(X.length, (X2 ?? X).length);
  for (let i = 0; i < X.length; i++) {
    if (X2) {
      for (let j = 0; j < X2.length; j++) K[i][j] = entry(averages, X[i], X2[j]);
    } else {
      for (let j = 0; j <= i; j++) K[i][j] = K[j][i] = entry(averages, X[i], X[j]);
    }
  }
  return K;
}

/**
 * @param {(pair: Pair) => Averages} averages
 * @param {Float64Array} x
 * @param {Float64Array} x2
 * @returns {number}
 */
function entry(averages, x, x2) {
  const pair = pairOf(x, x2);
  const { nngp, slope } = averages(pair);
  return nngp + pair.c * slope;
}

/**
 * @param {Float64Array} x
 * @param {Float64Array} x2
 * @returns {Pair}
 */
function pairOf(x, x2) {
  const a = dot(x, x);
  const b = dot(x2, x2);
  const root = Math.sqrt(a * b);
  // 2 atan2(|e - e'|, |e + e'|) for unit vectors e and e': exact where they are equal or opposite, where the arc
  // cosine loses half of the digits.
  let near = 0;
  let far = 0;
  for (let j = 0; j < x.length; j++) {
    const u = x[j] / Math.sqrt(a);
    const v = x2[j] / Math.sqrt(b);
    near += (u - v) ** 2;
    far += (u + v) ** 2;
  }
  const angle = 2 * Math.atan2(Math.sqrt(near), Math.sqrt(far));
  return { a, b, c: dot(x, x2), root, angle, S: root * Math.sin(angle) };
}

/**
 * How Φ and Φ' are found for this activation.
 * @param {string} psi
 * @returns {(pair: Pair) => Averages}
 */
function averagesOf(psi) {
  if (Object.hasOwn(CLOSED_FORMS, psi)) return CLOSED_FORMS[psi];
  const linear = slopesOfPiecewiseLinear(psi);
  if (linear) return (pair) => piecewiseLinear(pair, linear.up, linear.down);
  return (pair) => fromSeries(psi, pair);
}

/**
 * The slopes of ψ on both sides of 0, if it is linear on both sides.
 * @param {string} psi
 * @returns {{up: number, down: number} | null}
 */
function slopesOfPiecewiseLinear(psi) {
  const { value } = activation(psi);
  const up = value(1);
  const down = -value(-1);
  const tolerance = 1e-14 * (Math.abs(up) + Math.abs(down));
  for (let k = -64; k <= 64; k++) {
    const z = k / 7;
    const expected = z > 0 ? up * z : down * z;
    if (Math.abs(value(z) - expected) > tolerance * (1 + Math.abs(z))) return null;
  }
  return { up, down };
}

// Any other ψ: the series in Hermite polynomials.
//
// With h_k the polynomials that are orthonormal under N(0, 1), a_k = E ψ(σg) h_k(g) and b_k = E ψ'(σg) h_k(g),
//   Φ = Σ a_k a'_k ρ^k  and  Φ' = Σ b_k b'_k ρ^k,  ρ = cos(angle),
// where the dash stands for the other input's norm σ'. For tanh, whose poles lie at ±iπ/2, a_k falls like
// e^{-√(2k) π/2σ}: at σ² = 2 the squares are below 1e-16 after some 130 terms, those of tanh(2z) after some 600. A kink
// away from 0 leaves an error of the order of TERMS^{-1/2} in Φ' where ρ is close to ±1.
const TERMS = 1024;
// The integrand is a smooth function times e^{-g²/4}, below 1e-27 beyond 16, and a Hermite function h_k e^{-g²/4} with
// wavelengths of 2π/32 and more: the trapezoid rule converges exponentially.
const FARTHEST = 16;
const STEP = 1 / 32;

/** @typedef {{value: Float64Array, slope: Float64Array}} Coefficients */

/** Coefficients by activation and norm; a handful at a time. @type {Map<string, Coefficients>} */
const known = new Map();

/**
 * @param {string} psi
 * @param {Pair} pair
 * @returns {Averages}
 */
function fromSeries(psi, { a, b, angle }) {
  const first = coefficients(psi, a);
  const second = coefficients(psi, b);
  const rho = Math.cos(angle);
  let nngp = 0;
  let slope = 0;
  for (let k = TERMS - 1; k >= 0; k--) {
    nngp = nngp * rho + first.value[k] * second.value[k];
    slope = slope * rho + first.slope[k] * second.slope[k];
  }
  return { nngp, slope };
}

/**
 * The Hermite coefficients of ψ(σg) and ψ'(σg).
 * @param {string} psi
 * @param {number} square σ²
 * @returns {Coefficients}
 */
function coefficients(psi, square) {
  const key = `${square.toFixed(12)} ${psi}`; // norms that differ by rounding alone are one
  let found = known.get(key);
  if (!found) {
    if (known.size > 8) known.clear();
    found = computeCoefficients(psi, Math.sqrt(square));
    known.set(key, found);
  }
  return found;
}

/**
 * @param {string} psi
 * @param {number} sigma
 * @returns {Coefficients}
 */
function computeCoefficients(psi, sigma) {
  const { value, slope } = activation(psi);
  const a = new Float64Array(TERMS);
  const b = new Float64Array(TERMS);
  for (let g = -FARTHEST; g <= FARTHEST; g += STEP) {
    const weight = Math.exp((-g * g) / 4) * (STEP / Math.sqrt(2 * Math.PI));
    const v = value(sigma * g);
    const s = slope(sigma * g);
    // Hermite functions h_k e^{-g²/4} stay of moderate size, by √(k+1) h_{k+1} = g h_k - √k h_{k-1}.
    let before = 0;
    let hermite = Math.exp((-g * g) / 4);
    for (let k = 0; k < TERMS; k++) {
      a[k] += weight * v * hermite;
      b[k] += weight * s * hermite;
      const after = (g * hermite - Math.sqrt(k) * before) / Math.sqrt(k + 1);
      before = hermite;
      hermite = after;
    }
  }
  return { value: a, slope: b };
}
