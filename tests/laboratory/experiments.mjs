// Does experiments as a reader would, and prints what the page says, in JSON.
//
// Reads a list of { name, seed, steps: [changes, …] } from the standard input. The button is pressed first; each of the
// steps then changes the state that the step before it left.

import { EXPERIMENTS } from "../../ntklib/_laboratory/experiments.js";
import { train } from "../../ntklib/_laboratory/flow.js";
import { scene } from "../../ntklib/_laboratory/scene.js";
import { completeState } from "../../ntklib/_laboratory/state.js";

/** A state and what a reader sees of it, once its network is trained. */
function seen(state) {
  return scene(state, train(state), []);
}

function report(experiment, shown, before) {
  const { state, edge, ts, loss, drift, params0, training } = shown;
  const { W0, W1 } = params0;
  const params = { W0: W0.map((row) => Array.from(row)), W1: Array.from(W1) };
  return {
    ...experiment.progress(shown, before),
    state,
    edge,
    params,
    ts: Array.from(ts),
    loss: Array.from(loss, String),
    drift: Array.from(drift),
    f: shown.network && Array.from(shown.network.f),
    failed: training.failed,
  };
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
const reports = JSON.parse(input).map(({ name, seed, steps }) => {
  const experiment = EXPERIMENTS.find((one) => one.name === name);
  const { state: set, faults } = completeState({ ...experiment.state, ...(seed === undefined ? {} : { seed }) });
  if (faults.length > 0) throw new Error(`${name} sets what cannot be used: ${faults}`);
  const before = seen(set);
  let state = set;
  const after = steps.map((changes) => {
    state = completeState(changes, state).state;
    return report(experiment, seen(state), before);
  });
  return [report(experiment, before, before), ...after];
});
console.log(JSON.stringify(reports));
