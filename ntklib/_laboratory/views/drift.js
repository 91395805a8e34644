// @ts-check
// How far the kernel moves, and what its smallest eigenvalue does meanwhile.

import {
  MARGINS, axesIn, curve, dotsAt, eigenvalueWords, largestOf, legend, linearScale, linearTicks, numeral, pictureOf,
  shareWords, timeAxis, trainingSentence, trainingWords, valueNow, words,
} from "./svg.js";

/** @import { View } from "../types.js" */
/** @import { Entry } from "./svg.js" */

/** @type {View} */
export const driftView = {
  name: "drift",
  title: "Drift of the kernel",

  draw(scene, width) {
    const wide = width >= 540;
    const panelWidth = wide ? Math.floor(width / 2) - 8 : width;
    const height = wide ? 200 : 140;
    /** @type {Entry[]} */
    const entries = [
      ["measured dots", "network"], ["theory", "λ_min at the start"], ["limit", "λ_min of the limit kernel"],
    ];
    const key = legend(entries, width);

    /** One of the two axes. @param {number} left @param {number} top @param {string} yName
     * @param {Float64Array | null} values @param {[look: string, value: number][]} lines
     * @param {number} least @param {number} most the vertical axis ends between these */
    const panel = (left, top, yName, values, lines, least, most) => {
      const box = {
        left: left + MARGINS.left, right: left + panelWidth - MARGINS.right,
        top: top + MARGINS.above, bottom: top + MARGINS.above + height,
      };
      const levels = lines.map(([, value]) => value);
      const high = Math.min(Math.max(1.1 * largestOf(values, levels), least), most);
      const scale = linearScale(0, high, box.bottom, box.top);
      // what lies beyond stands at the edge; below 0 there are rounding errors alone
      const y = (/** @type {number} */ value) => Math.min(Math.max(scale(value), box.top), box.bottom);
      const time = timeAxis(scene.ts, box);
      let text = axesIn(box, { ...time, y, yTicks: linearTicks(0, high), yName });
      for (const [look, value] of lines) {
        if (Number.isFinite(value)) text += curve(look, `M${box.left} ${y(value).toFixed(1)}H${box.right}`);
      }
      if (values) text += curve("measured dots", dotsAt(scene.ts.map(time.x), values.map(y), box));
      if (scene.training.failed || scene.training.share < 1) {
        text += words(box.right - 4, box.bottom - 8, trainingWords(scene), "end");
      }
      text += curve("cursor", `M${time.x(scene.state.time).toFixed(1)} ${box.top}V${box.bottom}`);
      return { text, bottom: box.bottom + MARGINS.below };
    };

    const last = scene.m - 1;
    const first = panel(0, key.height, "change ‖K_t − K_0‖ / ‖K_0‖", scene.drift, [], 1e-3, 10);
    const largest = scene.spectrum0.values[0] || 1;
    const second = panel(wide ? panelWidth + 16 : 0, wide ? key.height : first.bottom + 4,
      "smallest eigenvalue λ_min(K_t)", scene.smallest,
      [["theory", scene.spectrum0.values[last]], ["limit", scene.spectrum.values[last]]], 1e-8 * largest, 10 * largest);
    return pictureOf(this, scene, width, second.bottom, key.text + first.text + second.text);
  },

  describe(scene) {
    const last = scene.m - 1;
    const smallest = (/** @type {Float64Array} */ values) => eigenvalueWords(values[last], values[0]);
    const lines = `${smallest(scene.spectrum0.values)} at the start and ` +
      `${smallest(scene.spectrum.values)} in the limit`;
    if (!scene.network || !scene.drift || !scene.smallest) {
      return `${trainingSentence(scene)} The smallest eigenvalue is ${lines}.`;
    }
    const at = (/** @type {Float64Array} */ values) => valueNow(scene, values);
    const smallestNow = eigenvalueWords(at(scene.smallest), scene.spectrum0.values[0]);
    return `At t = ${numeral(scene.state.time)} the kernel has moved by ${shareWords(at(scene.drift))}; its smallest ` +
      `eigenvalue is ${smallestNow}, ${lines}.`;
  },
};
