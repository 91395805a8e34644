// @ts-check
// Eigenvalues and eigenvectors of symmetric matrices of up to 16 rows.

/** @typedef {import("./types").Matrix} Matrix */
/** @typedef {import("./types").Spectrum} Spectrum */

const SWEEPS = 30; // convergence is quadratic: 16 rows take about 7

/**
 * All eigenvalues, the largest first, and orthonormal eigenvectors (the book's `spectrum`), by Jacobi's method: each
 * rotation in the plane of rows p and q makes the entry (p, q) zero, and the others outside the diagonal shrink.
 * @param {Matrix} M symmetric
 * @returns {Spectrum}
 */
export function eigh(M) {
  const m = M.length;
  const A = M.map((row) => Float64Array.from(row));
  const V = A.map((_, i) => Float64Array.from({ length: m }, (_, j) => (i === j ? 1 : 0))); // a vector in each row
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < m; p++) {
      for (let q = p + 1; q < m; q++) {
        rotated = rotate(A, V, p, q) || rotated;
      }
    }
    if (!rotated) break;
  }
  const order = Array.from({ length: m }, (_, k) => k).sort((i, j) => A[j][j] - A[i][i]);
  return {
    values: Float64Array.from(order, (k) => A[k][k]),
    vectors: order.map((k) => V[k]),
  };
}

/**
 * Turn rows and columns p and q of A so that A[p][q] becomes 0, and the vectors with them.
 * @param {Matrix} A
 * @param {Matrix} V
 * @param {number} p
 * @param {number} q
 * @returns {boolean} whether there was anything to turn
 */
function rotate(A, V, p, q) {
  const entry = A[p][q];
  // What rounding cannot tell from 0 beside the diagonal counts as 0.
  if (Math.abs(entry) <= 1e-17 * (Math.abs(A[p][p]) + Math.abs(A[q][q]))) return false;
  // tan of the angle, the smaller root of t² + 2 t cot(2 angle) - 1 = 0
  const cot = (A[q][q] - A[p][p]) / (2 * entry);
  const t = Math.sign(cot || 1) / (Math.abs(cot) + Math.hypot(1, cot));
  const cos = 1 / Math.hypot(1, t);
  const sin = t * cos;
  A[p][p] -= t * entry;
  A[q][q] += t * entry;
  A[p][q] = A[q][p] = 0;
  for (let k = 0; k < A.length; k++) {
    const v = V[p][k];
    V[p][k] = cos * v - sin * V[q][k];
    V[q][k] = sin * v + cos * V[q][k];
    if (k === p || k === q) continue;
    const a = A[k][p];
    A[k][p] = A[p][k] = cos * a - sin * A[k][q];
    A[k][q] = A[q][k] = sin * a + cos * A[k][q];
  }
  return true;
}
