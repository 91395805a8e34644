// @ts-check
// The work away from the page: it trains a network and sends what is new.

import { training } from "./flow.js";

/** @import { State, Trajectory } from "./types.js" */

/** Milliseconds from one message to the next. */
const PAUSE = 60;

/**
 * What a trajectory has gained since `from` times were done.
 * @param {Trajectory} trajectory @param {number} from
 */
export function newsOf(trajectory, from) {
  const { ts, params, f, K, smallest, done, failed } = trajectory;
  return {
    ts, smallest, done, failed, from, params: params.slice(from, done), f: f.slice(from, done), K: K.slice(from, done),
  };
}

/** Answer the one message that a worker gets: the state to train. @param {any} port the worker's own `self` */
export function serve(port) {
  port.onmessage = (/** @type {{ data: State }} */ { data }) => {
    let sent = 0;
    let last = 0;
    const steps = training(data);
    for (;;) {
      const { value, done } = steps.next();
      if (done || (value.done > sent && Date.now() - last > PAUSE)) {
        port.postMessage({ news: newsOf(value, sent), finished: Boolean(done) });
        [sent, last] = [value.done, Date.now()];
      }
      if (done) return;
    }
  };
}
