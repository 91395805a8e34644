// @ts-check
// The network with one hidden layer, its random start and its tangent kernel.

import { activation } from "./activations.js";
import { normals } from "./random.js";

/** @typedef {import("./types").Matrix} Matrix */
/** @typedef {import("./types").Params} Params */
/** @typedef {import("./types").State} State */

/**
 * The inputs x = (cos τ, sin τ), or (cos τ, sin τ, 1) with the constant, one in each row.
 * @param {ArrayLike<number>} angles τ in radians
 * @param {boolean} constant
 * @returns {Matrix}
 */
export function inputs(angles, constant) {
  return Array.from(angles, (angle) => {
    const x = [Math.cos(angle), Math.sin(angle)];
    return Float64Array.from(constant ? [...x, 1] : x);
  });
}

/**
 * A matrix of zeros whose rows share one buffer, so that it can be sent to another thread at once.
 * @param {number} rows
 * @param {number} columns
 * @returns {Matrix}
 */
export function zeros(rows, columns) {
  const all = new Float64Array(rows * columns);
  return Array.from({ length: rows }, (_, i) => all.subarray(i * columns, (i + 1) * columns));
}

/**
 * The random start: all weights i.i.d. N(0, 1) (the book's `init_params`), or in pairs of units with equal W0 and
 * opposite W1, so that the output at the start is 0 (`antisymmetric_params`).
 *
 * The units are drawn one after the other, each with a third hidden weight that only the constant input needs. So a
 * wider network contains the narrower one, and adding the constant keeps what was there.
 * @param {Pick<State, "seed" | "width" | "paired" | "constant">} state
 * @returns {Params}
 */
export function initParams({ seed, width, paired, constant }) {
  const normal = normals(seed);
  const n0 = constant ? 3 : 2;
  const W0 = zeros(width, n0);
  const W1 = new Float64Array(width);
  const stride = paired ? 2 : 1;
  for (let i = 0; i < width; i += stride) {
    const row = [normal(), normal(), normal()].slice(0, n0);
    W0[i].set(row);
    W1[i] = normal();
    if (!paired) continue;
    if (i + 1 < width) {
      W0[i + 1].set(row);
      W1[i + 1] = -W1[i];
    } else {
      W1[i] = 0; // an odd width leaves one unit without a partner: it starts silent
    }
  }
  return { W0, W1 };
}

/**
 * The scale c = n^{1/2 - s} of the drawn output c · network(θ). At s = 1/2 it is 1: the book's network; at s = 1 the
 * output is a mean over the units.
 * @param {Pick<State, "width" | "s">} state
 * @returns {number}
 */
export function scaleOf({ width, s }) {
  return width ** (0.5 - s);
}

/**
 * ψ(h) and ψ'(h) of every unit for one input, where h = ⟨W0_i, x⟩.
 * @param {Params} params
 * @param {Float64Array} x
 * @param {string} psi
 * @returns {{value: Float64Array, slope: Float64Array}}
 */
function units({ W0 }, x, psi) {
  const n = W0.length;
  const h = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const row = W0[i];
    let sum = 0;
    for (let j = 0; j < x.length; j++) sum += row[j] * x[j];
    h[i] = sum;
  }
  const value = new Float64Array(n);
  const slope = new Float64Array(n);
  activation(psi).fill(h, value, slope);
  return { value, slope };
}

/**
 * Outputs of the network, f = n^{-1/2} Σ_i W1_i ψ(⟨W0_i, x⟩) (the book's `network`), without the scale c.
 * @param {Params} params
 * @param {Matrix} X
 * @param {string} psi
 * @returns {Float64Array}
 */
export function outputs(params, X, psi) {
  return Float64Array.from(X, (x) => features(params, x, psi).output);
}

/**
 * What one input contributes: its output, and A = ψ(h) and E = ψ'(h) W1 of every unit, from which kernels are made.
 * @typedef {{x: Float64Array, output: number, A: Float64Array, E: Float64Array}} Features
 */

/**
 * @param {Params} params
 * @param {Float64Array} x
 * @param {string} psi
 * @returns {Features}
 */
export function features(params, x, psi) {
  const { W1 } = params;
  const { value: A, slope: E } = units(params, x, psi);
  const n = W1.length;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += W1[i] * A[i];
    E[i] *= W1[i];
  }
  return { x, output: sum / Math.sqrt(n), A, E };
}

/**
 * One entry of the tangent kernel, (⟨A, A'⟩ + ⟨x, x'⟩ ⟨E, E'⟩) / n.
 * @param {Features} a
 * @param {Features} b
 * @returns {number}
 */
export function ntkEntry(a, b) {
  const n = a.A.length;
  return (dot(a.A, b.A) + dot(a.x, b.x) * dot(a.E, b.E)) / n;
}

/**
 * The inner product ⟨u, v⟩.
 * @param {Float64Array} u
 * @param {Float64Array} v
 * @returns {number}
 */
export function dot(u, v) {
  let sum = 0;
  for (let i = 0; i < u.length; i++) sum += u[i] * v[i];
  return sum;
}

/**
 * The tangent kernel K = (A Aᵀ + (X Xᵀ) ∘ (E Eᵀ)) / n of a finite network (the book's `empirical_ntk`). The scale c
 * does not enter: training slows down by as much as the output's gradients grow.
 * @param {Params} params
 * @param {Matrix} X
 * @param {string} psi
 * @param {Matrix} [X2] inputs of the second argument; X, if left out
 * @returns {Matrix}
 */
export function empiricalNtk(params, X, psi, X2) {
  const left = X.map((x) => features(params, x, psi));
  return X2 === undefined ? ntkOf(left) : ntkOf(left, X2.map((x) => features(params, x, psi)));
}

/**
 * The tangent kernel from features that are already known.
 * @param {Features[]} left
 * @param {Features[]} [right] those of the second argument; `left`, if left out
 * @returns {Matrix}
 */
export function ntkOf(left, right) {
  const K = zeros(left.length, (right ?? left).length);
  for (let i = 0; i < left.length; i++) {
    if (right) {
      for (let j = 0; j < right.length; j++) K[i][j] = ntkEntry(left[i], right[j]);
    } else {
      for (let j = 0; j <= i; j++) K[i][j] = K[j][i] = ntkEntry(left[i], left[j]);
    }
  }
  return K;
}

/**
 * How far two matrices are apart, as a share of the second: ‖A - B‖_F / ‖B‖_F; 0 if the second is 0.
 * @param {Matrix} A
 * @param {Matrix} B
 * @returns {number}
 */
export function relativeDistance(A, B) {
  let distance = 0;
  let size = 0;
  A.forEach((row, i) =>
    row.forEach((value, j) => {
      distance += (value - B[i][j]) ** 2;
      size += B[i][j] ** 2;
    }),
  );
  return size > 0 ? Math.sqrt(distance / size) : 0;
}
