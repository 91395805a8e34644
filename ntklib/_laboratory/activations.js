// @ts-check
// The activations ψ that can be chosen, with their derivatives, and those that a reader types.

import { erf, erfc } from "./erf.js";
import { parse } from "./expression.js";

/** @typedef {import("./types").Activation} Activation */

/**
 * An activation from its value and slope, with `fill` for whole arrays.
 * @param {string} name
 * @param {(z: number) => number} value
 * @param {(z: number) => number} slope
 * @returns {Activation}
 */
function elementwise(name, value, slope) {
  return {
    name,
    value,
    slope,
    fill(h, values, slopes) {
      for (let i = 0; i < h.length; i++) {
        values[i] = value(h[i]);
        slopes[i] = slope(h[i]);
      }
    },
  };
}

/** tanh' = 1 - tanh², so one evaluation gives both. */
const tanh = {
  ...elementwise("tanh", Math.tanh, (z) => 1 - Math.tanh(z) ** 2),
  /** @type {Activation["fill"]} */
  fill(h, values, slopes) {
    for (let i = 0; i < h.length; i++) {
      const value = Math.tanh(h[i]);
      values[i] = value;
      slopes[i] = 1 - value * value;
    }
  },
};

/** Its kink at 0 has the slope 0, as in JAX. */
const relu = elementwise("relu", (z) => (z > 0 ? z : 0), (z) => (z > 0 ? 1 : 0));

const erfActivation = elementwise("erf", erf, erfSlope);

/** z times the distribution function of N(0, 1), without the usual approximation by tanh. */
const gelu = elementwise("gelu", (z) => z * normalCdf(z), (z) => normalCdf(z) + z * normalDensity(z));

const sin = elementwise("sin", Math.sin, Math.cos);

/** log(1 + e^z), and its slope, the logistic function. */
const softplus = elementwise("softplus", (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))), logistic);

/** The activations with a name. @type {Record<string, Activation>} */
export const ACTIVATIONS = { tanh, relu, erf: erfActivation, gelu, sin, softplus };

/** The last expression that was read: a page asks for the same one thousands of times. @type {Activation | null} */
let typed = null;

/**
 * The activation of this name, or the one that this expression in z defines.
 * @param {string} psi
 * @returns {Activation}
 * @throws {Error} with one sentence that says what is wrong with the expression, and where
 */
export function activation(psi) {
  if (Object.hasOwn(ACTIVATIONS, psi)) return ACTIVATIONS[psi];
  if (typed?.name !== psi) {
    const { value, slope } = parse(psi);
    typed = elementwise(psi, value, slope);
  }
  return typed;
}

/**
 * The logistic function 1 / (1 + e^{-z}).
 * @param {number} z
 * @returns {number}
 */
export function logistic(z) {
  return 1 / (1 + Math.exp(-z));
}

/**
 * @param {number} z
 * @returns {number}
 */
function erfSlope(z) {
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z);
}

/**
 * The density of N(0, 1).
 * @param {number} z
 * @returns {number}
 */
function normalDensity(z) {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/**
 * The distribution function of N(0, 1), with all digits also far to the left.
 * @param {number} z
 * @returns {number}
 */
function normalCdf(z) {
  return erfc(-z / Math.SQRT2) / 2;
}
