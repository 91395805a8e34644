// @ts-check
// The data points as handles: sliders that move by mouse, by finger and by key.

import { LARGEST_TARGET, onCircle, within } from "./state.js";
import { numeral } from "./views/svg.js";
import { place, pointAt } from "./views/function.js";

/** @import { Point, State } from "./types.js" */

const DEGREE = Math.PI / 180;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Where a point lies, in words. @param {Point} point @param {State["loss"]} loss */
export function pointWords({ at, y }, loss) {
  const target = loss === "square" ? `target ${numeral(Number(y.toFixed(2)))}` : `label ${y < 0 ? "−1" : "+1"}`;
  return `at ${Math.round(at / DEGREE)} degrees, ${target}`.replace("at -", "at −");
}

/** The point after an arrow key: 2 degrees or 0.05, with Shift 10 degrees or 0.25. @returns {Point | null}
 * @param {Point} point @param {KeyboardEvent} event */
function moved(point, event) {
  const arrow = ARROWS[/** @type {keyof typeof ARROWS} */ (event.key)];
  if (!arrow || event.ctrlKey || event.altKey || event.metaKey) return null;
  const size = event.shiftKey ? 5 : 1;
  return {
    at: onCircle(point.at + arrow[0] * size * 2 * DEGREE),
    y: within(point.y + arrow[1] * size * 0.05, -LARGEST_TARGET, LARGEST_TARGET),
  };
}

/**
 * Handles over the picture of the function.
 * @param {HTMLElement} plot holds the picture; its width is the picture's
 * @param {object} page
 * @param {() => State} page.current
 * @param {() => number} page.width of the picture, in CSS pixels
 * @param {() => number} page.scale at which the picture is shown
 * @param {(i: number, point: Point, dragging: boolean) => void} page.move
 * @param {(point: Point) => void} page.add
 * @param {(i: number) => void} page.remove
 * @param {(picked: number[]) => void} page.pick
 * @returns {{ show: () => void, focus: (i: number) => void }}
 */
export function createHandles(plot, { current, width, scale, move, add, remove, pick }) {
  const layer = document.createElement("div");
  layer.className = "laboratory-handles";
  plot.append(layer);
  /** @type {HTMLElement[]} */
  const handles = [];
  let dragged = -1;

  /** @param {PointerEvent | MouseEvent} event @returns {Point} */
  function pointUnder(event) {
    const box = plot.getBoundingClientRect();
    const point = pointAt((event.clientX - box.left) / scale(), (event.clientY - box.top) / scale(), width());
    return { at: onCircle(point.at), y: within(point.y, -LARGEST_TARGET, LARGEST_TARGET) };
  }

  /** @param {number} i */
  function handle(i) {
    const element = document.createElement("div");
    element.className = "laboratory-handle";
    element.tabIndex = 0;
    element.setAttribute("role", "slider");
    element.setAttribute("aria-label", `Input ${i + 1}`);
    element.setAttribute("aria-valuemin", "-180");
    element.setAttribute("aria-valuemax", "180");
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      element.focus();
      dragged = i;
    });
    element.addEventListener("pointermove", (event) => {
      if (dragged === i) move(i, pointUnder(event), true);
    });
    /** @param {PointerEvent} event */
    function release(event) {
      if (dragged !== i) return;
      dragged = -1;
      element.releasePointerCapture(event.pointerId);
      move(i, current().points[i], false);
    }
    element.addEventListener("pointerup", release);
    element.addEventListener("pointercancel", release);
    element.addEventListener("keydown", (event) => {
      const point = moved(current().points[i], event);
      if (point) move(i, point, false);
      else if (event.key === "Delete" || event.key === "Backspace") remove(i);
      else return;
      event.preventDefault();
    });
    element.addEventListener("focus", () => pick([i]));
    element.addEventListener("blur", () => pick([]));
    element.addEventListener("pointerenter", () => dragged < 0 && pick([i]));
    element.addEventListener("pointerleave", () => dragged < 0 && document.activeElement !== element && pick([]));
    return element;
  }

  function show() {
    const { points, loss } = current();
    while (handles.length < points.length) {
      handles.push(handle(handles.length));
      layer.append(handles[handles.length - 1]);
    }
    while (handles.length > points.length) handles.pop()?.remove();
    points.forEach((point, i) => {
      const y = loss === "square" ? point.y : point.y < 0 ? -1 : 1;
      const { x, y: top } = place({ at: point.at, y }, width());
      handles[i].style.transform = `translate(${x * scale()}px, ${top * scale()}px)`;
      handles[i].setAttribute("aria-valuenow", String(Math.round(point.at / DEGREE)));
      handles[i].setAttribute("aria-valuetext", pointWords(point, loss));
    });
  }

  plot.addEventListener("dblclick", (event) => {
    if (event.target instanceof Element && event.target.closest(".laboratory-handle")) return;
    add(pointUnder(event));
  });

  return { show, focus: (i) => handles[within(i, 0, handles.length - 1)].focus() };
}
