// @ts-check
// The guided experiments: what a button sets, what the reader does then, and how the page sees that it is done.
//
// `progress` compares the scene with the one that the button gave. It looks at numbers alone, so that every way of
// doing the experiment counts, and it says the numbers that it has seen.

import { eigh } from "./eigen.js";
import { meanLoss } from "./flow.js";
import { limitKernel } from "./limit_kernel.js";
import { dot, inputs, relativeDistance } from "./network.js";
import { DEFAULTS } from "./state.js";
import { ROUNDING, numeral } from "./views/svg.js";

/** @typedef {import("./types").Experiment} Experiment */
/** @typedef {import("./types").Scene} Scene */
/** @typedef {import("./types").State} State */

/** What an experiment does not mention is as here, whatever the reader had chosen before. @type {State} */
const USUAL = {
  ...DEFAULTS,
  points: [[-2.4, -0.8], [-0.9, 0.5], [0.4, 1], [1.9, -0.4]].map(([at, y]) => ({ at, y })),
  width: 256,
};

// ---- numbers in sentences ----------

/** @param {number} share @returns {string} */
function percent(share) {
  return `${numeral(Math.abs(share) < ROUNDING ? 0 : 100 * share)} %`;
}

// ---- quantities ----------

/** The smallest eigenvalue of the limit kernel, 0 if it is a rounding error. @param {Scene} scene */
function smallestOfLimit({ spectrum: { values }, m }) {
  return values[m - 1] > ROUNDING * values[0] ? values[m - 1] : 0;
}

/**
 * Two inputs that are almost equal allow the limit kernel no eigenvalue above this number: its Rayleigh quotient along
 * their difference. The smallest over all pairs.
 * @param {Scene} scene
 */
function allowedByPairs({ K }) {
  let smallest = Infinity;
  K.forEach((row, i) => {
    for (let j = 0; j < i; j++) smallest = Math.min(smallest, (row[i] + K[j][j]) / 2 - row[j]);
  });
  return smallest;
}

/** The smallest distance of two inputs on the circle, as an angle. @param {State} state */
function closest({ points }) {
  let smallest = Infinity;
  points.forEach(({ at }, i) => {
    for (const other of points.slice(0, i)) {
      const gap = Math.abs(at - other.at) % (2 * Math.PI);
      smallest = Math.min(smallest, gap, 2 * Math.PI - gap);
    }
  });
  return smallest;
}

/** The largest drift of the kernel up to the last time, or null until the network is trained. @param {Scene} scene */
function largestDrift({ drift, training }) {
  return drift && training.share === 1 ? Math.max(...drift) : null;
}

/**
 * How far the units have moved: the root mean square, over all weights, of their change up to the time shown.
 * @param {Scene} scene
 */
function movement({ params0, paramsT }) {
  if (!paramsT) return null;
  let sum = 0;
  let count = 0;
  /** @param {Float64Array} now @param {Float64Array} start */
  function add(now, start) {
    now.forEach((weight, i) => (sum += (weight - start[i]) ** 2));
    count += now.length;
  }
  paramsT.W0.forEach((row, i) => add(row, params0.W0[i]));
  add(paramsT.W1, params0.W1);
  return Math.sqrt(sum / count);
}

/** The wave cos kτ at the inputs. @param {State} state @param {number} k */
function wave({ points }, k) {
  return Float64Array.from(points, ({ at }) => Math.cos(k * at));
}

/** The part of a wave that the network has learnt, 1 for all of it. @param {Scene} scene @param {number} k */
function learnt({ state, network, start, y }, k) {
  const w = wave(state, k);
  if (!network) return null;
  const first = dot(w, start.f.map((f, a) => f - y[a]));
  return 1 - dot(w, network.f.map((f, a) => f - y[a])) / first;
}

/**
 * The Rayleigh quotient of K0 along a wave: its eigenvalue, if the wave is an eigenvector.
 * @param {Scene} scene
 * @param {number} k
 */
function alongWave({ state, K0 }, k) {
  const w = wave(state, k);
  return dot(w, Float64Array.from(K0, (row) => dot(row, w))) / dot(w, w);
}

/** Said while a network that counts is not yet there. */
const WAIT = { done: false, text: "The network is being trained." };

// ---- the experiments ----------

/** @type {Experiment} */
const opposite = {
  name: "opposite",
  title: "An opposite pair",
  chapter: "network",
  task: "Two inputs lie opposite each other and have the same target. Repair this: change one thing, so that the" +
    " network can fit all three targets.",
  question: "Which changes help, and what do they have in common?",
  state: {
    ...USUAL,
    constant: false,
    points: [{ at: 0.6, y: 0.8 }, { at: 0.6 - Math.PI, y: 0.8 }, { at: 1.9, y: -0.5 }],
    time: 100,
  },
  views: ["function", "spectrum", "kernels"],
  progress(scene, before) {
    const lam = smallestOfLimit(scene);
    const then = smallestOfLimit(before);
    if (lam < 0.01) {
      const next = allowedByPairs(scene) < 0.02 ? "now two inputs are almost equal; draw them apart."
        : lam < 1e-9 ? "there are targets that the network does not learn." : "too small to be of help; go on.";
      return { done: false, text: `The smallest eigenvalue of the limit kernel is ${numeral(lam)}: ${next}` };
    }
    const { state } = scene;
    const reason = state.constant && !before.state.constant
      ? "With the constant 1 as a further coordinate no input is the negative of another."
      : state.psi !== before.state.psi
        ? `With ψ = ${state.psi} the outputs at x and −x are no longer tied to each other.`
        : "No input is the negative of another any more.";
    return {
      done: true,
      text: `${reason} The smallest eigenvalue of the limit kernel rose from ${numeral(then)} to ` +
        `${numeral(lam)}. Whatever helps makes the kernel positive definite.`,
    };
  },
};

/** @type {Experiment} */
const edge = {
  name: "edge",
  title: "The edge of stability",
  chapter: "gradient_flow",
  task: "Training takes steps now. Raise the learning rate η until the loss grows instead of falling.",
  question: "At which η does it begin?",
  state: { ...USUAL, width: 512, rule: "descent", rate: 0.5, time: 50 },
  views: ["loss", "spectrum", "function"],
  progress(scene) {
    const { state, loss, training, ts, edge: limit } = scene;
    if (state.rule !== "descent") return { done: false, text: "Choose steps (descent) again: a flow has no edge." };
    if (state.loss !== "square") return { done: false, text: "Choose the square loss: the edge belongs to it." };
    if (!loss || (training.share < 1 && !training.failed)) return WAIT;
    const rate = numeral(state.rate);
    if (state.rate <= limit) {
      const last = loss.length - 1;
      return { done: false, text: `At η = ${rate} the loss ${loss[last] < loss[0] ? "falls" : "goes"} from ` +
        `${numeral(loss[0])} to ${numeral(loss[last])} by t = ${numeral(ts[last])}. Raise η.` };
    }
    const highest = training.failed ? Infinity : Math.max(...loss);
    if (highest <= 1.2 * loss[0]) {
      return { done: false, text: `η = ${rate} is just above 2m/λmax = ${numeral(limit)}, where growth is ` +
        "slow. Raise η a little more." };
    }
    return {
      done: true,
      text: `At η = ${rate}, above 2m/λmax = ${numeral(limit)}, the loss went up from ${numeral(loss[0])}` +
        `${training.failed ? " beyond all bounds" : ` to ${numeral(highest)}`}: at first each step multiplies the ` +
        `first mode by 1 − ηλmax/m = ${numeral(1 - (2 * state.rate) / limit)}, which is below −1, until the kernel ` +
        "moves.",
    };
  },
};

/** @type {Experiment} */
const limit = {
  name: "limit",
  title: "Towards the limit kernel",
  chapter: "limit_kernel",
  task: "The network has 8 units. Make it at least 16 times as wide, and watch its kernel at the start.",
  question: "How fast does the kernel come close to the limit kernel?",
  state: { ...USUAL, width: 8, seed: 10, time: 0 },
  views: ["kernels", "spectrum"],
  progress(scene, before) {
    const now = relativeDistance(scene.K0, scene.K);
    const then = relativeDistance(before.K0, before.K);
    const text = `With ${scene.n} units the kernel is ${percent(now)} away from the limit kernel.`;
    const wider = scene.n / before.n;
    if (wider < 16) return { done: false, text: `${text} Make the network wider.` };
    return {
      done: true,
      text: `${text} With ${before.n} units it was ${percent(then)}: ${numeral(wider)} times the width, the distance ` +
        `divided by ${numeral(then / now)}. Over many seeds the factor is about √${numeral(wider)} = ` +
        `${numeral(Math.sqrt(wider))}: try other seeds.`,
    };
  },
};

/** @type {Experiment} */
const waves = {
  name: "waves",
  title: "Slow waves, fast waves",
  chapter: "linear_flow",
  task: "The target is a slow wave, cos τ, plus a fast one, cos 3τ. Drag the time from 0 onwards.",
  question: "Which of the two is learnt first, and why?",
  state: {
    ...USUAL,
    points: Array.from({ length: 8 }, (_, k) => {
      const at = ((k - 3.5) * Math.PI) / 4;
      return { at, y: 0.8 * Math.cos(at) + 0.6 * Math.cos(3 * at) };
    }),
    width: 512,
    paired: true,
    time: 0,
  },
  views: ["function", "spectrum"],
  progress(scene) {
    const slow = learnt(scene, 1);
    const fast = learnt(scene, 3);
    if (slow === null || fast === null) return WAIT;
    const text = `At t = ${numeral(scene.state.time)} the network has learnt ${percent(slow)} of the slow wave and ` +
      `${percent(fast)} of the fast one.`;
    if (slow < 0.7) return { done: false, text: `${text} Let more time pass.` };
    if (fast > 0.3) return { done: false, text: `${text} Go back to a time at which only one of them is learnt.` };
    return {
      done: true,
      text: `${text} Along them K0 has about the eigenvalues ${numeral(alongWave(scene, 1))} and ` +
        `${numeral(alongWave(scene, 3))}: what is not yet learnt of a wave decays roughly like exp(−λt/m), so a large ` +
        "λ comes first.",
    };
  },
};

/** @type {Experiment} */
const bound = {
  name: "bound",
  title: "Attain Grönwall's bound",
  chapter: "gronwall",
  task: "The loss falls much faster than the bound with λmin(K0) demands. Drag the two targets up or down until the" +
    " loss follows this bound.",
  question: "For which targets is the bound attained?",
  state: { ...USUAL, points: [{ at: 0.2, y: 0.7 }, { at: 1.2, y: 0.5 }], width: 1024, paired: true, time: 5 },
  views: ["function", "loss", "spectrum"],
  progress(scene) {
    const { m, modes, network, sharpBound, spectrum0, start, state, y } = scene;
    if (!sharpBound) return { done: false, text: "The bound belongs to the square loss and the flow: choose them." };
    if (m < 2) return { done: false, text: "With a single input every target attains the bound: add another." };
    const total = dot(modes.start, modes.start);
    const share = total > 0 ? modes.start[m - 1] ** 2 / total : 0;
    if (!network) return WAIT;
    const allowed = meanLoss("square", start.f, y) * Math.exp((-2 * spectrum0.values[m - 1] * state.time) / m);
    const times = meanLoss("square", network.f, y) / allowed;
    const attained = Math.abs(times - 1) < 0.005;
    const text = `At the start ${percent(share)} of the squared residual lies along the eigenvector of λmin(K0), and ` +
      `at t = ${numeral(state.time)} the loss ${attained ? "equals" : `is ${numeral(times)} times`} the bound.`;
    if (state.time < 1) return { done: false, text: `${text} Look at a later time, such as t = 5.` };
    if (share < 0.95) return { done: false, text: `${text} Drag a target.` };
    return { done: true, text: `${text} Only residuals along the eigenvector of λmin(K0) attain the bound; ` +
      "all others beat it." };
  },
};

/** @type {Experiment} */
const together = {
  name: "together",
  title: "Two inputs together",
  chapter: "spectrum",
  task: "Drag the two inputs in the middle together, to a quarter of their distance δ or less. Then choose erf in" +
    " place of relu.",
  question: "Does the smallest eigenvalue fall like δ or like δ²?",
  state: {
    ...USUAL,
    psi: "relu",
    points: [{ at: -0.2, y: 0.5 }, { at: 0.2, y: 0.8 }, { at: 2, y: -0.6 }],
    width: 1024,
  },
  views: ["function", "spectrum"],
  progress(scene, before) {
    const { state } = scene;
    const near = closest(state);
    const far = closest(before.state);
    const ratio = far / near;
    if (near === 0 || smallestOfLimit(scene) === 0) {
      return { done: false, text: "Up to rounding λmin of the limit kernel is 0. Draw the two inputs apart a little." };
    }
    if (ratio < 3.8) {
      return { done: false, text: `The distance is ${numeral(near)}; λmin of the limit kernel is ` +
        `${numeral(smallestOfLimit(scene))}. Draw them closer, to ${numeral(far / 4)} or less.` };
    }
    // what this ψ had at the first distance, where the reader may have looked at another one
    const X = inputs(before.state.points.map(({ at }) => at), before.state.constant);
    const then = eigh(limitKernel(X, state.psi)).values[before.m - 1];
    const fall = then / smallestOfLimit(scene);
    const text = `ψ = ${state.psi}: the distance was divided by ${numeral(ratio)}, and λmin of the limit ` +
      `kernel by ${numeral(fall)}.`;
    const square = numeral(ratio ** 2);
    if (state.psi !== "relu" && state.psi !== "erf") return { done: false, text: `${text} Compare relu and erf.` };
    const power = Math.log(fall) / Math.log(ratio);
    if (state.psi === "relu" ? power > 1.5 : power < 1.7) {
      return { done: false, text: `${text} Other inputs play a part now: press the button again, and move these two.` };
    }
    if (state.psi === "relu") {
      return { done: false, text: `${text} That is nearer to ${numeral(ratio)} than to its square ${square}, and the ` +
        "closer the inputs, the more it is like δ. Now choose erf." };
    }
    return { done: true, text: `${text} That is like δ², since the square of ${numeral(ratio)} is ${square}. ` +
      "Relu has δ: its kink tells close inputs apart." };
  },
};

/** @type {Experiment} */
const width = {
  name: "width",
  title: "Double the width",
  chapter: "kernel_drift",
  task: "Double the width, and double it again.",
  question: "What happens to the drift of the kernel?",
  state: { ...USUAL, width: 64, seed: 2, time: 100 },
  views: ["drift", "units"],
  progress(scene, before) {
    const now = largestDrift(scene);
    const then = largestDrift(before);
    if (now === null || then === null) return WAIT;
    const text = `With ${scene.n} units the kernel drifts by ${percent(now)} at most.`;
    const wider = scene.n / before.n;
    if (wider < 3.9) return { done: false, text: `${text} Make the network wider.` };
    return {
      done: true,
      text: `${text} With ${before.n} units it was ${percent(then)}: ${numeral(wider)} times the width, the drift ` +
        `divided by ${numeral(then / now)}. For a smooth ψ and over many seeds the drift falls like 1/n: it halves ` +
        "when the width doubles. Try other seeds.",
    };
  },
};

/** @type {Experiment} */
const lazy = {
  name: "lazy",
  title: "From lazy to rich",
  chapter: "kernel_drift",
  task: "The output is the sum over all n units, times n⁻ˢ (the output scale). Move s from ½, where it is 1/√n, to 1," +
    " where the output is the mean of the units.",
  question: "What does the network do at s = 1 that it does not do at s = ½?",
  state: { ...USUAL, width: 512, paired: true, time: 10 },
  views: ["units", "drift"],
  progress(scene, before) {
    const moved = movement(scene);
    const drift = largestDrift(scene);
    const firstMoved = movement(before);
    const firstDrift = largestDrift(before);
    if (moved === null || drift === null || firstMoved === null || firstDrift === null) return WAIT;
    const text = `At s = ${numeral(scene.state.s)} the weights have moved by ${numeral(moved)} (root mean square), ` +
      `and the kernel drifts by up to ${percent(drift)}.`;
    if (scene.state.s < 0.95) return { done: false, text: `${text} Raise s.` };
    return {
      done: true,
      text: `${text} At s = ${numeral(before.state.s)} it was ${numeral(firstMoved)} and ${percent(firstDrift)}. ` +
        "The units move, and the kernel with them: the network learns features, and the linear flow is no longer " +
        "its theory.",
    };
  },
};

/** In the order of the chapters. @type {Experiment[]} */
export const EXPERIMENTS = [opposite, edge, limit, waves, bound, together, width, lazy];
