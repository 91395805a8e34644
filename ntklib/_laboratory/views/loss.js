// @ts-check
// The loss over time with its bounds, and the largest stable step of gradient descent.

import {
  MOST_GROWTH, LINE, MARGINS, axesIn, curve, dotsAt, largestOf, legend, linearName, linearScale, linearTicks, logScale,
  logTicks, numeral, pictureOf, smallestAbove, throughPoints, timeAxis, trainingSentence, trainingWords, valueNow,
  words,
} from "./svg.js";

/** @import { Scene, View } from "../types.js" */

/** The loss is drawn down to this share of its value at the start. */
const SMALLEST_LOSS = 1e-8;

/** Where the learning rate lies, in words. @param {Scene} scene @returns {string} */
function edgeWords({ state, edge }) {
  const rate = numeral(state.rate);
  if (!Number.isFinite(edge)) return `η = ${rate}: the kernel is 0 and there is no edge`;
  const where = state.rate < edge ? "below" : state.rate > edge ? "above" : "at";
  return `η = ${rate} is ${where} the edge ${numeral(edge)}${state.loss === "logistic" ? " of the square loss" : ""}`;
}

/** The learning rate and the edge on a line. @param {Scene} scene @param {number} width @param {number} top */
function edgeLine(scene, width, top) {
  const { state: { rate }, edge } = scene;
  const known = Number.isFinite(edge);
  const last = 1.25 * Math.max(rate, known ? edge : 0) || 1;
  const x = linearScale(0, last, MARGINS.left, width - MARGINS.right);
  const y = top + 2 * LINE;
  let text = words(4, top + 10, edgeWords(scene));
  let ticks = "";
  for (const tick of linearTicks(0, last)) {
    ticks += `M${x(tick.at).toFixed(1)} ${y}v4`;
    text += words(x(tick.at), y + 16, tick.label, "tick middle");
  }
  text += curve("axis", `M${MARGINS.left} ${y}H${width - MARGINS.right}${ticks}`);
  if (known) text += curve("bound", `M${x(edge).toFixed(1)} ${y - 9}v18`);
  text += curve("measured dots", `M${x(rate).toFixed(1)} ${y}h0`);
  text += words((MARGINS.left + width) / 2, y + 32, `learning rate η: dot; edge 2m/λ_max: bar`, "middle");
  return { text, height: 2 * LINE + MARGINS.below };
}

/** @type {View} */
export const lossView = {
  name: "loss",
  title: "The loss",

  draw(scene, width) {
    /** @type {import("./svg.js").Entry[]} */
    const entries = [
      ["measured dots", "network"],
      ["theory", `${linearName(scene)} of K_0`],
      ["limit", "of the limit kernel"],
    ];
    if (scene.sharpBound) entries.push(["bound", "bound with λ_min(K_0)"]);
    if (scene.lectureBound) entries.push(["bound dashed", "bound of the lecture"]);
    const key = legend(entries, width);
    const top = key.height + MARGINS.above;
    const box = {
      left: MARGINS.left,
      right: width - MARGINS.right,
      top,
      bottom: top + Math.round(Math.min(Math.max(0.5 * width, 180), 280)),
    };
    const all = [scene.loss, scene.linearLoss, scene.limitLoss];
    const start = scene.linearLoss[0] > 0 ? scene.linearLoss[0] : largestOf(...all) || 1;
    const high = Math.min(largestOf(...all) || start, MOST_GROWTH * start);
    const low = Math.max(smallestAbove(0, ...all) || start / 10, SMALLEST_LOSS * start);
    const ends = [10 ** Math.floor(Math.log10(Math.min(low, high / 3))), 10 ** Math.ceil(Math.log10(1.05 * high))];
    const scale = logScale(ends[0], ends[1], box.bottom, box.top);
    const y = (/** @type {number} */ value) => (value > 0 ? scale(value) : 2 * box.bottom);
    const time = timeAxis(scene.ts, box);
    const across = scene.ts.map(time.x);
    const through = (/** @type {Float64Array | null} */ values) =>
      values ? throughPoints(across, values.map(y), box) : "";
    let text = key.text;
    text += axesIn(box, { ...time, y, yTicks: logTicks(ends[0], ends[1]), yName: "loss" });
    text += curve("bound", through(scene.sharpBound)) + curve("bound dashed", through(scene.lectureBound));
    text += curve("theory", through(scene.linearLoss)) + curve("limit", through(scene.limitLoss));
    if (scene.loss) {
      // what lies beyond stands at the upper edge
      const down = scene.loss.map((value) => Math.max(y(value), box.top));
      text += curve("measured dots", dotsAt(across, down, box));
    }
    if (scene.training.failed || scene.training.share < 1) {
      text += words(box.left + 6, box.bottom - 8, trainingWords(scene));
    }
    const now = time.x(scene.state.time).toFixed(1);
    text += curve("cursor", `M${now} ${box.top}V${box.bottom}`);
    let bottom = box.bottom + MARGINS.below;
    if (scene.state.rule === "descent") {
      const line = edgeLine(scene, width, bottom + 6);
      text += line.text;
      bottom += 6 + line.height;
    }
    return pictureOf(this, scene, width, bottom, text);
  },

  describe(scene) {
    const { state, sharpBound } = scene;
    const at = (/** @type {Float64Array} */ values) => numeral(valueNow(scene, values));
    const trained = scene.network && scene.loss;
    const network = trained ? `that of the network is ${at(trained)}, ` : "";
    const waiting = trained ? "" : `${trainingSentence(scene)} `;
    const bound = sharpBound
      ? ` The bound with the smallest eigenvalue at the start is ${at(sharpBound)} then.` : "";
    const edge = state.rule === "descent" ? ` The learning rate ${edgeWords(scene)}.` : "";
    return `${waiting}The loss is ${numeral(scene.linearLoss[0])} at the start. At t = ${numeral(state.time)} ` +
      `${network}that of the ${linearName(scene)} is ${at(scene.linearLoss)}, ` +
      `with the limit kernel ${at(scene.limitLoss)}.` +
      bound + edge;
  },
};
