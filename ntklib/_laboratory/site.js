// @ts-check
// Brings the panels of a page to life, each when it comes near the window.

import { mount } from "./panel.js";

const PANEL = ".laboratory[data-laboratory]";

/** Living panels by their elements: tests and the curious ask them for their numbers.
 * @type {Map<Element, ReturnType<typeof mount>>} */
const living = new Map();

/** @param {HTMLElement} element @param {string} source */
function enliven(element, source) {
  if (living.has(element)) return;
  const options = JSON.parse(element.dataset.laboratory ?? "{}");
  const handle = mount(element, { ...options, source });
  living.set(element, handle);
  Object.assign(element, { laboratory: handle });
}

/** The panel whose state the address holds comes to life at once, and into view. @param {string} source */
function followAddress(source) {
  if (!location.hash.includes("=")) return;
  for (const element of document.querySelectorAll(PANEL)) {
    const { address } = JSON.parse(/** @type {HTMLElement} */ (element).dataset.laboratory ?? "{}");
    if (!address) continue;
    enliven(/** @type {HTMLElement} */ (element), source);
    element.scrollIntoView();
  }
}

/** Find the panels and wait for them. @param {string} source the mathematics for a worker, as text */
export function start(source) {
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      enliven(/** @type {HTMLElement} */ (target), source);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll(PANEL).forEach((element) => observer.observe(element));
  followAddress(source);
  addEventListener("hashchange", () => followAddress(source));
}
