// @ts-check
// All numbers of one picture. What a drag does not change is kept from the picture before.

import { eigh } from "./eigen.js";
import { linearised, meanLoss, targets, trainingTimes } from "./flow.js";
import { limitKernel } from "./limit_kernel.js";
import { dot, features, initParams, inputs, ntkEntry, ntkOf, relativeDistance, scaleOf, zeros } from "./network.js";

/** @typedef {import("./network.js").Features} Features */
/** @typedef {import("./types").Matrix} Matrix */
/** @typedef {import("./types").Outputs} Outputs */
/** @typedef {import("./types").Params} Params */
/** @typedef {import("./types").Scene} Scene */
/** @typedef {import("./types").State} State */
/** @typedef {import("./types").Trajectory} Trajectory */

const GRID = 121;

/** The angles at which functions are drawn, from -π to π. */
export const ANGLES = Float64Array.from({ length: GRID }, (_, i) => -Math.PI + (2 * Math.PI * i) / (GRID - 1));

/**
 * The numbers of the picture for this state, with the trained network as far as a trajectory is there.
 * @param {State} state
 * @param {Trajectory | null} trajectory of a network that was trained with this state, whatever its `time`
 * @param {number[]} picked the points that are marked
 * @returns {Scene}
 */
export function scene(state, trajectory, picked = []) {
  const { points, constant, psi, time } = state;
  const m = points.length;
  const c = scaleOf(state);
  const y = targets(state);
  const X = inputs(points.map(({ at }) => at), constant);
  if (trajectory && trajectory.f[0]?.length !== m) trajectory = null; // of other points

  const atStart = startOf(state);
  const atPoints = points.map(({ at }, a) => pointOf(atStart, at, X[a], psi));
  const start = {
    f: Float64Array.from(atPoints, ({ features }) => c * features.output),
    grid: Float64Array.from(atStart.grid, (features) => c * features.output),
  };
  const K0 = ntkOf(atPoints.map(({ features }) => features));
  const K = limitKernel(X, psi);
  const spectrum0 = eigh(K0);
  const spectrum = eigh(K);

  const ts = trajectory ? trajectory.ts : trainingTimes(state);
  const linear = new Linearised(state, K0, spectrum0, atPoints.map((p) => p.ntkGrid), start, y, ts);
  const limit = new Linearised(state, K, spectrum, atPoints.map((p) => p.limitGrid), start, y, ts);
  // The network is stored after some steps of descent: theory is shown after the same step.
  const now = state.rule === "descent" ? Math.max(...ts.filter((t) => t <= time)) : time;
  const linearNow = linear.at(now);

  const trained = trainedAt(state, trajectory, X);
  const Kt = trained && trained.K;
  const first = spectrum0.values;
  const bounded = state.loss === "square" && state.rule === "flow";
  const smallest = Math.max(first[m - 1], 0);
  const loss0 = meanLoss(state.loss, start.f, y);
  const largest = first[0];

  return {
    state,
    m,
    n: state.width,
    y,
    grid: ANGLES,
    start,
    network: trained && trained.outputs,
    linear: linearNow,
    limit: limit.at(now),
    K0,
    Kt,
    K,
    spectrum0,
    spectrumT: Kt && eigh(Kt),
    spectrum,
    modes: {
      start: alongModes(spectrum0.vectors, start.f, y),
      predicted: alongModes(spectrum0.vectors, linearNow.f, y),
      measured: trained && alongModes(spectrum0.vectors, trained.outputs.f, y),
    },
    ts,
    loss: trajectory && Float64Array.from(trajectory.f, (f) => meanLoss(state.loss, f, y)),
    linearLoss: linear.losses(),
    limitLoss: limit.losses(),
    sharpBound: bounded ? ts.map((t) => loss0 * Math.exp((-2 * smallest * t) / m)) : null,
    lectureBound: bounded ? ts.map((t) => loss0 * Math.exp((-smallest * t) / (2 * m))) : null,
    drift: trajectory && Float64Array.from(trajectory.K, (Kt) => relativeDistance(Kt, trajectory.K[0])),
    smallest: trajectory && trajectory.smallest.slice(0, trajectory.done),
    edge: largest > 0 ? (2 * m) / largest : Infinity,
    params0: atStart.params,
    paramsT: trained && trained.params,
    training: {
      share: trajectory ? trajectory.done / ts.length : 0,
      failed: trajectory?.failed ?? null,
    },
    picked,
  };
}

/**
 * Keep the last value of a function, and compute it again only when an argument is another one.
 * @template {unknown[]} Args
 * @template Value
 * @param {(...args: Args) => Value} compute
 * @returns {(...args: Args) => Value}
 */
function keepLast(compute) {
  /** @type {Args | null} */
  let before = null;
  /** @type {Value} */
  let value;
  return (...args) => {
    if (before === null || args.some((arg, i) => !Object.is(arg, before?.[i]))) {
      value = compute(...args);
      before = args;
    }
    return value;
  };
}

// The start, which no drag of a point changes.

/** What one point contributes: its features, and its columns of K_0 and of the limit kernel on the grid.
 * @typedef {{features: Features, ntkGrid: Float64Array, limitGrid: Float64Array}} AtPoint */
/** @typedef {{params: Params, X: Matrix, grid: Features[], points: Map<number, AtPoint>}} Start */

const MOST_POINTS = 64; // that are remembered; a drag passes through thousands

const startFrom = keepLast(
  /**
   * @param {number} seed
   * @param {number} width
   * @param {boolean} paired
   * @param {boolean} constant
   * @param {string} psi
   * @returns {Start}
   */
  (seed, width, paired, constant, psi) => {
    const params = initParams({ seed, width, paired, constant });
    const X = inputs(ANGLES, constant);
    return { params, X, grid: X.map((x) => features(params, x, psi)), points: new Map() };
  },
);

/**
 * @param {State} state
 * @returns {Start}
 */
function startOf({ seed, width, paired, constant, psi }) {
  return startFrom(seed, width, paired, constant, psi);
}

/**
 * @param {Start} start
 * @param {number} angle
 * @param {Float64Array} x
 * @param {string} psi
 * @returns {AtPoint}
 */
function pointOf(start, angle, x, psi) {
  let point = start.points.get(angle);
  if (!point) {
    if (start.points.size >= MOST_POINTS) start.points.clear();
    const here = features(start.params, x, psi);
    point = {
      features: here,
      ntkGrid: Float64Array.from(start.grid, (there) => ntkEntry(there, here)),
      limitGrid: limitKernel([x], psi, start.X)[0],
    };
    start.points.set(angle, point);
  }
  return point;
}

// The linearised model.

/** f_t(x) = f_0(x) + K(x, X) a(t), at the points and on the grid. */
class Linearised {
  /**
   * @param {State} state
   * @param {Matrix} K
   * @param {import("./types").Spectrum} spectrum
   * @param {Float64Array[]} columns those of K on the grid, one for each point
   * @param {Outputs} start
   * @param {Float64Array} y
   * @param {Float64Array} ts
   */
  constructor(state, K, spectrum, columns, start, y, ts) {
    this.state = state;
    this.K = K;
    this.spectrum = spectrum;
    this.columns = columns;
    this.start = start;
    this.y = y;
    this.ts = ts;
  }

  /**
   * @param {ArrayLike<number>} ts
   * @returns {Matrix}
   */
  weights(ts) {
    return linearised(this.state, this.K, this.spectrum, this.start.f, this.y, ts);
  }

  /**
   * @param {Float64Array} weights
   * @returns {Float64Array}
   */
  outputs(weights) {
    return this.start.f.map((f, a) => f + dot(this.K[a], weights));
  }

  /**
   * @param {number} time
   * @returns {Outputs}
   */
  at(time) {
    const [weights] = this.weights([time]);
    const grid = this.start.grid.slice();
    this.columns.forEach((column, a) => {
      for (let g = 0; g < grid.length; g++) grid[g] += column[g] * weights[a];
    });
    return { f: this.outputs(weights), grid };
  }

  /** @returns {Float64Array} */
  losses() {
    return Float64Array.from(this.weights(this.ts), (w) => meanLoss(this.state.loss, this.outputs(w), this.y));
  }
}

// The trained network.

/**
 * Parameters, outputs and kernel of the trained network at the time shown, if training has come so far.
 * @param {State} state
 * @param {Trajectory | null} trajectory
 * @param {Matrix} X
 * @returns {{params: Params, outputs: Outputs, K: Matrix} | null}
 */
function trainedAt(state, trajectory, X) {
  const params = trajectory && paramsAt(trajectory, state.time, state.rule);
  if (!params) return null;
  const c = scaleOf(state);
  const atPoints = X.map((x) => features(params, x, state.psi));
  return {
    params,
    outputs: {
      f: Float64Array.from(atPoints, ({ output }) => c * output),
      grid: gridOutputs(params, state.psi, state.constant).map((f) => c * f),
    },
    K: ntkOf(atPoints),
  };
}

const gridOutputs = keepLast(
  /**
   * @param {Params} params
   * @param {string} psi
   * @param {boolean} constant
   */
  (params, psi, constant) =>
    Float64Array.from(inputs(ANGLES, constant), (x) => features(params, x, psi).output),
);

const paramsAt = keepLast(
  /**
   * Between two stored times of the flow, the cubic through the four stored times around; under descent, the network
   * after the last step that was stored.
   * @param {Trajectory} trajectory
   * @param {number} time
   * @param {State["rule"]} rule
   * @returns {Params | null}
   */
  ({ ts, params, done }, time, rule) => {
    if (done === 0 || (time > ts[done - 1] && done < ts.length)) return null;
    let last = 0;
    while (last + 1 < done && ts[last + 1] <= time) last++;
    if (rule === "descent" || ts[last] === time || last === done - 1) return params[last];
    const first = Math.max(0, Math.min(last - 1, done - 4));
    const around = params.slice(first, first + 4);
    const weights = lagrange(ts.subarray(first, first + around.length), time);
    const { W0, W1 } = params[0];
    const mean = { W0: zeros(W0.length, W0[0].length), W1: new Float64Array(W1.length) };
    around.forEach((some, k) => {
      for (let i = 0; i < W1.length; i++) {
        mean.W1[i] += weights[k] * some.W1[i];
        for (let j = 0; j < W0[i].length; j++) mean.W0[i][j] += weights[k] * some.W0[i][j];
      }
    });
    return mean;
  },
);

/**
 * Weights of the values at these times in the polynomial through them, taken at `time`.
 * @param {Float64Array} ts
 * @param {number} time
 * @returns {number[]}
 */
function lagrange(ts, time) {
  return Array.from(ts, (t, i) => {
    let weight = 1;
    ts.forEach((other, j) => {
      if (j !== i) weight *= (time - other) / (t - other);
    });
    return weight;
  });
}

/**
 * The parts of the residual f - y along the eigenvectors.
 * @param {Matrix} vectors
 * @param {Float64Array} f
 * @param {Float64Array} y
 * @returns {Float64Array}
 */
function alongModes(vectors, f, y) {
  return Float64Array.from(vectors, (v) => dot(v, f.map((value, a) => value - y[a])));
}
