// @ts-check
// The same panel in Jupyter: anywidget hands over a model, whose state Python sees and sets.

import { mount } from "./panel.js";

/** @param {string} source the mathematics for a worker, as text */
export function renderer(source) {
  return function render(/** @type {{ model: any, el: HTMLElement }} */ { model, el }) {
    el.classList.add("laboratory");
    const options = Object.fromEntries(["state", "views", "experiment", "experiments", "controls"].map((name) => [name, model.get(name)]));
    let own = ""; // what this page has written last, which comes back as a change
    const save = debounced(() => model.save_changes(), 150);
    const handle = mount(el, {
      ...options,
      source,
      onState(state) {
        own = JSON.stringify(state);
        model.set("state", state);
        save();
      },
    });
    function follow() {
      const state = model.get("state");
      if (JSON.stringify(state) !== own) handle.update(state);
    }
    model.on("change:state", follow);
    return () => {
      model.off("change:state", follow);
      handle.destroy();
    };
  };
}

/** @param {() => void} call @param {number} pause milliseconds */
function debounced(call, pause) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, pause);
  };
}
