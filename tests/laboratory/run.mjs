// Answers requests in JSON, one a line, by calling exported functions of the laboratory's modules.
//
// {"module": "eigen.js", "name": "eigh", "args": [[[1, 0], [0, 2]]]} → {"value": {"values": [2, 1], "vectors": …}}
// With "over": {"value": [0, 1]} a method of the result is called at each of these numbers; an error that is thrown
// comes back as {"error": message}.

import { createInterface } from "node:readline";

const FOLDER = new URL("../../ntklib/_laboratory/", import.meta.url);

/** Lists of numbers become Float64Array, as the modules expect them. */
function revive(_, value) {
  const numbers = Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === "number");
  return numbers ? Float64Array.from(value) : value;
}

/** Typed arrays become lists; JSON has no NaN and no infinity, so they become text. */
function flatten(_, value) {
  if (ArrayBuffer.isView(value)) return Array.from(value);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

async function answer({ module, name, args, over }) {
  const exported = (await import(new URL(module, FOLDER)))[name];
  const result = typeof exported === "function" ? exported(...args) : exported;
  if (!over) return result;
  const [[method, numbers]] = Object.entries(over);
  return Array.from(numbers, (number) => result[method](number));
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = { value: await answer(JSON.parse(line, revive)) };
  } catch (error) {
    reply = { error: error.message };
  }
  console.log(JSON.stringify(reply, flatten));
}
