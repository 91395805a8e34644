// @ts-check
// Parts of pictures: numbers in words, scales, ticks, paths, legends and axes. All of them are text, and no number in
// it is infinite or missing: what cannot be drawn is left out.

/** @import { Scene, View } from "../types.js" */

/** A function from values to pixels. @typedef {(value: number) => number} Scale */
/** Where axes stand, in pixels. @typedef {{ left: number, right: number, top: number, bottom: number }} Box */
/** A mark on an axis: its value, and what is written there. @typedef {{ at: number, label: string }} Tick */
/** A line of a legend: the class of a curve or of marks, and its meaning. @typedef {[string, string]} Entry */

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** Pixels that a letter of the pictures' 12 pixels takes on average; legends need it before a browser measures. */
const LETTER = 6.3;
/** Eigenvalues below this share of the largest are rounding errors: what remains of zeros. */
export const ROUNDING = 1e-13;
/** Axes end at so many times the values of the start, wherever an exploding network goes. */
export const MOST_GROWTH = 1000;
/** Pixels from one line of text to the next. */
export const LINE = 17;

/** The power of ten, such as 10⁻⁵. @param {number} exponent @returns {string} */
export function powerOfTen(exponent) {
  const digits = String(Math.abs(exponent)).replace(/\d/g, (digit) => SUPERSCRIPTS[Number(digit)]);
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** A number with three significant digits as one would write it: 0.53, −2, 3 × 10⁻⁵. @param {number} value */
export function numeral(value) {
  if (Number.isNaN(value)) return "no number";
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  if (size === Infinity) return `${sign}∞`;
  const rounded = Number(size.toPrecision(3));
  if (rounded === 0) return "0";
  if (rounded >= 0.001 && rounded < 10_000) return sign + rounded;
  const [digits, exponent] = rounded.toExponential().split("e");
  return `${sign}${digits} × ${powerOfTen(Number(exponent))}`;
}

/** A part of a norm in words. @param {number} share NaN where the norm is 0 @returns {string} */
export function shareWords(share) {
  if (Number.isNaN(share)) return "no share of its norm";
  return `${numeral(share)} ${share > 10 ? "times" : "of"} its norm`;
}

/** Text that may stand in SVG and in attributes. @param {string} text @returns {string} */
export function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/** Text in which _0 becomes an index below the line, as in K_0 and λ_min. @param {string} text @returns {string} */
function withIndices(text) {
  return escaped(text)
    .split(/_([a-z0-9∞]+)/)
    .map((part, k) => {
      if (k % 2 === 1) return `<tspan class="index" dy="3">${part}</tspan>`;
      // after an index, back up to the line
      return k > 0 && part ? `<tspan dy="-3">${part}</tspan>` : part;
    })
    .join("");
}

/** A number of pixels, with one decimal. @param {number} pixels @returns {number} */
function pixel(pixels) {
  return Math.round(10 * pixels) / 10;
}

/**
 * A line of text; _0 in it becomes an index.
 * @param {number} x @param {number} y @param {string} text
 * @param {string} [look] class: "middle", "end", "tick"
 * @returns {string}
 */
export function words(x, y, text, look = "") {
  return `<text x="${pixel(x)}" y="${pixel(y)}"${look && ` class="${look}"`}>${withIndices(text)}</text>`;
}

/** A scale for which equal differences are equal lengths. @returns {Scale}
 * @param {number} low @param {number} high @param {number} from pixel of `low` @param {number} to pixel of `high` */
export function linearScale(low, high, from, to) {
  const perUnit = (to - from) / (high - low || 1);
  return (value) => from + (value - low) * perUnit;
}

/** A scale for which equal ratios are equal lengths. @returns {Scale}
 * @param {number} low above 0 @param {number} high @param {number} from @param {number} to */
export function logScale(low, high, from, to) {
  const exponents = linearScale(Math.log10(low), Math.log10(high), from, to);
  return (value) => exponents(Math.log10(value));
}

/** Round numbers from `low` to `high`, about `count` of them. @returns {Tick[]}
 * @param {number} low @param {number} high @param {number} [count] */
export function linearTicks(low, high, count = 4) {
  const rough = (high - low) / count;
  if (!(rough > 0) || rough === Infinity) return [{ at: low, label: numeral(low) }];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.99) ?? 10);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
    ticks.push({ at: k * step, label: numeral(k * step).replaceAll(" ", "") });
  }
  return ticks;
}

/** Powers of ten from `low` to `high`, at most `most` of them; where there are few, also twice and five times as much.
 * @returns {Tick[]}
 * @param {number} low @param {number} high @param {number} [most] */
export function logTicks(low, high, most = 5) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / most));
  const ticks = [];
  for (let k = last; k >= first; k -= step) {
    const plain = k >= -2 && k <= 3;
    ticks.push({ at: 10 ** k, label: plain ? numeral(10 ** k) : powerOfTen(k) });
  }
  for (let k = first - 1; ticks.length < 3 && k <= last; k++) {
    for (const at of [2 * 10 ** k, 5 * 10 ** k]) {
      if (at >= low && at <= high) ticks.push({ at, label: numeral(at).replaceAll(" ", "") });
    }
  }
  return ticks;
}

/** The largest of the numbers that are finite, or 0. @param {...(ArrayLike<number> | null)} lists */
export function largestOf(...lists) {
  let largest = -Infinity;
  for (const list of lists) {
    for (let k = 0; list && k < list.length; k++) {
      if (Number.isFinite(list[k]) && list[k] > largest) largest = list[k];
    }
  }
  return largest === -Infinity ? 0 : largest;
}

/** The smallest of the numbers that are finite and above `floor`, or NaN.
 * @param {number} floor @param {...(ArrayLike<number> | null)} lists */
export function smallestAbove(floor, ...lists) {
  let smallest = Infinity;
  for (const list of lists) {
    for (let k = 0; list && k < list.length; k++) if (list[k] > floor && list[k] < smallest) smallest = list[k];
  }
  return smallest === Infinity ? NaN : smallest;
}

/**
 * The path through points (in pixels), cut off where it leaves the box above or below. Points without a place, and
 * what would join them, are left out.
 * @param {ArrayLike<number>} xs @param {ArrayLike<number>} ys @param {Box} box
 * @returns {string} the attribute d
 */
export function throughPoints(xs, ys, box) {
  const count = Math.min(xs.length, ys.length);
  let path = "";
  let end = ""; // where the path ends
  for (let k = 1; k < count; k++) {
    let [x0, y0, x1, y1] = [xs[k - 1], ys[k - 1], xs[k], ys[k]];
    if (!Number.isFinite(x0 + y0 + x1 + y1)) continue;
    if (Math.max(y0, y1) < box.top || Math.min(y0, y1) > box.bottom) continue;
    const slope = (x1 - x0) / (y1 - y0); // used only where y0 and y1 differ
    const inside = (/** @type {number} */ y) => Math.min(Math.max(y, box.top), box.bottom);
    if (inside(y0) !== y0) [x0, y0] = [x0 + (inside(y0) - y0) * slope, inside(y0)];
    if (inside(y1) !== y1) [x1, y1] = [x1 + (inside(y1) - y1) * slope, inside(y1)];
    const start = `${pixel(x0)} ${pixel(y0)}`;
    if (start !== end) path += `M${start}`;
    end = `${pixel(x1)} ${pixel(y1)}`;
    path += `L${end}`;
  }
  return path;
}

/** A curve of this class, or nothing. @param {string} look @param {string} path @returns {string} */
export function curve(look, path) {
  return path && `<path class="${look}" d="${path}"/>`;
}

/** Round dots in one path: strokes of length 0 with round ends. What lies outside the box is left out.
 * @param {ArrayLike<number>} xs @param {ArrayLike<number>} ys @param {Box} box @returns {string} the attribute d */
export function dotsAt(xs, ys, box) {
  let path = "";
  for (let k = 0; k < Math.min(xs.length, ys.length); k++) {
    const between = xs[k] >= box.left - 0.5 && xs[k] <= box.right + 0.5;
    if (between && ys[k] >= box.top - 0.5 && ys[k] <= box.bottom + 0.5) path += `M${pixel(xs[k])} ${pixel(ys[k])}h0`;
  }
  return path;
}

/**
 * Lines of samples and their meanings, above a picture.
 * @param {Entry[]} entries
 * @param {number} width
 * @param {number} [left]
 * @returns {{ text: string, height: number }}
 */
export function legend(entries, width, left = 4) {
  let text = "";
  let [x, y] = [left, 12];
  for (const [look, meaning] of entries) {
    const length = 30 + LETTER * meaning.replace(/_/g, "").length;
    if (x > left && x + length > width) [x, y] = [left, y + LINE];
    const sample = look.endsWith("dots") ? `M${x + 6} ${y - 4}h0M${x + 18} ${y - 4}h0`
      : look === "target" ? crossAt(x + 12, y - 4)
      : `M${x} ${y - 4}h24`;
    text += curve(look, sample);
    if (look === "measured") text += curve("measured dots", `M${x + 12} ${y - 4}h0`);
    text += words(x + 29, y, meaning);
    x = pixel(x + length + 12);
  }
  return { text, height: y + 6 };
}

/** The path of a cross. @param {number} x @param {number} y @returns {string} */
export function crossAt(x, y) {
  return `M${pixel(x - 4.5)} ${pixel(y - 4.5)}l9 9m0 -9l-9 9`;
}

/**
 * Axes with fine lines at their ticks; the name of the vertical one stands above it.
 * @param {Box} box
 * @param {{ x: Scale, y: Scale, xTicks: Tick[], yTicks: Tick[], xName: string, yName: string }} axes
 * @returns {string}
 */
export function axesIn(box, { x, y, xTicks, yTicks, xName, yName }) {
  let lines = "";
  let labels = words(box.left, box.top - 7, yName);
  labels += words((box.left + box.right) / 2, box.bottom + 32, xName, "middle");
  for (const tick of yTicks) {
    const at = pixel(y(tick.at));
    lines += `M${box.left} ${at}H${box.right}`;
    labels += words(box.left - 5, at + 4, tick.label, "tick end");
  }
  for (const tick of xTicks) {
    const at = pixel(x(tick.at));
    lines += `M${at} ${box.bottom}v4`;
    labels += words(at, box.bottom + 16, tick.label, "tick middle");
  }
  return curve("grid", lines) + curve("axis", `M${box.left} ${box.top}V${box.bottom}H${box.right}`) + labels;
}

/** Room that axes take around their box. */
export const MARGINS = { left: 48, right: 16, above: 22, below: 40 };
/** Pixels from t = 0 to the first of the other times. */
const FROM_ZERO = 26;

/**
 * The time axis of loss and drift. It is logarithmic, because fast and slow modes differ by powers of ten: each of them
 * falls in its own place. t = 0, which has no logarithm, stands a little to the left of the first time.
 * @param {ArrayLike<number>} ts @param {Box} box
 * @returns {{ x: Scale, xTicks: Tick[], xName: string }}
 */
export function timeAxis(ts, box) {
  const last = largestOf(ts) || 1;
  const first = Math.min(smallestAbove(0, ts) || last / 1000, last / 10);
  const scale = logScale(first, last, box.left + FROM_ZERO, box.right);
  return {
    x: (t) => (t < first ? box.left + (FROM_ZERO * t) / first : Math.min(scale(t), box.right)),
    xTicks: [{ at: 0, label: "0" }, ...logTicks(first, last, (box.right - box.left) / 50)],
    xName: "time t",
  };
}

/**
 * A series at the time shown: between two times of the flow as the picture draws it, on a line; under descent at the
 * last step.
 * @param {Scene} scene @param {Float64Array} values @returns {number}
 */
export function valueNow({ ts, state }, values) {
  let k = 0;
  while (k + 1 < values.length && ts[k + 1] <= state.time * (1 + 1e-9)) k++;
  if (state.rule === "descent" || k + 1 >= values.length) return values[k];
  const share = Math.max(0, (state.time - ts[k]) / (ts[k + 1] - ts[k]));
  return share < 1e-9 ? values[k] : values[k] + share * (values[k + 1] - values[k]);
}

/** What the linearised model does. @param {Scene} scene @returns {string} */
export function linearName({ state }) {
  return state.rule === "descent" ? "linear descent" : "linear flow";
}

/** An eigenvalue in words: zeros are seldom exact. @param {number} value @param {number} largest of its matrix */
export function eigenvalueWords(value, largest) {
  return Math.abs(value) <= ROUNDING * Math.abs(largest) ? "0 up to rounding" : numeral(value);
}

/** What stands where the trained network is missing. @param {Scene} scene @returns {string} */
export function trainingWords({ training }) {
  if (training.failed) return "training stopped";
  return training.share > 0 ? `training… ${Math.floor(100 * training.share)} %` : "training…";
}

/** The same as a sentence. @param {Scene} scene @returns {string} */
export function trainingSentence({ training }) {
  return training.failed ?? "The network is still being trained.";
}

/**
 * A whole picture, with its alternative in words.
 * @param {View} view @param {Scene} scene
 * @param {number} width @param {number} height
 * @param {string} content
 * @returns {string}
 */
export function pictureOf(view, scene, width, height, content) {
  const name = escaped(`${view.title}. ${view.describe(scene)}`);
  return `<svg class="laboratory-picture picture-${view.name}" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" role="img" aria-label="${name}">${content}</svg>`;
}
