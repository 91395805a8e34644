// What the modules of the laboratory hand to each other. Letters are those of the book: m inputs, n units, T times.

/** One data point: its position on the circle as an angle τ in radians, in (-π, π], and its target y. */
export interface Point { at: number; y: number }

/** Everything a reader can choose, and all that the address of the page holds. */
export interface State {
  points: Point[];               // 1 to 16 of them
  constant: boolean;             // x = (cos τ, sin τ, 1), the book's temperatures; else x = (cos τ, sin τ)
  psi: string;                   // "tanh" | "relu" | "erf" | "gelu" | "sin" | "softplus", or an expression in z
  width: number;                 // n, 1 to 1024
  seed: number;                  // 0 to 9999
  paired: boolean;               // units in pairs with opposite W1: the output at the start is 0
  s: number;                     // output scale n^{-s}, from 0.5 to 1
  loss: "square" | "logistic";   // logistic: the label is the sign of y (0 counts as +1)
  rule: "flow" | "descent";
  rate: number;                  // learning rate η of descent
  time: number;                  // t of what is shown, 0 to LAST_TIME
}

/** A matrix as its rows. */
export type Matrix = Float64Array[];

/** The network's parameters. Its output is c · n^{-1/2} Σ_i W1_i ψ(⟨W0_i, x⟩) with c = n^{1/2 - s}. */
export interface Params { W0: Matrix; W1: Float64Array }

/** An activation and its first derivative, of one number, and of all numbers of an array. */
export interface Activation {
  name: string;
  value(z: number): number;
  slope(z: number): number;
  fill(h: Float64Array, values: Float64Array, slopes: Float64Array): void;
}

/** The network at T times. `done` counts the times that are filled in; training goes on while done < T. */
export interface Trajectory {
  ts: Float64Array;              // (T,), ts[0] = 0
  params: Params[];              // one for each time that is done
  f: Matrix;                     // outputs at the points, a row for each time that is done
  K: Matrix[];                   // tangent kernels at the points, one for each time that is done
  smallest: Float64Array;        // λ_min of these kernels (T,); 0 where it is not done yet
  done: number;
  failed?: string;               // a sentence, when training stopped because numbers became infinite
}

/** Eigenvalues, the largest first, and the eigenvectors: vectors[k] belongs to values[k]. */
export interface Spectrum { values: Float64Array; vectors: Matrix }

/** A curve: values at the points and on the grid of angles. */
export interface Outputs { f: Float64Array; grid: Float64Array }

/** All numbers of one picture: what every view draws, and says in words. */
export interface Scene {
  state: State;
  m: number;
  n: number;
  y: Float64Array;               // targets; ±1 under the logistic loss
  grid: Float64Array;            // angles at which functions are drawn
  start: Outputs;                // the network at t = 0
  network: Outputs | null;       // the trained network at the time shown; null until training has come so far
  linear: Outputs;               // the linear flow of K0 at the time shown
  limit: Outputs;                // the linear flow of the limit kernel, from the same start
  K0: Matrix;
  Kt: Matrix | null;
  K: Matrix;                     // the limit kernel
  spectrum0: Spectrum;
  spectrumT: Spectrum | null;
  spectrum: Spectrum;            // of the limit kernel
  modes: {                       // along the eigenvectors of K0, all of length m
    start: Float64Array;         // ⟨v_k, r_0⟩
    predicted: Float64Array;     // of the linear flow at the time shown
    measured: Float64Array | null; // of the network
  };
  ts: Float64Array;              // times of the series below, all of length T
  loss: Float64Array | null;     // of the network, as far as it is trained (length = done)
  linearLoss: Float64Array;
  limitLoss: Float64Array;
  sharpBound: Float64Array | null;   // 𝓛_0 e^{-2 λ t/m}, λ the smallest eigenvalue of K_0; square loss and flow only
  lectureBound: Float64Array | null; // 𝓛_0 e^{-λ t/2m}, the lecture's rate with λ_min(K_t) ≥ λ/4 in mind
  drift: Float64Array | null;    // ‖K_t - K_0‖_F / ‖K_0‖_F (length = done)
  smallest: Float64Array | null; // λ_min(K_t) (length = done)
  edge: number;                  // 2m/λ_max(K0), the largest stable learning rate of the square loss
  params0: Params;
  paramsT: Params | null;
  training: { share: number; failed: string | null }; // share of the times that are done, 0 to 1
  picked: number[];              // the points that are marked: none, one, or the pair of a matrix entry
}

/** One picture. Functions of a scene alone: the same text in a browser, in Jupyter and while the site is built. */
export interface View {
  name: "function" | "kernels" | "spectrum" | "loss" | "drift" | "units";
  title: string;
  /** The picture as an SVG element of this width in CSS pixels (320 to 900), as text. */
  draw(scene: Scene, width: number): string;
  /** What is seen, in one or two sentences with numbers: the picture's alternative, and the base of the live region. */
  describe(scene: Scene): string;
}

/** A guided experiment. */
export interface Experiment {
  name: string;                  // in the address: experiment=name
  title: string;
  chapter: string;               // stem of the chapter that links here
  task: string;                  // one sentence: what to do
  question: string;              // what to find out by dragging
  state: Partial<State>;         // what its button sets
  views: View["name"][];         // the pictures that matter
  /** How far the reader is: "" before, then a sentence with the numbers seen; done when the question is answered. */
  progress(scene: Scene, before: Scene): { done: boolean; text: string };
}
