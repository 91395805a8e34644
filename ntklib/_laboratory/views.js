// @ts-check
// The pictures of the laboratory by their names.

import { driftView } from "./views/drift.js";
import { functionView } from "./views/function.js";
import { kernelsView } from "./views/kernels.js";
import { lossView } from "./views/loss.js";
import { spectrumView } from "./views/spectrum.js";
import { unitsView } from "./views/units.js";

/** @type {Record<import("./types.js").View["name"], import("./types.js").View>} */
export const VIEWS = {
  function: functionView,
  kernels: kernelsView,
  spectrum: spectrumView,
  loss: lossView,
  drift: driftView,
  units: unitsView,
};
