// Draws the panels of the laboratory while the site is built: reads options as a line of JSON, writes the HTML as one.
import { createInterface } from "node:readline";
import { EXPERIMENTS } from "../../ntklib/_laboratory/experiments.js";
import { train } from "../../ntklib/_laboratory/flow.js";
import { skeleton } from "../../ntklib/_laboratory/panel.js";
import { scene } from "../../ntklib/_laboratory/scene.js";
import { completeState } from "../../ntklib/_laboratory/state.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...options } = JSON.parse(line);
  let answer;
  const { state, faults } = completeState(options.state ?? {});
  if (faults.length > 0) {
    answer = { error: `its state has values that cannot be used: ${faults.join(", ")}` };
  } else if (options.experiment && !EXPERIMENTS.some(({ name }) => name === options.experiment)) {
    answer = { error: `there is no experiment ${JSON.stringify(options.experiment)}` };
  } else {
    answer = { html: skeleton(options, scene(state, train(state), []), id) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
