// @ts-check
// What a reader can choose: the values at the start, their limits, and how an address writes them.

import { activation } from "./activations.js";
import { LAST_TIME } from "./flow.js";

/** @import { Point, State } from "./types.js" */

export const MOST_INPUTS = 16;
/** Targets stay where the picture of the function shows them. */
export const LARGEST_TARGET = 2;

/** @type {State} */
export const DEFAULTS = {
  points: [[-2.6, 0.4], [-1.5, -0.8], [-0.6, 0.3], [0.4, 1], [1.3, -0.2], [2.3, -0.9]].map(([at, y]) => ({ at, y })),
  constant: true,
  psi: "tanh",
  width: 64,
  seed: 1,
  paired: false,
  s: 0.5,
  loss: "square",
  rule: "flow",
  rate: 1,
  time: 10,
};

/** Lowest and highest value of each number. @type {Record<string, [low: number, high: number]>} */
export const LIMITS = { width: [1, 1024], seed: [0, 9999], s: [0.5, 1], rate: [0.01, 100], time: [0, LAST_TIME] };
const WHOLE = ["width", "seed"];
/** @type {Record<string, string[]>} */
const CHOICES = { loss: ["square", "logistic"], rule: ["flow", "descent"] };
const SWITCHES = ["constant", "paired"];

/** An angle in (-π, π]. @param {number} angle @returns {number} */
export function onCircle(angle) {
  const turns = Math.ceil((angle - Math.PI) / (2 * Math.PI));
  return angle - 2 * Math.PI * turns;
}

/** A number within limits. @param {number} value @param {number} low @param {number} high @returns {number} */
export function within(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** The reason why ψ cannot be used, or "". @param {string} psi @returns {string} */
export function faultOfPsi(psi) {
  try {
    activation(psi);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @param {unknown} points @returns {Point[] | null} */
function goodPoints(points) {
  if (!Array.isArray(points) || points.length < 1 || points.length > MOST_INPUTS) return null;
  const good = points.every((point) => Number.isFinite(point?.at) && Number.isFinite(point?.y));
  if (!good) return null;
  return points.map(({ at, y }) => ({ at: onCircle(at), y: within(y, -LARGEST_TARGET, LARGEST_TARGET) }));
}

/** A value that may be used for a key of the state, or null. @param {string} key @param {any} value */
function goodValue(key, value) {
  if (key === "points") return goodPoints(value);
  if (key === "psi") return typeof value === "string" && faultOfPsi(value) === "" ? value : null;
  if (SWITCHES.includes(key)) return typeof value === "boolean" ? value : null;
  if (key in CHOICES) return CHOICES[key].includes(value) ? value : null;
  const [low, high] = LIMITS[key];
  if (typeof value !== "number" || !(value >= low && value <= high)) return null;
  return WHOLE.includes(key) && !Number.isInteger(value) ? null : value;
}

/**
 * A whole state from parts of one: what is missing or cannot be used is taken from `otherwise`, and named.
 * @param {Record<string, any>} parts
 * @param {State} [otherwise]
 * @returns {{ state: State, faults: string[] }}
 */
export function completeState(parts, otherwise = DEFAULTS) {
  /** @type {Record<string, any>} */
  const state = { ...otherwise, points: otherwise.points.map((point) => ({ ...point })) };
  const faults = [];
  for (const key of Object.keys(DEFAULTS)) {
    if (!(key in parts)) continue;
    const value = goodValue(key, parts[key]);
    if (value === null) faults.push(key);
    else state[key] = value;
  }
  return { state: /** @type {State} */ (/** @type {unknown} */ (state)), faults };
}

/** A number as an address writes it, with so many digits that nobody sees the difference. @param {number} value */
function digits(value) {
  return String(Number(value.toFixed(4)));
}

/**
 * The state as the part of an address after "#".
 * @param {State} state @returns {string}
 */
export function toAddress(state) {
  const parts = {
    tau: state.points.map(({ at }) => digits(at)).join(","),
    y: state.points.map(({ y }) => digits(y)).join(","),
    psi: state.psi,
    width: state.width,
    seed: state.seed,
    s: digits(state.s),
    loss: state.loss,
    rule: state.rule,
    rate: digits(state.rate),
    time: digits(state.time),
    constant: Number(state.constant),
    paired: Number(state.paired),
  };
  return Object.entries(parts)
    .map(([key, value]) => `${key}=${encodeURIComponent(value).replace(/%2C/g, ",")}`)
    .join("&");
}

/** A number, or NaN for what is none; an empty text is none. @param {string} text */
function numberOf(text) {
  return text.trim() === "" ? NaN : Number(text);
}

/**
 * The state that an address holds.
 * @param {string} text what stands after "#"
 * @returns {{ state: State, experiment: string | null, faults: string[] }} faults: the names of values that cannot be used
 */
export function fromAddress(text) {
  const given = new URLSearchParams(text.replace(/^#/, "").replace(/\+/g, "%2B"));
  /** @type {Record<string, any>} */
  const parts = {};
  const faults = [];
  for (const [key, value] of given) {
    if (key === "tau" || key === "y" || key === "experiment") continue;
    if (!(key in DEFAULTS) || key === "points") faults.push(key);
    else if (key in LIMITS) parts[key] = numberOf(value);
    else if (SWITCHES.includes(key)) parts[key] = value === "1" ? true : value === "0" ? false : null;
    else parts[key] = value;
  }
  const [taus, ys] = [given.get("tau"), given.get("y")];
  if (taus !== null || ys !== null) {
    const [at, y] = [taus ?? "", ys ?? ""].map((list) => list.split(",").map(numberOf));
    parts.points = at.length === y.length ? at.map((angle, i) => ({ at: angle, y: y[i] })) : null;
  }
  const { state, faults: others } = completeState(parts);
  const names = others.map((key) => (key === "points" ? "tau and y" : key));
  return { state, experiment: given.get("experiment"), faults: [...faults, ...names].map((name) => name.slice(0, 20)) };
}
