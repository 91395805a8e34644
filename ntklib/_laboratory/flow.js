// @ts-check
// Training: the network along its gradient flow or by gradient descent, and the linearised model beside it.

import { activation, logistic } from "./activations.js";
import { eigh } from "./eigen.js";
import { dot, empiricalNtk, initParams, inputs, scaleOf, zeros } from "./network.js";

/** @typedef {import("./types").Matrix} Matrix */
/** @typedef {import("./types").Params} Params */
/** @typedef {import("./types").Spectrum} Spectrum */
/** @typedef {import("./types").State} State */
/** @typedef {import("./types").Trajectory} Trajectory */

/** The last time that can be shown. */
export const LAST_TIME = 100;
const FIRST_TIME = 0.05;
const TIMES = 60;

/**
 * The times at which training reports: 0, then in equal ratios from 0.05 to LAST_TIME; under descent the nearest
 * multiples of the learning rate.
 * @param {Pick<State, "rule" | "rate">} state
 * @returns {Float64Array}
 */
export function trainingTimes({ rule, rate }) {
  const times = [0];
  for (let k = 0; k <= TIMES - 2; k++) times.push(FIRST_TIME * (LAST_TIME / FIRST_TIME) ** (k / (TIMES - 2)));
  times[TIMES - 1] = LAST_TIME;
  if (rule === "flow") return Float64Array.from(times);
  const last = Math.max(1, Math.floor(LAST_TIME / rate + 1e-9));
  const counts = times.map((t) => Math.min(Math.round(t / rate), last));
  return Float64Array.from(new Set(counts), (k) => k * rate);
}

/**
 * The targets: y, or under the logistic loss the labels ±1, the signs of y.
 * @param {Pick<State, "points" | "loss">} state
 * @returns {Float64Array}
 */
export function targets({ points, loss }) {
  return Float64Array.from(points, ({ y }) => (loss === "square" ? y : y < 0 ? -1 : 1));
}

/**
 * The slope ∂_f l of one example's loss: f - y for (f - y)²/2, and -y/(1 + e^{yf}) for log(1 + e^{-yf}).
 * @param {State["loss"]} loss
 * @returns {(f: number, y: number) => number}
 */
export function lossSlope(loss) {
  return loss === "square" ? (f, y) => f - y : (f, y) => -y * logistic(-y * f);
}

/**
 * The loss 𝓛 = ‖f - y‖²/2m (the book's `half_mse`), or (1/m) Σ log(1 + e^{-yf}).
 * @param {State["loss"]} loss
 * @param {Float64Array} f
 * @param {Float64Array} y
 * @returns {number}
 */
export function meanLoss(loss, f, y) {
  let sum = 0;
  for (let a = 0; a < f.length; a++) {
    if (loss === "square") {
      sum += (f[a] - y[a]) ** 2 / 2;
    } else {
      const margin = y[a] * f[a];
      sum += Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)));
    }
  }
  return sum / f.length;
}

// The network. Its parameters form one array: the rows of W0 one after the other, then W1.

/**
 * What training needs to know, with room for what every evaluation computes.
 * @typedef {object} Problem
 * @property {Matrix} X
 * @property {Float64Array} y
 * @property {number} n
 * @property {number} n0
 * @property {number} c
 * @property {(f: number, y: number) => number} dloss
 * @property {import("./types").Activation["fill"]} fill
 * @property {Float64Array} h
 * @property {Float64Array} A
 * @property {Float64Array} S
 * @property {Float64Array} f
 */

/**
 * @param {State} state
 * @returns {Problem}
 */
function problemOf(state) {
  const X = inputs(state.points.map(({ at }) => at), state.constant);
  const size = state.width * X.length;
  return {
    X,
    y: targets(state),
    n: state.width,
    n0: X[0].length,
    c: scaleOf(state),
    dloss: lossSlope(state.loss),
    fill: activation(state.psi).fill,
    h: new Float64Array(size),
    A: new Float64Array(size),
    S: new Float64Array(size),
    f: new Float64Array(X.length),
  };
}

/**
 * The drawn outputs f = (c/√n) Σ_i W1_i ψ(h_i); ψ and ψ' of all units stay in `problem`.
 * @param {Problem} problem
 * @param {Float64Array} theta
 * @returns {Float64Array}
 */
function forward(problem, theta) {
  const { X, n, n0, c, h, A, S, f } = problem;
  for (let a = 0; a < X.length; a++) {
    const x = X[a];
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n0; j++) sum += theta[i * n0 + j] * x[j];
      h[a * n + i] = sum;
    }
  }
  problem.fill(h, A, S);
  for (let a = 0; a < X.length; a++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += theta[n * n0 + i] * A[a * n + i];
    f[a] = (c / Math.sqrt(n)) * sum;
  }
  return f;
}

/**
 * The velocity of the parameters, θ' = -(1/c²) ∇_θ L(c · network(θ)).
 * @param {Problem} problem
 * @param {Float64Array} theta
 * @param {Float64Array} velocity is overwritten
 */
function trainingVelocity(problem, theta, velocity) {
  const { X, y, n, n0, c, dloss, A, S } = problem;
  const f = forward(problem, theta);
  velocity.fill(0);
  for (let a = 0; a < X.length; a++) {
    const x = X[a];
    const push = -dloss(f[a], y[a]) / (c * X.length * Math.sqrt(n));
    for (let i = 0; i < n; i++) {
      velocity[n * n0 + i] += push * A[a * n + i];
      const onUnit = push * theta[n * n0 + i] * S[a * n + i];
      for (let j = 0; j < n0; j++) velocity[i * n0 + j] += onUnit * x[j];
    }
  }
}

/**
 * @param {Params} params
 * @returns {Float64Array}
 */
function flatten({ W0, W1 }) {
  return Float64Array.from([...W0.flatMap((row) => [...row]), ...W1]);
}

/**
 * @param {Float64Array} theta
 * @param {number} n
 * @returns {Params}
 */
function unflatten(theta, n) {
  const n0 = theta.length / n - 1;
  const W0 = zeros(n, n0);
  for (let i = 0; i < n; i++) W0[i].set(theta.subarray(i * n0, (i + 1) * n0));
  return { W0, W1: theta.slice(n * n0) };
}

/**
 * Train, and yield the trajectory (always the same object) whenever one more time is done, and also in between, so
 * that whoever drives this can look for messages. The last value is the return value.
 * @param {State} state
 * @returns {Generator<Trajectory, Trajectory, void>}
 */
export function* training(state) {
  const problem = problemOf(state);
  const params = initParams(state);
  const ts = trainingTimes(state);
  const theta = flatten(params);
  /** @type {Trajectory} */
  const trajectory = { ts, params: [], f: [], K: [], smallest: new Float64Array(ts.length), done: 0 };
  const start = meanLoss(state.loss, forward(problem, theta), problem.y);

  /** Note down the network at the next time. */
  function store() {
    const params = unflatten(theta, problem.n);
    const K = empiricalNtk(params, problem.X, state.psi);
    trajectory.params.push(params);
    trajectory.f.push(Float64Array.from(forward(problem, theta)));
    trajectory.K.push(K);
    trajectory.smallest[trajectory.done] = eigh(K).values[K.length - 1];
    trajectory.done += 1;
  }

  /** @type {(theta: Float64Array, out: Float64Array) => void} */
  const velocity = (at, out) => trainingVelocity(problem, at, out);
  store();
  const shortest = shortestStep(trajectory.K[0], problem.n);
  const advance = state.rule === "flow" ? adaptive(velocity, theta, shortest) : descent(velocity, theta, state.rate);
  for (let k = 1; k < ts.length; k++) {
    yield trajectory;
    for (const failed of advance(ts[k - 1], ts[k])) {
      if (failed) {
        trajectory.failed = failed;
        return trajectory;
      }
      yield trajectory;
    }
    const loss = meanLoss(state.loss, forward(problem, theta), problem.y);
    if (!(loss <= TOO_LARGE * (1 + start)) || !theta.every(Number.isFinite)) {
      trajectory.failed = `Training ran away: at t = ${short(ts[k])} the loss had passed every bound.`;
      return trajectory;
    }
    store();
  }
  return trajectory;
}

/** A loss that has grown by this factor does not come back. */
const TOO_LARGE = 1e9;

/**
 * Train to the end, or until `stop` says so.
 * @param {State} state
 * @param {(trajectory: Trajectory) => void} [onTrajectory] called after each time that is done
 * @param {() => boolean} [stop]
 * @returns {Trajectory}
 */
export function train(state, onTrajectory, stop) {
  const steps = training(state);
  let seen = 0;
  for (;;) {
    const { value: trajectory, done } = steps.next();
    if (trajectory.done > seen) onTrajectory?.(trajectory);
    seen = trajectory.done;
    if (done || stop?.()) return trajectory;
  }
}

// Steps in time. Both rules move `theta` in place from one time to a later one, and yield now and then: a sentence when
// they have to give up, else null.

/** @typedef {(from: number, to: number) => Generator<string | null, void, void>} Advance */

const BREATH = 16; // steps between two chances to be stopped

/**
 * Gradient descent: θ ← θ + η θ'.
 * @param {(theta: Float64Array, out: Float64Array) => void} velocity
 * @param {Float64Array} theta
 * @param {number} rate
 * @returns {Advance}
 */
function descent(velocity, theta, rate) {
  const change = new Float64Array(theta.length);
  return function* advance(from, to) {
    const steps = Math.round((to - from) / rate);
    for (let k = 1; k <= steps; k++) {
      velocity(theta, change);
      for (let i = 0; i < theta.length; i++) theta[i] += rate * change[i];
      if (k % BREATH === 0) yield null;
    }
  };
}

// The pair of methods of orders 5 and 4 of Dormand and Prince (1980): stage k starts from the velocities of the stages
// before it, weighted by STAGES[k]; the last stage is the result, and ERROR is its difference from the other method.
const STAGES = [
  [],
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];
const ERROR = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
const RTOL = 1e-6;
const ATOL = 1e-8;
const MOST_STEPS = 40000; // some hundreds are usual

/**
 * The step that is accepted whatever its estimated error is, as in the book's `gradient_flow`.
 *
 * Where ψ has a kink, a unit can reach it and stay there: from both sides the flow leads back to it, and no step is
 * short enough for the tolerance. The step is a share of the time scale m / trace K, than which no mode is faster; a
 * smaller share for a narrow network, in which one unit counts for more and steps cost less.
 * @param {Matrix} K the kernel at the start
 * @param {number} n
 * @returns {number}
 */
function shortestStep(K, n) {
  const trace = K.reduce((sum, row, a) => sum + row[a], 0);
  const share = 1 / Math.max(3, Math.min(32, 2048 / n));
  return trace > 0 ? (share * K.length) / trace : LAST_TIME;
}

/**
 * The flow θ' = velocity(θ) by steps that adapt to their estimated error and end on every time asked for.
 * @param {(theta: Float64Array, out: Float64Array) => void} velocity
 * @param {Float64Array} theta
 * @param {number} shortest a step that is accepted as it is, if the numbers are finite
 * @returns {Advance}
 */
function adaptive(velocity, theta, shortest) {
  const size = theta.length;
  const slopes = STAGES.map(() => new Float64Array(size));
  const next = new Float64Array(size);
  let step = 0.01;
  let steps = 0;
  let fresh = true;
  return function* advance(from, to) {
    let t = from;
    if (fresh) velocity(theta, slopes[0]);
    fresh = false;
    while (t < to) {
      if (++steps > MOST_STEPS) {
        yield `Training needs too many steps: it was given up at t = ${short(t)}.`;
        return;
      }
      const last = t + step >= to;
      const used = last ? to - t : step;
      for (let k = 1; k < STAGES.length; k++) {
        combine(theta, slopes, STAGES[k], used, next);
        velocity(next, slopes[k]);
      }
      const error = errorOf(theta, next, slopes, used);
      const accepted = error <= 1 || (used <= shortest && Number.isFinite(error));
      if (accepted) {
        theta.set(next);
        slopes[0].set(slopes[6]); // the last stage is the first of the next step
        t = last ? to : t + used;
      }
      // NaN, from numbers that became infinite, makes the step shorter as well.
      const factor = Number.isFinite(error) ? Math.min(5, Math.max(0.2, 0.9 * error ** -0.2)) : 0.2;
      // A step that was cut off to end on a time says little about the length of the next.
      if (!accepted || !last || used * factor > step) step = used * factor;
      if (Number.isFinite(error)) step = Math.max(step, shortest);
      if (steps % BREATH === 0) yield null;
    }
  };
}

/**
 * next = theta + step Σ_k weights_k slopes_k
 * @param {Float64Array} theta
 * @param {Float64Array[]} slopes
 * @param {number[]} weights
 * @param {number} step
 * @param {Float64Array} next
 */
function combine(theta, slopes, weights, step, next) {
  next.set(theta);
  for (let k = 0; k < weights.length; k++) {
    const weight = step * weights[k];
    if (weight === 0) continue;
    const slope = slopes[k];
    for (let i = 0; i < next.length; i++) next[i] += weight * slope[i];
  }
}

/**
 * The estimated error of a step in units of what is allowed, as a root mean square.
 * @param {Float64Array} theta
 * @param {Float64Array} next
 * @param {Float64Array[]} slopes
 * @param {number} step
 * @returns {number}
 */
function errorOf(theta, next, slopes, step) {
  let sum = 0;
  for (let i = 0; i < theta.length; i++) {
    let error = 0;
    for (let k = 0; k < ERROR.length; k++) error += ERROR[k] * slopes[k][i];
    sum += ((step * error) / (ATOL + RTOL * Math.max(Math.abs(theta[i]), Math.abs(next[i])))) ** 2;
  }
  return Math.sqrt(sum / theta.length);
}

/**
 * @param {number} x
 * @returns {string}
 */
function short(x) {
  return String(Number(x.toPrecision(3)));
}

// The linearised model.

/** What a factor (1 - ηλ/m)^k that overflows is shown as. */
const CLIP = 1e12;

/**
 * The weights a(t) of the linearised model, whose outputs are f_t(x) = f_0(x) + K(x, X) a(t), at the times `ts`:
 * a' = -∂_f l(f_0 + K a, y)/m under the flow, and by steps of the rate η under descent (the book's `linear_flow`,
 * `predict` and `function_flow`).
 * @param {Pick<State, "loss" | "rule" | "rate">} state
 * @param {Matrix} K
 * @param {Spectrum} spectrum eigenvalues and eigenvectors of K
 * @param {Float64Array} f0
 * @param {Float64Array} y
 * @param {ArrayLike<number>} ts
 * @returns {Matrix} a row for each time
 */
export function linearised(state, K, spectrum, f0, y, ts) {
  return state.loss === "square" ? modeByMode(state, spectrum, f0, y, ts) : stepByStep(state, K, f0, y, ts);
}

/**
 * For the square loss the modes of K part: a = Σ_k v_k ⟨v_k, y - f_0⟩ (1 - d_k)/λ_k, where d_k = e^{-λ_k t/m}, or
 * (1 - ηλ_k/m)^{t/η} under descent, is the share of the residual that is left. (1 - d)/λ tends to t/m as λ → 0.
 * @param {Pick<State, "rule" | "rate">} state
 * @param {Spectrum} spectrum
 * @param {Float64Array} f0
 * @param {Float64Array} y
 * @param {ArrayLike<number>} ts
 * @returns {Matrix}
 */
function modeByMode({ rule, rate }, { values, vectors }, f0, y, ts) {
  const m = y.length;
  const result = zeros(ts.length, m);
  for (let k = 0; k < m; k++) {
    const v = vectors[k];
    let part = 0;
    for (let a = 0; a < m; a++) part += v[a] * (y[a] - f0[a]);
    const speed = Math.max(values[k], 0) / m;
    for (let i = 0; i < ts.length; i++) {
      const learnt = rule === "flow" ? learntByFlow(speed, ts[i]) : learntByDescent(speed, ts[i], rate);
      for (let a = 0; a < m; a++) result[i][a] += (v[a] * part * learnt) / m;
    }
  }
  return result;
}

/**
 * (1 - e^{-speed t}) / speed
 * @param {number} speed
 * @param {number} t
 * @returns {number}
 */
function learntByFlow(speed, t) {
  return speed * t === 0 ? t : -Math.expm1(-speed * t) / speed;
}

/**
 * (1 - (1 - η speed)^{t/η}) / speed
 * @param {number} speed
 * @param {number} t
 * @param {number} rate
 * @returns {number}
 */
function learntByDescent(speed, t, rate) {
  const steps = Math.round(t / rate);
  if (speed * t === 0) return t;
  const left = rate * speed < 1 ? Math.expm1(steps * Math.log1p(-rate * speed)) : (1 - rate * speed) ** steps - 1;
  return Math.max(-CLIP, Math.min(CLIP, -left / speed));
}

/**
 * For any other loss the outputs at the points are integrated, in m dimensions.
 * @param {Pick<State, "loss" | "rule" | "rate">} state
 * @param {Matrix} K
 * @param {Float64Array} f0
 * @param {Float64Array} y
 * @param {ArrayLike<number>} ts
 * @returns {Matrix}
 */
function stepByStep({ loss, rule, rate }, K, f0, y, ts) {
  const m = y.length;
  const dloss = lossSlope(loss);
  const weights = new Float64Array(m);
  /** @type {(a: Float64Array, out: Float64Array) => void} */
  const velocity = (a, out) => {
    for (let i = 0; i < m; i++) out[i] = -dloss(f0[i] + dot(K[i], a), y[i]) / m;
  };
  const advance = rule === "flow" ? adaptive(velocity, weights, 0) : descent(velocity, weights, rate);
  const result = zeros(ts.length, m);
  let t = 0;
  for (let i = 0; i < ts.length; i++) {
    for (const failed of advance(t, ts[i])) if (failed) break;
    t = ts[i];
    result[i].set(weights);
  }
  return result;
}
