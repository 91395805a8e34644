// @ts-check
// The network as a function on the circle, beside the two linear flows.

import {
  LINE, MARGINS, axesIn, crossAt, curve, dotsAt, legend, linearName, linearScale, linearTicks, numeral, pictureOf,
  throughPoints, trainingSentence, trainingWords, words,
} from "./svg.js";

/** @import { Point, View } from "../types.js" */
/** @import { Box } from "./svg.js" */

/** Outputs are drawn from -2.2 to 2.2, whatever comes: a point keeps its place while other things change. */
const HIGHEST_OUTPUT = 2.2;

/** What the lines mean. @param {string} linear @returns {import("./svg.js").Entry[]} */
function functionLegend(linear) {
  return [
    ["target", "targets"],
    ["measured", "network at time t"],
    ["start", "network at the start"],
    ["theory wide", `${linear} of K_0`],
    ["limit", `${linear} of the limit kernel`],
  ];
}

/** Where the axes stand; it depends on the width alone. @param {number} width @returns {Box & { height: number }} */
function functionBox(width) {
  const top = legend(functionLegend("linear descent"), width).height + MARGINS.above;
  const bottom = top + Math.round(Math.min(Math.max(0.55 * width, 200), 320));
  return { left: MARGINS.left, right: width - MARGINS.right, top, bottom, height: bottom + MARGINS.below };
}

/** @param {Box} box */
function functionScales(box) {
  return {
    x: linearScale(-Math.PI, Math.PI, box.left, box.right),
    y: linearScale(-HIGHEST_OUTPUT, HIGHEST_OUTPUT, box.bottom, box.top),
  };
}

/**
 * Where a point lies in the picture of this width, in CSS pixels.
 * @param {Point} point @param {number} width @returns {{ x: number, y: number }}
 */
export function place(point, width) {
  const scales = functionScales(functionBox(width));
  const y = Math.min(Math.max(point.y, -HIGHEST_OUTPUT), HIGHEST_OUTPUT);
  return { x: scales.x(point.at), y: scales.y(y) };
}

/**
 * The point that lies at these CSS pixels; outside the axes, the nearest one on their edge.
 * @param {number} x @param {number} y @param {number} width @returns {Point}
 */
export function pointAt(x, y, width) {
  const box = functionBox(width);
  const at = linearScale(box.left, box.right, -Math.PI, Math.PI)(x);
  const target = linearScale(box.bottom, box.top, -HIGHEST_OUTPUT, HIGHEST_OUTPUT)(y);
  return {
    at: Math.min(Math.max(at, -Math.PI), Math.PI),
    y: Math.min(Math.max(target, -HIGHEST_OUTPUT), HIGHEST_OUTPUT),
  };
}

/** Root mean square of the differences. @param {Float64Array} f @param {Float64Array} g @returns {number} */
function distanceOf(f, g) {
  return Math.hypot(...f.map((output, i) => output - g[i])) / Math.sqrt(f.length);
}

/** How many outputs have the sign of their label. @param {Float64Array} f @param {Float64Array} y @returns {number} */
function rightSigns(f, y) {
  return f.reduce((count, output, i) => count + (output * y[i] > 0 ? 1 : 0), 0);
}

/** @type {View} */
export const functionView = {
  name: "function",
  title: "The function",

  draw(scene, width) {
    const box = functionBox(width);
    const { x, y } = functionScales(box);
    const across = scene.grid.map(x);
    const through = (/** @type {Float64Array} */ values) => throughPoints(across, values.map(y), box);
    const angles = Float64Array.from(scene.state.points, (point) => x(point.at));
    const places = scene.state.points.map((point, i) => place({ at: point.at, y: scene.y[i] }, width));
    const quarter = Math.PI / 2;
    let text = legend(functionLegend(linearName(scene)), width).text;
    text += axesIn(box, {
      x,
      y,
      xTicks: ["−π", "−π/2", "0", "π/2", "π"].map((label, k) => ({ at: (k - 2) * quarter, label })),
      yTicks: linearTicks(-2, 2),
      xName: "position τ of the input",
      yName: "output",
    });
    if (scene.state.loss === "logistic") {
      text += curve("label-line", `M${box.left} ${y(1)}H${box.right}M${box.left} ${y(-1)}H${box.right}`);
    }
    text += curve("start", through(scene.start.grid));
    text += curve("theory wide", through(scene.linear.grid)) + curve("limit", through(scene.limit.grid));
    if (scene.network) {
      text += curve("measured", through(scene.network.grid));
      text += curve("measured dots", dotsAt(angles, scene.network.f.map(y), box));
      const outside = scene.network.f.filter((f) => !(Math.abs(f) <= HIGHEST_OUTPUT)).length;
      if (outside) text += words(box.right - 4, box.top + LINE, `${outside} of ${scene.m} outputs lie outside`, "end");
    } else {
      text += words(box.right - 4, box.top + LINE, trainingWords(scene), "end");
    }
    text += curve("target", places.map((at) => crossAt(at.x, at.y)).join(""));
    for (const i of new Set(scene.picked)) {
      const at = places[i];
      if (at) text += `<circle class="picked" cx="${at.x.toFixed(1)}" cy="${at.y.toFixed(1)}" r="9"/>`;
    }
    return pictureOf(this, scene, width, box.height, text);
  },

  describe(scene) {
    const { network, start, linear, limit, y, m, state } = scene;
    const inputs = m === 1 ? "the input" : `the ${m} inputs`;
    const [i] = scene.picked;
    const point = state.points[i];
    const target = (/** @type {string} */ outputs) =>
      point ? ` Input ${i + 1} at τ = ${numeral(point.at)} has the target ${numeral(y[i])}; ${outputs}.` : "";
    if (!network) {
      return `${trainingSentence(scene)} At t = ${numeral(state.time)} the ${linearName(scene)} of the kernel at the ` +
        `start is ${numeral(distanceOf(linear.f, y))} from the targets (root mean square over ${inputs}).` +
        target(`the ${linearName(scene)} is at ${numeral(linear.f[i])}`);
    }
    const labels = state.loss === "logistic"
      ? ` ${rightSigns(network.f, y)} of ${m} outputs have the sign of their label.` : "";
    return `At t = ${numeral(state.time)} the network is ${numeral(distanceOf(network.f, y))} from the targets ` +
      `(root mean square over ${inputs}), ${numeral(distanceOf(start.f, y))} at the start. It is ` +
      `${numeral(distanceOf(network.f, linear.f))} from the ${linearName(scene)} of the kernel at the start and ` +
      `${numeral(distanceOf(network.f, limit.f))} from that of the limit kernel.${labels}` +
      target(`the network is at ${numeral(network.f[i])}`);
  },
};
