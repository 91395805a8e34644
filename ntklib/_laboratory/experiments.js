// @ts-check
// The guided experiments.

/** @type {import("./types.js").Experiment[]} */
export const EXPERIMENTS = [];
