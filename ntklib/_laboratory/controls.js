// @ts-check
// The controls as HTML, and what they do to the state. The same HTML keeps their place while a page is built.

import { ACTIVATIONS } from "./activations.js";
import { trainingTimes } from "./flow.js";
import { LIMITS, MOST_INPUTS, completeState, faultOfPsi, within } from "./state.js";
import { escaped, numeral } from "./views/svg.js";

/** @import { State } from "./types.js" */
/** @typedef {(change: Partial<State>, said: string) => void} Change what a control does, and how that is said */

export const CONTROLS = ["points", "psi", "width", "seed", "paired", "constant", "scale", "loss", "rule", "time"];

const WIDTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];
/** Learning rates from 0.1 to 20 in equal ratios: the edge 2m/λ_max lies among them. */
const RATES = Array.from({ length: 47 }, (_, k) => Number((0.1 * 10 ** (k / 20)).toPrecision(2)));

/** The position of the value nearest to this one. @param {ArrayLike<number>} values @param {number} value */
function nearest(values, value) {
  let best = 0;
  for (let k = 1; k < values.length; k++) {
    if (Math.abs(values[k] - value) < Math.abs(values[best] - value)) best = k;
  }
  return best;
}

/** A slider with its label and value. @returns {string}
 * @param {string} name @param {string} label @param {number} last @param {number} position @param {string} value */
function slider(name, label, last, position, value) {
  return `<label class="laboratory-slider"><span>${label} <span data-value="${name}">${value}</span></span>` +
    `<input type="range" data-control="${name}" min="0" max="${last}" value="${position}" aria-valuetext="${value}"></label>`;
}

/** A choice among a few. @returns {string}
 * @param {string} name @param {string} label @param {[value: string, text: string][]} options @param {string} chosen */
function choice(name, label, options, chosen) {
  const items = options.map(
    ([value, text]) => `<option value="${value}"${value === chosen ? " selected" : ""}>${text}</option>`,
  );
  return `<label><span>${label}</span><select data-control="${name}">${items.join("")}</select></label>`;
}

/** @param {string} name @param {string} label @param {boolean} on */
function checkbox(name, label, on) {
  return `<label class="laboratory-check"><input type="checkbox" data-control="${name}"${on ? " checked" : ""}>` +
    `<span>${label}</span></label>`;
}

/** @param {State} state */
const rateWords = (state) => (state.rule === "descent" ? numeral(state.rate) : `${numeral(state.rate)} (not used)`);

/** @type {Record<string, (state: State, id: string) => string>} */
const WRITERS = {
  points: () =>
    '<div class="laboratory-buttons"><button type="button" data-do="add">Add an input</button>' +
    '<button type="button" data-do="remove">Remove the last</button></div>',
  psi(state, id) {
    const own = !(state.psi in ACTIVATIONS);
    /** @type {[string, string][]} */
    const names = [...Object.keys(ACTIVATIONS).map((name) => /** @type {[string, string]} */ ([name, name])), ["", "your own"]];
    return choice("psi", "activation ψ", names, own ? "" : state.psi) +
      `<label class="laboratory-own"><span>ψ(z) =</span><input type="text" data-control="own" spellcheck="false" ` +
      `autocomplete="off" autocapitalize="off" maxlength="200" value="${escaped(state.psi === "tanh" ? "tanh(z)" : state.psi)}" ` +
      `aria-describedby="${id}-fault"><span class="laboratory-fault" id="${id}-fault"></span></label>`;
  },
  width: (state) =>
    slider("width", "width n =", WIDTHS.length - 1, nearest(WIDTHS, state.width), String(state.width)),
  seed: (state) =>
    `<div class="laboratory-buttons"><label><span>start number</span><input type="number" data-control="seed" min="0" ` +
    `max="9999" step="1" value="${state.seed}"></label><button type="button" data-do="seed">New start</button></div>`,
  paired: (state) => checkbox("paired", "paired units: output 0 at the start", state.paired),
  constant: (state) => checkbox("constant", "a constant as third input", state.constant),
  scale: (state) => slider("s", "output scale n<sup>−s</sup>, s =", 10, Math.round((state.s - 0.5) * 20), numeral(state.s)),
  loss: (state) => choice("loss", "loss", [["square", "square"], ["logistic", "logistic"]], state.loss),
  rule: (state) =>
    choice("rule", "training", [["flow", "gradient flow"], ["descent", "gradient descent"]], state.rule) +
    slider("rate", "learning rate η =", RATES.length - 1, nearest(RATES, state.rate), rateWords(state)),
  time(state) {
    const times = trainingTimes(state);
    return `<div class="laboratory-time">${slider("time", "time t =", times.length - 1, nearest(times, state.time), numeral(state.time))}` +
      '<button type="button" data-do="play">Play</button></div>';
  },
};

/**
 * The controls of these names as HTML.
 * @param {State} state @param {string[]} names @param {string} id begins the ids within
 * @returns {string}
 */
export function controlsHtml(state, names, id) {
  return names.map((name) => `<div class="laboratory-control control-${name}">${WRITERS[name](state, id)}</div>`).join("");
}

/**
 * Let the controls within an element change the state, and follow it.
 * @param {HTMLElement} element
 * @param {() => State} current
 * @param {Change} change
 * @returns {(edge: number) => void} shows the state, where the learning rate's edge is this
 */
export function bindControls(element, current, change) {
  /** @param {string} name @returns {HTMLInputElement | null} */
  const control = (name) => element.querySelector(`[data-control="${name}"]`);
  const own = control("own");
  const fault = element.querySelector(".laboratory-fault");
  let choosingOwn = !(current().psi in ACTIVATIONS);

  function readOwn() {
    if (!own || !fault) return;
    const reason = faultOfPsi(own.value);
    fault.textContent = reason;
    own.setAttribute("aria-invalid", String(reason !== ""));
    if (reason === "") change({ psi: own.value }, `The activation is ${own.value}.`);
  }

  /** @type {Record<string, (input: HTMLInputElement) => void>} */
  const readers = {
    psi(input) {
      choosingOwn = input.value === "";
      if (choosingOwn) {
        readOwn();
        follow(lastEdge);
        own?.focus();
      } else change({ psi: input.value }, `The activation is ${input.value}.`);
    },
    own: readOwn,
    width(input) {
      const width = WIDTHS[Number(input.value)];
      change({ width }, `The width is ${width}.`);
    },
    seed(input) {
      const { state, faults } = completeState({ seed: input.valueAsNumber }, current());
      if (faults.length === 0) change({ seed: state.seed }, `A new start, number ${state.seed}.`);
    },
    paired: ({ checked }) => change({ paired: checked }, checked ? "Units are paired." : "Units are not paired."),
    constant: ({ checked }) =>
      change({ constant: checked }, checked ? "Inputs have a constant." : "Inputs have no constant."),
    s(input) {
      const s = 0.5 + Number(input.value) / 20;
      change({ s }, `The output scale is n to the minus ${numeral(s)}.`);
    },
    loss: ({ value }) => change({ loss: value === "logistic" ? value : "square" }, `The loss is ${value}.`),
    rule: ({ value }) => change({ rule: value === "descent" ? value : "flow" }, `Training by gradient ${value}.`),
    rate(input) {
      const rate = RATES[Number(input.value)];
      change({ rate }, `The learning rate is ${numeral(rate)}.`);
    },
    time(input) {
      const times = trainingTimes(current());
      const time = times[within(Number(input.value), 0, times.length - 1)];
      change({ time }, `The time is ${numeral(time)}.`);
    },
  };

  element.addEventListener("input", ({ target }) => {
    if (target instanceof HTMLElement && target.dataset.control) {
      readers[target.dataset.control]?.(/** @type {HTMLInputElement} */ (target));
    }
  });

  /** @param {string} name @param {number} position @param {string} value @param {number} [last] */
  function showSlider(name, position, value, last) {
    const input = control(name);
    if (!input) return;
    if (last !== undefined) input.max = String(last);
    input.value = String(position);
    input.setAttribute("aria-valuetext", value);
    const output = element.querySelector(`[data-value="${name}"]`);
    if (output) output.textContent = value;
  }

  /** @param {string} name @param {string} value */
  function showValue(name, value) {
    const input = control(name);
    if (input && document.activeElement !== input) input.value = value;
  }

  let lastEdge = NaN;
  /** @param {number} edge */
  function follow(edge) {
    lastEdge = edge;
    const state = current();
    const named = state.psi in ACTIVATIONS;
    if (!named) choosingOwn = true;
    const select = control("psi");
    if (select) select.value = choosingOwn ? "" : state.psi;
    if (own) {
      own.closest("label")?.classList.toggle("shown", choosingOwn);
      own.disabled = !choosingOwn;
      if (!named && !fault?.textContent) showValue("own", state.psi);
    }
    showSlider("width", nearest(WIDTHS, state.width), String(state.width));
    showValue("seed", String(state.seed));
    for (const name of /** @type {const} */ (["paired", "constant"])) {
      const input = control(name);
      if (input) input.checked = state[name];
    }
    showSlider("s", Math.round((state.s - 0.5) * 20), numeral(state.s));
    showValue("loss", state.loss);
    showValue("rule", state.rule);
    const share = state.loss === "square" && state.rule === "descent" ? `, ${numeral(state.rate / edge)} of the edge` : "";
    showSlider("rate", nearest(RATES, state.rate), rateWords(state) + share);
    const rate = control("rate");
    if (rate) rate.disabled = state.rule === "flow";
    const times = trainingTimes(state);
    showSlider("time", nearest(times, state.time), numeral(state.time), times.length - 1);
    /** @type {HTMLButtonElement | null} */
    const add = element.querySelector('[data-do="add"]');
    /** @type {HTMLButtonElement | null} */
    const remove = element.querySelector('[data-do="remove"]');
    if (add) add.disabled = state.points.length >= MOST_INPUTS;
    if (remove) remove.disabled = state.points.length <= 1;
  }
  return follow;
}

/** The stored time that follows, or null at the end. @param {State} state @param {number} steps */
export function laterTime(state, steps) {
  const times = trainingTimes(state);
  const position = nearest(times, state.time);
  return position >= times.length - 1 ? null : times[Math.min(position + steps, times.length - 1)];
}

/** Another seed within the limits. @param {State} state */
export function nextSeed({ seed }) {
  return (seed + 1) % (LIMITS.seed[1] + 1);
}
