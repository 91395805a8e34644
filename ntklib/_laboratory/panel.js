// @ts-check
// A panel: pictures of one network, the controls that change it, and the experiments to be done with it.

import { bindControls, controlsHtml, CONTROLS, laterTime, nextSeed } from "./controls.js";
import { EXPERIMENTS } from "./experiments.js";
import { createHandles, pointWords } from "./points.js";
import { scene } from "./scene.js";
import { MOST_INPUTS, completeState, fromAddress, onCircle, toAddress } from "./state.js";
import { createTrainer } from "./trainer.js";
import { VIEWS } from "./views.js";
import { escaped } from "./views/svg.js";

/** @import { Experiment, Point, Scene, State, Trajectory, View } from "./types.js" */

/**
 * What a panel shows.
 * @typedef {object} Options
 * @property {Partial<State>} [state] what differs from the usual start
 * @property {View["name"][]} [views] its pictures; all of them, if left out
 * @property {string | null} [experiment] the name of the one it offers
 * @property {boolean} [experiments] whether it offers all of them
 * @property {boolean | string[]} [controls] their names; true for all
 * @property {boolean} [address] whether the page's address holds the state
 */
/**
 * What only a living panel has.
 * @typedef {object} Life
 * @property {string | null} [source] the mathematics for a worker, as text
 * @property {(state: State) => void} [onState] told whenever the reader has changed something
 */

/**
 * The largest widths of pictures: over the whole panel, over half of it, and on a phone. While a page is built they
 * give the heights that it keeps free; a picture drawn later is no higher, so that nothing below it moves.
 */
const FULL = 660;
const HALF = 322;
const PHONE = 358;
const ON_PHONE = "(max-width: 600px)"; // as in laboratory.css
/** Milliseconds: after the last change, until the network is trained, the captions follow, and a reader is told. */
const UNTIL_TRAINING = 120;
const UNTIL_CAPTIONS = 200;
const UNTIL_SAID = 800;
/** Milliseconds from one time to the next while the network trains before the reader's eyes. */
const FRAME_OF_PLAY = 90;
const STEP_OF_PLAY = 8;

let panels = 0;

/** @param {Options} options @returns {View[]} */
function viewsOf({ views }) {
  const names = /** @type {View["name"][]} */ (views ?? Object.keys(VIEWS));
  return names.filter((name) => name in VIEWS).map((name) => VIEWS[name]);
}

/** @param {Options} options @returns {string[]} */
function controlNames({ controls = true }) {
  if (controls === true) return CONTROLS;
  return controls === false ? [] : CONTROLS.filter((name) => controls.includes(name));
}

/** @param {Options} options @returns {Experiment[]} */
function experimentsOf({ experiment, experiments }) {
  return experiments ? EXPERIMENTS : EXPERIMENTS.filter(({ name }) => name === experiment);
}

/** Whether a picture takes the whole width: those with much in them, and one that would stand alone.
 * @param {View} view @param {View[]} views */
function isWide({ name }, views) {
  const narrow = views.filter((view) => view.name !== "function" && view.name !== "kernels");
  return name === "function" || name === "kernels" || (narrow.length % 2 === 1 && narrow[narrow.length - 1].name === name);
}

/** The height of a picture that was drawn. @param {string} svg */
function heightOf(svg) {
  return Number(/ height="([\d.]+)"/.exec(svg)?.[1] ?? 0);
}

/**
 * One experiment stands open; of several, each opens at its title and closes the others of its group.
 * @param {Experiment} experiment
 * @param {boolean} alone
 * @param {string} group
 */
function experimentHtml({ name, title, task, question }, alone, group) {
  const text = `<p>${escaped(task)} ${escaped(question)}</p>` +
    '<p class="laboratory-live"><button type="button" data-do="experiment">Set it up</button></p>';
  const mark = `class="laboratory-experiment" data-experiment="${name}"`;
  return alone ? `<section ${mark}><p class="laboratory-title">${escaped(title)}</p>${text}</section>`
    : `<details ${mark} name="${group}"><summary>${escaped(title)}</summary>${text}</details>`;
}

/**
 * A panel as HTML: pictures with their sentences, the experiments, and the controls, which stay hidden, but keep their
 * place, until a script brings them to life.
 * @param {Options} options
 * @param {Scene} scene
 * @param {string} [id] begins the ids within
 * @returns {string}
 */
export function skeleton(options, scene, id = "laboratory") {
  const views = viewsOf(options);
  const experiments = experimentsOf(options);
  const figures = views.map((view) => {
    const wide = isWide(view, views);
    const svg = view.draw(scene, wide ? FULL : HALF);
    const phone = heightOf(view.draw(scene, PHONE));
    const keyed = view.name === "kernels"
      ? ' tabindex="0" role="group" aria-label="Entries of the kernels: the arrow keys choose two inputs"' : "";
    return `<figure class="laboratory-view view-${view.name}${wide ? " wide" : ""}" data-view="${view.name}" ` +
      `style="--full:${heightOf(svg)}px;--phone:${phone}px"><p class="laboratory-title">${view.title}</p>` +
      `<div class="laboratory-plot"${keyed}><div class="laboratory-drawing">${svg}</div></div>` +
      `<figcaption aria-hidden="true">${escaped(view.describe(scene))}</figcaption></figure>`;
  });
  const names = controlNames(options);
  const controls = names.length === 0 && !options.address ? "" :
    `<div class="laboratory-controls">${controlsHtml(scene.state, names, id)}` +
    `${options.address ? '<div class="laboratory-control"><div class="laboratory-buttons"><button type="button" data-do="copy">Copy link</button><button type="button" data-do="reset">Start over</button></div></div>' : ""}</div>`;
  const found = experiments.length === 0 ? "" : '<p class="laboratory-found laboratory-live"></p>';
  const help = names.includes("points")
    ? '<p class="laboratory-help laboratory-live">Drag a cross. <span class="laboratory-keys">Or choose one with the Tab ' +
      "key and move it with the arrow keys (Shift: farther). A double click on the picture adds an input, Delete " +
      "removes one.</span></p>" : "";
  const alone = experiments.length === 1;
  const list = experiments.map((one) => experimentHtml(one, alone, `${id}-experiments`)).join("");
  const [first, ...rest] = figures;
  return `<div class="laboratory-panel">${list}${help}${found}` +
    '<div class="laboratory-state laboratory-live"><progress max="1" value="1" aria-label="Training"></progress> ' +
    '<span class="laboratory-note"></span></div><div class="laboratory-said" role="status"></div>' +
    `<div class="laboratory-views">${first}${controls}${rest.join("")}</div></div>`;
}

/** Calls a function once, so many milliseconds after it was last asked to. @param {() => void} call @param {number} pause */
function afterPause(call, pause) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return {
    ask() {
      clearTimeout(timer);
      timer = setTimeout(call, pause);
    },
    drop: () => clearTimeout(timer),
  };
}

/** @param {State} a @param {State} b whether both train alike: only what is shown differs */
function trainsAlike(a, b) {
  return JSON.stringify({ ...a, time: 0 }) === JSON.stringify({ ...b, time: 0 });
}

/**
 * Bring a panel to life within an element that holds its skeleton, or nothing yet.
 * @param {HTMLElement} element
 * @param {Options & Life} options
 * @returns {{ update: (parts: Partial<State>) => void, state: () => State, params: () => Scene["params0"], scene: () => Scene, destroy: () => void }}
 */
export function mount(element, options) {
  let { state, faults } = completeState(options.state ?? {});
  const usual = state;
  let note = "";
  /** @type {Experiment | null} */
  let experiment = experimentsOf(options).find(({ name }) => name === options.experiment) ?? null;
  if (options.address) readAddress();

  /** @type {Trajectory | null} */
  let trajectory = null;
  /** @type {number[]} */
  let picked = [];
  let said = "";
  let dragging = false;
  let shown = scene(state, null, picked);
  /** @type {Experiment | null} the one whose text was opened */
  let opened = null;
  /** @type {Scene | null} the experiment's first one whose network is trained */
  let before = null;
  /** The last network that was drawn: it stays, faint, until the new one is trained. */
  let previous = "";

  // The pictures that the page came with show the trained network: they stay until this one is trained, too.
  let waiting = element.querySelector(".laboratory-panel") !== null && state === usual;
  if (!element.querySelector(".laboratory-panel")) {
    panels += 1;
    element.innerHTML = skeleton({ ...options, experiment: options.experiment ?? null }, shown, `laboratory-mounted-${panels}`);
  }
  const panel = /** @type {HTMLElement} */ (element.querySelector(".laboratory-panel"));
  const live = new AbortController();
  const { signal } = live;

  /** @param {string} selector @returns {HTMLElement | null} */
  const part = (selector) => panel.querySelector(selector);
  const progress = /** @type {HTMLProgressElement} */ (part("progress"));
  const region = /** @type {HTMLElement} */ (part(".laboratory-said"));
  const controlsBlock = part(".laboratory-controls");
  const views = viewsOf(options);
  const figures = views.map((view) => {
    const figure = /** @type {HTMLElement} */ (part(`[data-view="${view.name}"]`));
    const plot = /** @type {HTMLElement} */ (figure.querySelector(".laboratory-plot"));
    const drawing = /** @type {HTMLElement} */ (figure.querySelector(".laboratory-drawing"));
    const caption = /** @type {HTMLElement} */ (figure.querySelector("figcaption"));
    return { view, figure, plot, drawing, caption, width: 0, scale: 1, drawn: /** @type {Scene | null} */ (null), near: true };
  });
  /** @typedef {(typeof figures)[number]} Figure */

  const trainer = createTrainer(options.source ?? null, (result, finished) => {
    trajectory = { ...result }; // a new object each time: what is computed from one is kept
    if (finished) {
      say.ask();
      performance.mark("laboratory-trained");
    }
    redraw();
  });
  const train = afterPause(() => trainer.train(state), UNTIL_TRAINING);
  const captions = afterPause(writeCaptions, UNTIL_CAPTIONS);
  const say = afterPause(speak, UNTIL_SAID);
  const writeAddress = afterPause(() => {
    const name = experiment ? `&experiment=${experiment.name}` : "";
    history.replaceState(history.state, "", `#${toAddress(state)}${name}`);
  }, 300);

  // ---- drawing ----

  /** Pictures fill their columns, but for what would be higher than the page has room for. */
  function measure() {
    panel.classList.toggle("narrow", panel.clientWidth < FULL);
    const onPhone = matchMedia(ON_PHONE).matches;
    for (const entry of figures) {
      const room = entry.plot.clientWidth;
      const wide = entry.plot.closest(".wide") !== null;
      const largest = onPhone ? PHONE : wide ? FULL : HALF;
      const width = Math.max(320, Math.min(room, largest));
      entry.scale = Math.min(1, room / width); // narrower than 320 pixels, a picture shrinks
      if (width !== entry.width) [entry.width, entry.drawn] = [width, null];
    }
  }

  /** @param {Figure} entry */
  function draw(entry) {
    if (entry.drawn === shown || entry.width === 0) return;
    entry.drawn = shown;
    entry.drawing.innerHTML = entry.view.draw(shown, entry.width);
    if (entry.view.name !== "function") return;
    const curves = entry.drawing.querySelectorAll("path.measured:not(.dots)"); // that of the legend is first
    if (shown.network) {
      previous = curves[curves.length - 1]?.getAttribute("d") ?? "";
    } else if (previous) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", "measured previous");
      path.setAttribute("d", previous);
      entry.drawing.querySelector("svg")?.append(path);
    }
  }

  let asked = 0;
  function redraw() {
    if (!asked) asked = requestAnimationFrame(drawAll);
  }

  function drawAll() {
    asked = 0;
    performance.mark("laboratory-frame-start");
    shown = scene(state, trajectory, picked);
    if (shown.training.share === 1 || shown.training.failed) waiting = false;
    if (shown.training.share === 1 && !before) before = shown; // at once: a quick reader changes it soon
    for (const entry of figures) if (entry.near && (!waiting || entry.view.name === "function")) draw(entry);
    handles?.show();
    follow(shown.edge);
    progress.value = shown.training.share;
    progress.classList.toggle("busy", shown.training.share < 1 && !shown.training.failed);
    captions.ask();
    performance.mark("laboratory-frame-end");
  }

  function writeCaptions() {
    if (waiting) return;
    showExperiment(); // also while a finger rests: it tells the reader when to let go
    if (dragging) return;
    for (const { view, caption } of figures) caption.textContent = view.describe(shown);
    const line = part(".laboratory-note");
    if (line) line.textContent = [note, shown.training.failed].filter(Boolean).join(" ");
  }

  /** How far the reader is with the experiment stands above the pictures, where it is seen while dragging. */
  function showExperiment() {
    const line = part(".laboratory-found");
    if (!line) return;
    const seen = experiment ? experiment.progress(shown, before ?? shown) : { done: false, text: "" };
    line.textContent = experiment ? `${experiment.title}: ${seen.text || experiment.task}` : "";
    line.classList.toggle("done", seen.done);
    for (const section of panel.querySelectorAll("[data-experiment]")) {
      const on = section.getAttribute("data-experiment") === experiment?.name;
      section.classList.toggle("current", on);
      if (on && seen.done) keepAnswer(section, seen.text);
      if (on && section instanceof HTMLDetailsElement && experiment !== opened) section.open = true;
    }
    opened = experiment;
  }

  /** An experiment keeps its last answer, so that a reader can look back. @param {Element} section @param {string} text */
  function keepAnswer(section, text) {
    section.classList.add("done");
    if (!(section instanceof HTMLDetailsElement)) return; // its answer stands right below
    let answer = section.querySelector(".laboratory-answer");
    if (!answer) {
      answer = document.createElement("p");
      answer.className = "laboratory-answer";
      section.append(answer);
    }
    answer.textContent = text;
  }

  /** The pictures that matter to the experiment come before the controls, the others after them. */
  function arrange() {
    const place = part(".laboratory-views");
    if (!place || !controlsBlock) return;
    const wanted = experiment?.views ?? [];
    const leads = figures.filter(({ view }, k) => (wanted.length > 0 ? wanted.includes(view.name) : k === 0));
    const rank = (/** @type {Figure} */ entry) => wanted.indexOf(entry.view.name);
    leads.sort((a, b) => rank(a) - rank(b));
    const rest = figures.filter((entry) => !leads.includes(entry));
    const order = [...leads.map(({ figure }) => figure), controlsBlock, ...rest.map(({ figure }) => figure)];
    if (order.every((node, k) => node === place.children[k])) return;
    const focused = document.activeElement;
    place.append(...order);
    if (focused instanceof HTMLElement && panel.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** Say in the live region what changed, once the reader pauses. */
  function speak() {
    if (dragging) return say.ask();
    const seen = figures[0] ? figures[0].view.describe(shown) : "";
    const found = experiment ? part(".laboratory-found")?.textContent ?? "" : "";
    region.textContent = [said, picked.length === 2 ? "" : seen, found].filter(Boolean).join(" ");
  }

  // ---- changes ----

  /** @param {Partial<State>} parts @param {string} words */
  function change(parts, words) {
    const next = { ...state, ...parts };
    waiting = false;
    said = words;
    if (!trainsAlike(next, state)) {
      trainer.stop();
      trajectory = null;
      train.ask();
    }
    state = next;
    picked = picked.filter((i) => i < state.points.length);
    note = "";
    if (options.address) writeAddress.ask();
    options.onState?.(state);
    say.ask();
    redraw();
  }

  /** @param {number[]} points */
  function pick(points) {
    if (points.join() === picked.join()) return;
    picked = points;
    redraw();
  }

  /** @param {number} i @param {Point} point @param {boolean} moving */
  function move(i, point, moving) {
    dragging = moving;
    const points = state.points.map((old, k) => (k === i ? point : old));
    change({ points }, `Input ${i + 1} is ${pointWords(point, state.loss)}.`);
  }

  /** @param {Point} point */
  function add(point) {
    if (state.points.length >= MOST_INPUTS) return;
    change({ points: [...state.points, point] }, `Input ${state.points.length + 1} is ${pointWords(point, state.loss)}.`);
  }

  /** @param {number} i */
  function remove(i) {
    if (state.points.length <= 1) return;
    change({ points: state.points.filter((_, k) => k !== i) }, `Input ${i + 1} is gone; ${state.points.length - 1} are left.`);
    handles?.show();
    handles?.focus(i);
  }

  /** Where there is most room on the circle. */
  function roomiest() {
    const angles = state.points.map(({ at }) => at).sort((a, b) => a - b);
    let [widest, middle] = [0, 0];
    angles.forEach((angle, k) => {
      const next = k + 1 < angles.length ? angles[k + 1] : angles[0] + 2 * Math.PI;
      if (next - angle > widest) [widest, middle] = [next - angle, (angle + next) / 2];
    });
    return onCircle(middle);
  }

  /** @param {State} next @param {string} words */
  function replaceState(next, words) {
    before = null;
    arrange();
    change(next, words);
  }

  /** @param {string} name */
  function beginExperiment(name) {
    experiment = experimentsOf(options).find((one) => one.name === name) ?? null;
    if (!experiment) return;
    replaceState(completeState(experiment.state, usual).state, `${experiment.title} is set up.`);
  }

  function readAddress() {
    if (!location.hash.includes("=")) return;
    const found = fromAddress(location.hash);
    const onlyExperiment = found.experiment && !/[#&]tau=/.test(location.hash);
    const named = experimentsOf(options).find(({ name }) => name === found.experiment);
    const wrong = [...found.faults, ...(found.experiment && !named ? ["experiment"] : [])];
    experiment = named ?? null;
    state = named && onlyExperiment ? completeState(named.state, usual).state : found.state;
    note = wrong.length === 0 ? ""
      : `The address holds what cannot be used (${wrong.join(", ")}); the usual value stands in its place.`;
  }

  // ---- play ----

  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const playButton = part('[data-do="play"]');
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let playing;
  function nameOfPlay() {
    if (playButton) playButton.textContent = playing ? "Pause" : calm.matches ? "Next step" : "Play";
  }
  function pause() {
    clearInterval(playing);
    playing = undefined;
    nameOfPlay();
  }
  function play() {
    if (playing) return pause();
    if (calm.matches) {
      const time = laterTime(state, STEP_OF_PLAY) ?? 0;
      return change({ time }, "A later time is shown.");
    }
    if (laterTime(state, 1) === null) change({ time: 0 }, "From the start.");
    playing = setInterval(() => {
      const time = laterTime(state, 1);
      if (time === null || !element.isConnected) return pause();
      if (!trajectory || trajectory.ts[trajectory.done - 1] < time) return; // until training has come so far
      change({ time }, "The last time is shown.");
    }, FRAME_OF_PLAY);
    nameOfPlay();
  }

  async function copyLink() {
    const address = `${location.href.split("#")[0]}#${toAddress(state)}`;
    const button = part('[data-do="copy"]');
    try {
      await navigator.clipboard.writeText(address);
      region.textContent = "The link is copied.";
    } catch {
      history.replaceState(history.state, "", address); // pages from a file may not write to the clipboard
      region.textContent = "The link could not be copied: take it from the address of the page.";
    }
    if (!button) return;
    button.textContent = region.textContent.includes("not") ? "It is in the address" : "Copied";
    setTimeout(() => (button.textContent = "Copy link"), 2500);
  }

  /** @type {Record<string, (button: HTMLElement) => void>} */
  const actions = {
    add: () => add({ at: roomiest(), y: 0.5 }),
    remove: () => {
      change({ points: state.points.slice(0, -1) }, `${state.points.length - 1} inputs are left.`);
    },
    seed: () => change({ seed: nextSeed(state) }, `A new start, number ${nextSeed(state)}.`),
    play,
    copy: copyLink,
    reset: () => {
      experiment = null;
      replaceState(usual, "Everything is as at the start.");
    },
    experiment: (button) => {
      beginExperiment(button.closest("[data-experiment]")?.getAttribute("data-experiment") ?? "");
      part(".laboratory-found")?.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
    },
  };
  panel.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("[data-do]") : null;
    if (button instanceof HTMLElement) actions[button.dataset.do ?? ""]?.(button);
  }, { signal });

  // ---- the entries of the kernels ----

  const kernels = figures.find(({ view }) => view.name === "kernels");
  /** @param {Event} event */
  function pickEntry({ target }) {
    const pair = target instanceof Element ? target.closest("[data-pair]")?.getAttribute("data-pair") : null;
    if (pair) pick(pair.split(",").map(Number));
  }
  kernels?.plot.addEventListener("pointerover", pickEntry, { signal });
  kernels?.plot.addEventListener("click", pickEntry, { signal });
  kernels?.plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && pick([]), { signal });
  kernels?.plot.addEventListener("blur", () => pick([]), { signal });
  kernels?.plot.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step) return;
    event.preventDefault();
    const [i, j] = picked.length === 2 ? picked : [0, 0];
    const inside = (/** @type {number} */ k) => Math.min(Math.max(k, 0), state.points.length - 1);
    picked = [inside(i + step[0]), inside(j + step[1])];
    shown = scene(state, trajectory, picked);
    said = VIEWS.kernels.describe(shown).split(". ").slice(-1)[0];
    say.ask();
    redraw();
  }, { signal });

  // ---- begin ----

  const plot = figures.find(({ view }) => view.name === "function");
  const handles = plot && controlNames(options).includes("points")
    ? createHandles(plot.plot, { current: () => state, width: () => plot.width, scale: () => plot.scale, move, add, remove, pick }) : null;
  const follow = bindControls(panel, () => state, change);
  const resized = new ResizeObserver(() => {
    measure();
    redraw();
  });
  resized.observe(panel);
  // What is far from the window is drawn when it comes near.
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const entry = figures.find(({ figure }) => figure === target);
      if (entry) entry.near = isIntersecting;
    }
    redraw();
  }, { rootMargin: "200px" });
  figures.forEach(({ figure }) => seen.observe(figure));
  addEventListener("beforeprint", () => figures.forEach(draw), { signal });
  if (options.address) {
    addEventListener("hashchange", () => {
      readAddress();
      const words = note;
      replaceState(state, "The address has set everything.");
      trajectory = null;
      train.ask();
      note = words;
    }, { signal });
  }
  if (faults.length > 0) note = `Not used: ${faults.join(", ")}.`;
  calm.addEventListener("change", pause, { signal });
  nameOfPlay();
  arrange();
  measure();
  panel.classList.add("alive");
  drawAll();
  trainer.train(state);

  return {
    update(parts) {
      const next = completeState(parts, state).state;
      if (JSON.stringify(next) !== JSON.stringify(state)) replaceState(next, "");
    },
    state: () => state,
    scene: () => shown,
    params: () => shown.params0,
    destroy() {
      live.abort();
      resized.disconnect();
      seen.disconnect();
      pause();
      trainer.stop();
      for (const timer of [train, captions, say, writeAddress]) timer.drop();
    },
  };
}
