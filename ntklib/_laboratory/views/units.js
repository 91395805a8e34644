// @ts-check
// The units of the network as a cloud: preactivation at one input, and output weight.

import {
  MOST_GROWTH, LINE, MARGINS, axesIn, curve, dotsAt, largestOf, legend, linearScale, linearTicks, numeral, pictureOf,
  trainingSentence, trainingWords, words,
} from "./svg.js";

/** @import { Params, Scene, View } from "../types.js" */

/** So many of the units that moved farthest have a line from where they were. */
const MOVES_DRAWN = 12;

/** Which input the units look at: the first that is marked. @param {Scene} scene @returns {number} */
function inputOfUnits({ picked, m }) {
  return picked[0] >= 0 && picked[0] < m ? picked[0] : 0;
}

/** Preactivations ⟨W0_i, x⟩ of all units at one input. @param {Scene} scene @param {Params} params */
function preactivations(scene, params) {
  const { at } = scene.state.points[inputOfUnits(scene)];
  const [cos, sin] = [Math.cos(at), Math.sin(at)];
  return Float64Array.from(params.W0, (w) => w[0] * cos + w[1] * sin + (scene.state.constant ? w[2] : 0));
}

/** How far each unit moved in the plane of the picture. @param {Scene} scene @returns {Float64Array} */
function movesOfUnits(scene) {
  const { params0, paramsT } = scene;
  if (!paramsT) return new Float64Array();
  const [before, now] = [preactivations(scene, params0), preactivations(scene, paramsT)];
  return before.map((h, i) => Math.hypot(now[i] - h, paramsT.W1[i] - params0.W1[i]));
}

/** The units that moved farthest, the farthest first. @param {Float64Array} moves @returns {number[]} */
function farthest(moves) {
  const units = Array.from(moves, (_, i) => i).filter((i) => Number.isFinite(moves[i]));
  return units.sort((i, j) => moves[j] - moves[i]).slice(0, MOVES_DRAWN);
}

/** @type {View} */
export const unitsView = {
  name: "units",
  title: "The units",

  draw(scene, width) {
    const { params0, paramsT } = scene;
    const input = inputOfUnits(scene) + 1;
    const key = legend([
      ["start dots", "at the start"], ["measured dots", "at time t"], ["move", `the ${MOVES_DRAWN} longest moves`],
    ], width);
    const top = key.height + MARGINS.above;
    const box = {
      left: MARGINS.left,
      right: width - MARGINS.right,
      top,
      bottom: top + Math.round(Math.min(Math.max(0.6 * width, 200), 340)),
    };
    const h0 = preactivations(scene, params0);
    const hT = paramsT && preactivations(scene, paramsT);
    // whole numbers, so that the axes stay while the cloud moves a little
    const edge = (/** @type {(Float64Array | null)[]} */ ...lists) =>
      Math.min(MOST_GROWTH, Math.max(3, Math.ceil(1.05 * largestOf(...lists.map((list) => list && list.map(Math.abs))))));
    const [hEdge, wEdge] = [edge(h0, hT), edge(params0.W1, paramsT && paramsT.W1)];
    const x = linearScale(-hEdge, hEdge, box.left, box.right);
    const y = linearScale(-wEdge, wEdge, box.bottom, box.top);
    let text = key.text;
    text += axesIn(box, {
      x, y, xTicks: linearTicks(-hEdge, hEdge, 5), yTicks: linearTicks(-wEdge, wEdge, 5),
      xName: `preactivation h of input ${input}`, yName: "output weight W1",
    });
    const size = scene.n > 200 ? "small " : "";
    text += curve(`start ${size}dots`, dotsAt(h0.map(x), params0.W1.map(y), box));
    if (hT && paramsT) {
      const moves = farthest(movesOfUnits(scene)).map((i) => {
        const from = `M${x(h0[i]).toFixed(1)} ${y(params0.W1[i]).toFixed(1)}`;
        return `${from}L${x(hT[i]).toFixed(1)} ${y(paramsT.W1[i]).toFixed(1)}`;
      });
      text += curve("move", moves.join(""));
      text += curve(`measured ${size}dots`, dotsAt(hT.map(x), paramsT.W1.map(y), box));
    } else {
      text += words(box.right - 4, box.top + LINE - 4, trainingWords(scene), "end");
    }
    return pictureOf(this, scene, width, box.bottom + MARGINS.below, text);
  },

  describe(scene) {
    const { n, paramsT } = scene;
    const input = inputOfUnits(scene) + 1;
    const who = n === 1 ? "The one unit is" : `The ${n} units are`;
    if (!paramsT) return `${who} seen at input ${input}. ${trainingSentence(scene)}`;
    const moves = movesOfUnits(scene).sort();
    const middle = numeral(moves[Math.floor((n - 1) / 2)]);
    const most = numeral(moves[n - 1]);
    const moved = n === 1 ? `it has moved by ${most}` : `a typical one has moved by ${middle}, the farthest by ${most}`;
    return `${who} seen at input ${input}: between the start and t = ${numeral(scene.state.time)} ${moved} in the ` +
      "plane of preactivation and output weight.";
  },
};
