// @ts-check
// Eigenvalues of the kernels, and the parts of the residual along the eigenvectors of K_0.

import {
  MOST_GROWTH, LINE, MARGINS, ROUNDING, axesIn, curve, dotsAt, largestOf, legend, linearScale, logScale, logTicks,
  numeral, pictureOf, smallestAbove, throughPoints, trainingSentence, trainingWords, words,
} from "./svg.js";

/** @import { View } from "../types.js" */
/** @import { Box, Scale, Tick } from "./svg.js" */

/** Parts of the residual are drawn down to this share of the largest at the start. */
const SMALLEST_MODE = 1e-6;

/** A logarithmic axis whose lower end stands for zero and all that lies below. @param {number} low @param {number} high
 * @param {Box} box @param {string | null} floorLabel written at the lower end, if there is something below
 * @returns {{ y: Scale, yTicks: Tick[] }} */
function axisWithFloor(low, high, box, floorLabel) {
  const decades = Math.max(1, Math.log10(high / low));
  const bottom = floorLabel ? box.bottom - Math.min(24, (box.bottom - box.top) / (decades + 1)) : box.bottom;
  const scale = logScale(low, high, bottom, box.top);
  const yTicks = logTicks(low, high, 4);
  if (floorLabel) yTicks.push({ at: 0, label: floorLabel });
  return { y: (value) => (value < low ? box.bottom : Math.max(scale(value), box.top)), yTicks };
}

/** Powers of ten around the values. @param {number} low @param {number} high @returns {[number, number]} */
function decadesAround(low, high) {
  if (!(high > 0)) return [0.1, 1];
  const top = 10 ** Math.ceil(Math.log10(high) - 1e-9);
  return [Math.min(10 ** Math.floor(Math.log10(low > 0 ? low : high) + 1e-9), top / 10), top];
}

/** How many eigenvalues are zero up to rounding. @param {Float64Array} values @returns {number} */
function zerosAmong(values) {
  return values.filter((value) => !(value > ROUNDING * values[0])).length;
}

/** Ticks at k = 1 to m, not all of them if there are many. @param {number} m @returns {Tick[]} */
function countingTicks(m) {
  const step = m > 12 ? 5 : m > 8 ? 2 : 1;
  const ticks = [];
  for (let k = 1; k <= m; k += step) ticks.push({ at: k, label: String(k) });
  return ticks;
}

/** @type {View} */
export const spectrumView = {
  name: "spectrum",
  title: "Eigenvalues and modes",

  draw(scene, width) {
    const { m, modes } = scene;
    const wide = width >= 540;
    const panelWidth = wide ? Math.floor(width / 2) - 8 : width;
    const height = wide ? 220 : 170;
    const ks = Float64Array.from({ length: m }, (_, k) => k + 1);

    /** One of the two panels. @param {number} left @param {number} top
     * @param {import("./svg.js").Entry[]} entries @param {string} yName
     * @param {[low: number, high: number, floorLabel: string | null]} range
     * @param {[look: string, values: Float64Array | null][]} series */
    const panel = (left, top, entries, yName, range, series) => {
      const key = legend(entries, panelWidth);
      const box = {
        left: left + MARGINS.left,
        right: left + panelWidth - MARGINS.right,
        top: top + key.height + MARGINS.above,
        bottom: top + key.height + MARGINS.above + height,
      };
      const { y, yTicks } = axisWithFloor(range[0], range[1], box, range[2]);
      const x = linearScale(0.5, m + 0.5, box.left, box.right);
      let text = `<g transform="translate(${left} ${top})">${key.text}</g>`;
      text += axesIn(box, { x, y, xTicks: countingTicks(m), yTicks, xName: "k", yName });
      for (const [look, values] of series) {
        if (!values) {
          text += words(box.right - 4, box.top + LINE - 4, trainingWords(scene), "end");
          continue;
        }
        const down = values.map((value) => y(Math.abs(value)));
        if (look.endsWith("dots")) text += curve(look, dotsAt(ks.map(x), down, box));
        else text += curve(look, throughSteps(ks.map(x), down, box));
      }
      return { text, bottom: box.bottom + MARGINS.below };
    };
    /** Short bars at the values, joined where there are several. @param {Float64Array} xs @param {Float64Array} ys
     * @param {Box} box */
    const throughSteps = (xs, ys, box) => (m > 1 ? throughPoints(xs, ys, box)
      : throughPoints([xs[0] - 20, xs[0] + 20], [ys[0], ys[0]], box));

    const spectra = [scene.spectrum0, scene.spectrumT, scene.spectrum].map((spectrum) => spectrum && spectrum.values);
    const largest = Math.min(largestOf(...spectra), MOST_GROWTH * largestOf(spectra[0], spectra[2]));
    const zeros = spectra.some((values) => values && zerosAmong(values) > 0);
    const [low, high] = decadesAround(smallestAbove(ROUNDING * largest, ...spectra), largest);
    const cut = spectra.map((values) => values && values.map((value) => (value > ROUNDING * values[0] ? value : 0)));
    const upper = panel(0, 0,
      [["theory", "K_0"], ["measured dots", "K_t"], ["limit", "limit kernel K"]],
      zeros ? "eigenvalue λ_k (at 0: zero up to rounding)" : "eigenvalue λ_k",
      [low, high, zeros ? "0" : null],
      [["theory", cut[0]], ["limit", cut[2]], ["measured dots", cut[1]]]);

    const sizes = [modes.start, modes.predicted, modes.measured].map((values) => values && values.map(Math.abs));
    const largestAtStart = largestOf(sizes[0]);
    const largestMode = Math.min(largestOf(...sizes), MOST_GROWTH * largestAtStart || Infinity);
    const lowest = SMALLEST_MODE * (largestAtStart || largestMode);
    const [lowMode, highMode] = decadesAround(lowest, largestMode);
    const below = sizes.some((values) => values && values.some((value) => value < lowMode));
    const lower = panel(wide ? panelWidth + 16 : 0, wide ? 0 : upper.bottom + 8,
      [["theory", "predicted at t"], ["measured dots", "network at t"], ["start", "at the start"]],
      `residual along mode k${below ? " (at ↓: smaller)" : ""}`,
      [lowMode, highMode, below ? "↓" : null],
      [["start", sizes[0]], ["theory", sizes[1]], ["measured dots", sizes[2]]]);
    return pictureOf(this, scene, width, Math.max(upper.bottom, lower.bottom), upper.text + lower.text);
  },

  describe(scene) {
    const { m, modes } = scene;
    const ends = (/** @type {Float64Array} */ values) => {
      const zeros = zerosAmong(values);
      if (zeros === m) return "are 0";
      const last = values[m - 1 - zeros];
      const range = m - zeros === 1 ? `are ${numeral(last)}` : `run from ${numeral(values[0])} to ${numeral(last)}`;
      return zeros ? `${range} and ${zeros === 1 ? "one is" : `${zeros} are`} 0 up to rounding` : range;
    };
    const slowest = largestAt(modes.measured ?? modes.predicted);
    const trained = scene.spectrumT
      ? `, at t = ${numeral(scene.state.time)} they ${ends(scene.spectrumT.values)}` : "";
    const left = (/** @type {Float64Array} */ values) => numeral(Math.abs(values[slowest]));
    return `The eigenvalues of the kernel at the start ${ends(scene.spectrum0.values)}${trained}, in the limit they ` +
      `${ends(scene.spectrum.values)}. The most that is left of the residual lies along mode ${slowest + 1}: ` +
      `${left(modes.start)} at the start, ${left(modes.predicted)} predicted` +
      (modes.measured ? `, ${left(modes.measured)} in the network.` : `. ${trainingSentence(scene)}`);
  },
};

/** Where the absolute value is largest. @param {Float64Array} values @returns {number} */
function largestAt(values) {
  let at = 0;
  for (let k = 1; k < values.length; k++) if (Math.abs(values[k]) > Math.abs(values[at])) at = k;
  return at;
}
