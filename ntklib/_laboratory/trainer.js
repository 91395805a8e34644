// @ts-check
// Trains a network without holding up the page: in a worker, or where workers are refused, in slices.

import { training } from "./flow.js";

/** @import { State, Trajectory } from "./types.js" */

/** Milliseconds that a slice on the page may take. */
const SLICE = 8;

/** @param {string} source the function that returns the modules, worker.js among them @returns {string} the address of a worker's script */
function workerAddress(source) {
  const script = `(${source})().worker_js.serve(self);`;
  return URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
}

/**
 * A trainer, which has one network in training at a time.
 * @param {string | null} source the function that holds the mathematics, as text; null to train on the page
 * @param {(trajectory: Trajectory, finished: boolean) => void} report called whenever more is known
 * @returns {{ train: (state: State) => void, stop: () => void }}
 */
export function createTrainer(source, report) {
  /** @type {Worker | null} */
  let worker = null;
  let run = 0; // a newer run ends an older one
  /** @type {string | null} */
  let address = null;
  let refused = source === null;

  function stop() {
    run += 1;
    worker?.terminate();
    worker = null;
  }

  /** @param {State} state */
  function trainOnPage(state) {
    const mine = run;
    const steps = training(state);
    function slice() {
      if (mine !== run) return;
      const end = performance.now() + SLICE;
      let step = steps.next();
      while (!step.done && performance.now() < end) step = steps.next();
      report(step.value, Boolean(step.done));
      if (!step.done) setTimeout(slice);
    }
    setTimeout(slice);
  }

  /** @param {State} state */
  function trainInWorker(state) {
    /** @type {Trajectory | null} */
    let trajectory = null;
    address ??= workerAddress(source ?? "");
    worker = new Worker(address);
    worker.onmessage = ({ data: { news, finished } }) => {
      const { from, ...rest } = news;
      if (trajectory === null) {
        trajectory = rest;
      } else {
        trajectory.params.push(...rest.params);
        trajectory.f.push(...rest.f);
        trajectory.K.push(...rest.K);
        Object.assign(trajectory, { smallest: rest.smallest, done: rest.done, failed: rest.failed });
      }
      report(/** @type {Trajectory} */ (trajectory), finished);
      if (finished) stop();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      refused = true;
      stop();
      trainOnPage(state);
    };
  }

  /** @param {State} state */
  function train(state) {
    stop();
    if (!refused) {
      try {
        trainInWorker(state);
        /** @type {Worker | null} */ (worker)?.postMessage(state);
        return;
      } catch {
        refused = true; // such as a policy that forbids workers from blobs
        stop();
      }
    }
    trainOnPage(state);
  }

  return { train, stop };
}
