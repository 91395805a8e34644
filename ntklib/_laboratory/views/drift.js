// @ts-check
// How far the kernel moves, and what its smallest eigenvalue does meanwhile.

import {
  LINE, MARGINS, axesIn, curve, dotsAt, largestOf, legend, linearScale, linearTicks, numeral, pictureOf, smallestAbove,
  timeAxis, trainingSentence, trainingWords, words,
} from "./svg.js";
import { valueAt } from "./loss.js";

/** @import { Scene, View } from "../types.js" */
/** @import { Box, Entry } from "./svg.js" */

/** @type {View} */
export const driftView = {
  name: "drift",
  title: "Drift of the kernel",

  draw(scene, width) {
    const wide = width >= 560;
    const panelWidth = wide ? Math.floor(width / 2) - 8 : width;
    const height = wide ? 200 : 140;
    /** @type {Entry[]} */
    const entries = [
      ["measured dots", "network"], ["theory", "λ_min at the start"], ["limit", "λ_min of the limit kernel"],
    ];
    const key = legend(entries, width);

    /** One of the two axes. @param {number} left @param {number} top @param {string} yName
     * @param {Float64Array | null} values @param {[look: string, value: number][]} lines */
    const panel = (left, top, yName, values, lines) => {
      const box = {
        left: left + MARGINS.left, right: left + panelWidth - MARGINS.right,
        top: top + MARGINS.above, bottom: top + MARGINS.above + height,
      };
      const levels = lines.map(([, value]) => value);
      const high = 1.1 * largestOf(values, levels) || 1;
      const low = 1.1 * Math.min(0, -largestOf((values ?? new Float64Array()).map((value) => -value)));
      const y = linearScale(low, high, box.bottom, box.top);
      const time = timeAxis(scene.ts, box);
      let text = axesIn(box, { ...time, y, yTicks: linearTicks(low, high), yName });
      for (const [look, value] of lines) {
        if (Number.isFinite(value)) text += curve(look, `M${box.left} ${y(value).toFixed(1)}H${box.right}`);
      }
      if (values) text += curve("measured dots", dotsAt(scene.ts.map(time.x), values.map(y), box));
      if (scene.training.failed || scene.training.share < 1) {
        text += words(box.left + 6, box.top + LINE - 4, trainingWords(scene));
      }
      text += curve("cursor", `M${time.x(scene.state.time).toFixed(1)} ${box.top}V${box.bottom}`);
      return { text, bottom: box.bottom + MARGINS.below };
    };

    const last = scene.m - 1;
    const first = panel(0, key.height, "change ‖K_t − K_0‖ / ‖K_0‖", scene.drift, []);
    const second = panel(wide ? panelWidth + 16 : 0, wide ? key.height : first.bottom + 4, "smallest eigenvalue λ_min(K_t)",
      scene.smallest, [["theory", scene.spectrum0.values[last]], ["limit", scene.spectrum.values[last]]]);
    return pictureOf(this, scene, width, second.bottom, key.text + first.text + second.text);
  },

  describe(scene) {
    const last = scene.m - 1;
    const lines = `${numeral(scene.spectrum0.values[last])} at the start and ` +
      `${numeral(scene.spectrum.values[last])} in the limit`;
    if (!scene.network || !scene.drift || !scene.smallest) {
      return `${trainingSentence(scene)} The smallest eigenvalue is ${lines}.`;
    }
    const at = (/** @type {Float64Array} */ values) => valueAt(scene.ts, values, scene.state.time);
    return `At t = ${numeral(scene.state.time)} the kernel has moved by ${numeral(at(scene.drift))} of its norm; its ` +
      `smallest eigenvalue is ${numeral(at(scene.smallest))}, ${lines}.`;
  },
};
