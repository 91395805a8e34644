// Draws scenes: reads a list of [scene, width] as JSON from standard input, and prints for each what every view draws
// and says. With --time it prints milliseconds for a drawing of all views instead.

import { readFileSync } from "node:fs";
import { VIEWS } from "../../ntklib/_laboratory/views.js";
import { place, pointAt } from "../../ntklib/_laboratory/views/function.js";

/** Lists of numbers become Float64Array; "NaN" and "Infinity", which JSON does not have, become numbers. */
function revive(key, value) {
  if (!Array.isArray(value) || key === "points" || key === "picked" || typeof value[0] === "object") return value;
  return Float64Array.from(value, Number);
}

const tasks = JSON.parse(readFileSync(0, "utf8"), revive);
const draw = ([scene, width]) => Object.values(VIEWS).map((view) => [view.name, view.draw(scene, width), view.describe(scene)]);

if (process.argv.includes("--time")) {
  for (let k = 0; k < 50; k++) draw(tasks[0]);
  const started = performance.now();
  for (let k = 0; k < 50; k++) draw(tasks[0]);
  console.log((performance.now() - started) / 50);
} else {
  const results = tasks.map(([scene, width]) => ({
    views: Object.fromEntries(draw([scene, width]).map(([name, svg, sentence]) => [name, { svg, sentence }])),
    places: scene.state.points.map((point) => place(point, width)),
    points: scene.state.points.map((point) => place(point, width)).map(({ x, y }) => pointAt(x, y, width)),
  }));
  console.log(JSON.stringify(results));
}
