// @ts-check
// The kernels as heat maps: blue below 0, no colour at 0, red above.

import {
  LINE, curve, largestOf, numeral, pictureOf, shareWords, trainingSentence, trainingWords, words,
} from "./svg.js";

/** @import { Matrix, Scene, View } from "../types.js" */

/** Pixels between two maps. */
const MAP_GAP = 14;

/** K_t - K_0, or null. @param {Scene} scene @returns {Matrix | null} */
function changeOfKernel({ K0, Kt }) {
  return Kt && Kt.map((row, i) => row.map((value, j) => value - K0[i][j]));
}

/** The largest absolute value. @param {...(Matrix | null)} matrices @returns {number} */
function largestSize(...matrices) {
  return largestOf(matrices.map((M) => (M ? largestOf(...M.map((row) => row.map(Math.abs))) : 0)));
}

/** How strong the colour of a value is, from 0 to 1. @param {number} value @param {number} largest */
function strength(value, largest) {
  const share = Math.min(1, Math.abs(value) / largest);
  return Number.isNaN(share) ? 0 : Math.round(1000 * share) / 1000;
}

/** The entries of a matrix. @returns {string}
 * @param {Matrix} M @param {number} largest @param {number} left @param {number} top @param {number} cell */
function heatMap(M, largest, left, top, cell) {
  const side = (Math.ceil(10 * cell) / 10).toFixed(1);
  let text = "";
  for (let i = 0; i < M.length; i++) {
    const y = (top + i * cell).toFixed(1);
    for (let j = 0; j < M.length; j++) {
      const sign = M[i][j] < 0 ? ' class="minus"' : "";
      text += `<rect data-pair="${i},${j}"${sign} x="${(left + j * cell).toFixed(1)}" y="${y}" width="${side}" ` +
        `height="${side}" fill-opacity="${strength(M[i][j], largest)}"/>`;
    }
  }
  return `<g class="heat">${text}</g>`;
}

/** What the colours mean: a bar with its ends. @returns {string}
 * @param {string} name @param {number} largest @param {number} left @param {number} top */
function colourBar(name, largest, left, top) {
  const steps = 10;
  const step = 10;
  let text = "";
  for (let k = -steps; k < steps; k++) {
    const middle = (k + 0.5) / steps;
    text += `<rect${middle < 0 ? ' class="minus"' : ""} x="${left + (k + steps) * step / 2}" y="${top}" ` +
      `width="${step / 2}" height="10" fill-opacity="${strength(middle, 1)}"/>`;
  }
  const end = left + steps * step;
  return `<g class="heat bar">${text}</g>` + curve("frame", `M${left} ${top}H${end}v10H${left}z`) +
    words(end + 8, top + 9, `${name}: −${numeral(largest)} to ${numeral(largest)}`.replace("−0 to", "0 to"));
}

/** The pair of inputs that is marked, or null. @param {Scene} scene @returns {[number, number] | null} */
function pickedPair({ picked, m }) {
  const [i, j = i] = picked;
  return i >= 0 && i < m && j >= 0 && j < m ? [i, j] : null;
}

/** The marked entry in words. @param {Scene} scene @param {[string, string, string]} names @returns {string} */
function entryWords(scene, names) {
  const pair = pickedPair(scene);
  if (!pair) return "";
  const [i, j] = pair;
  const who = i === j ? `input ${i + 1} with itself` : `inputs ${i + 1} and ${j + 1}`;
  const values = [scene.K0, scene.Kt, scene.K].map((M, k) => M && `${names[k]} ${numeral(M[i][j])}`);
  return `${who}: ${values.filter(Boolean).join(", ")}`;
}

/** @type {View} */
export const kernelsView = {
  name: "kernels",
  title: "The kernels",

  draw(scene, width) {
    const change = changeOfKernel(scene);
    const shared = Math.min(largestSize(scene.K0, scene.Kt, scene.K), 10 * largestSize(scene.K0, scene.K));
    const own = largestSize(change);
    /** @type {[string, Matrix | null, number][]} */
    const maps = [
      ["K_0, at the start", scene.K0, shared],
      [`K_t, t = ${numeral(scene.state.time)}`, scene.Kt, shared],
      ["K_t − K_0 (own colours)", change, own],
      ["K, the limit", scene.K, shared],
    ];
    const columns = width >= 540 ? 4 : 2;
    const side = Math.floor((width - 2 - (columns - 1) * MAP_GAP) / columns);
    const cell = side / scene.m;
    const pair = pickedPair(scene);
    let text = "";
    maps.forEach(([name, M, largest], k) => {
      const left = 1 + (k % columns) * (side + MAP_GAP);
      const top = 18 + Math.floor(k / columns) * (side + 28);
      text += words(left, top - 6, name);
      if (M) text += heatMap(M, largest, left, top, cell);
      else text += words(left + side / 2, top + side / 2, trainingWords(scene), "middle");
      text += curve("frame", `M${left} ${top}h${side}v${side}h${-side}z`);
      for (const [i, j] of M && pair ? new Set([pair, /** @type {[number, number]} */ ([pair[1], pair[0]])]) : []) {
        text += `<rect class="picked" x="${(left + j * cell).toFixed(1)}" y="${(top + i * cell).toFixed(1)}" ` +
          `width="${cell.toFixed(1)}" height="${cell.toFixed(1)}"/>`;
      }
    });
    let y = 18 + (4 / columns) * (side + 28) - 16;
    text += colourBar("K_0, K_t and K", shared, 1, y) + (change ? colourBar("K_t − K_0", own, 1, y + LINE) : "");
    y += 2 * LINE + 12;
    text += words(1, y, entryWords(scene, ["K_0", "K_t", "limit"]) || "No pair of inputs is marked.");
    return pictureOf(this, scene, width, y + 8, text);
  },

  describe(scene) {
    const { K0, Kt, K, state } = scene;
    const size = normOf(K0);
    const apart = (/** @type {Matrix} */ M) => normOf(M.map((row, i) => row.map((value, j) => value - K0[i][j])));
    const pair = entryWords(scene, ["at the start", "at time t", "limit"]);
    const marked = pair && ` ${pair[0].toUpperCase()}${pair.slice(1)}.`;
    const waiting = Kt ? "" : `${trainingSentence(scene)} `;
    if (size === 0) return `${waiting}The kernel at the start is 0.${marked}`;
    const moved = Kt
      ? `At t = ${numeral(state.time)} the kernel has moved by ${shareWords(apart(Kt) / size)} at the start. ` : "";
    const limit = `The kernel at the start and the limit kernel differ by ${shareWords(apart(K) / size)}.`;
    return `${waiting}${moved}${limit}${marked}`;
  },
};

/** The Frobenius norm. @param {Matrix} M @returns {number} */
function normOf(M) {
  return Math.hypot(...M.map((row) => Math.hypot(...row)));
}
