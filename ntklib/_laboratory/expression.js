// @ts-check
// Reads an expression in z, such as "tanh(2*z) - z^2/4", and gives its value and its exact derivative.
//
// Every part of the expression becomes a pair of functions of z, `value` and `slope`; a rule of differentiation makes
// the pair of a whole from the pairs of its parts. Nothing that the reader types is ever run as a program.

import { erf, erfc } from "./erf.js";

/** @typedef {{value: (z: number) => number, slope: (z: number) => number}} Part */

const LONGEST = 200; // characters
const DEEPEST = 40; // parentheses, signs and powers inside one another
const FARTHEST = 8; // ψ has to be finite for |z| up to here, where preactivations lie

/** Functions of one number: the value and the slope. @type {Record<string, [(x: number) => number, (x: number) => number]>} */
const FUNCTIONS = {
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  sin: [Math.sin, Math.cos],
  cos: [Math.cos, (x) => -Math.sin(x)],
  exp: [Math.exp, Math.exp],
  log: [Math.log, (x) => 1 / x],
  sqrt: [Math.sqrt, (x) => 0.5 / Math.sqrt(x)],
  abs: [Math.abs, Math.sign],
  relu: [(x) => (x > 0 ? x : 0), (x) => (x > 0 ? 1 : 0)],
  erf: [erf, (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)],
  gelu: [
    (x) => (x * erfc(-x / Math.SQRT2)) / 2,
    (x) => erfc(-x / Math.SQRT2) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  ],
  atan: [Math.atan, (x) => 1 / (1 + x * x)],
  sinh: [Math.sinh, Math.cosh],
  cosh: [Math.cosh, Math.sinh],
  sigmoid: [sigmoid, (x) => sigmoid(x) * sigmoid(-x)],
  softplus: [(x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), sigmoid],
};

/** Functions of two parts. @type {Record<string, (a: Part, b: Part) => Part>} */
const FUNCTIONS_OF_TWO = {
  max: (a, b) => choose(a, b, (x, y) => x - y),
  min: (a, b) => choose(a, b, (x, y) => y - x),
};

/** @type {Record<string, number>} */
const CONSTANTS = { pi: Math.PI, e: Math.E };

/** @type {Part} */
const VARIABLE = { value: (z) => z, slope: () => 1 };

/**
 * The function of z that a text describes, and its derivative.
 *
 * Numbers, z, pi and e; +, -, *, /, ^ with the usual precedence (-z^2 is -(z^2), and 2^3^z is 2^(3^z)); parentheses;
 * and the functions above. At a kink the slope is that of JAX: 0 for relu and abs, the mean of both sides for max and
 * min.
 * @param {string} text
 * @returns {Part}
 * @throws {Error} with one sentence that says what was expected, and where
 */
export function parse(text) {
  if (text.trim() === "") throw new Error("Type a function of z, such as tanh(2*z).");
  if (text.length > LONGEST) {
    throw new Error(`The expression has ${text.length} characters; ${LONGEST} are the most that can be read.`);
  }
  const part = new Reader(tokens(text)).whole();
  refuseInfinite(part);
  return part;
}

/** @typedef {{kind: "number" | "name" | "sign" | "end", text: string, at: number}} Token */

/**
 * The words of the text, each with the number of its first character.
 * @param {string} text
 * @returns {Token[]}
 */
function tokens(text) {
  const pattern = /\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([A-Za-z]+)|(\*\*|[-+*/^(),−·×÷])|(\S))/gy;
  /** @type {Record<string, string>} */
  const same = { "**": "^", "−": "-", "·": "*", "×": "*", "÷": "/" };
  /** @type {Token[]} */
  const found = [];
  for (const match of text.matchAll(pattern)) {
    const [all, number, name, sign, other] = match;
    const at = match.index + all.length - (number ?? name ?? sign ?? other).length + 1;
    if (other) throw new Error(`“${other}” has no meaning here, at character ${at}.`);
    if (number) found.push({ kind: "number", text: number, at });
    else if (name) found.push({ kind: "name", text: name, at });
    else found.push({ kind: "sign", text: same[sign] ?? sign, at });
  }
  found.push({ kind: "end", text: "", at: text.trimEnd().length + 1 });
  return found;
}

/** Reads tokens from left to right, one method for each level of precedence. */
class Reader {
  /** @param {Token[]} list */
  constructor(list) {
    this.list = list;
    this.next = 0;
    this.depth = 0;
  }

  get token() {
    return this.list[this.next];
  }

  /**
   * Go on if this sign is next.
   * @param {string} sign
   * @returns {boolean}
   */
  takes(sign) {
    const found = this.token.kind === "sign" && this.token.text === sign;
    if (found) this.next++;
    return found;
  }

  /**
   * @param {string} what
   * @returns {Error}
   */
  expected(what) {
    const { kind, text, at } = this.token;
    const before = this.next > 0 ? ` after “${this.list[this.next - 1].text}”` : "";
    const came = kind === "end" ? "the expression ends" : `“${text}” stands`;
    return new Error(`Expected ${what}${before}, but ${came} there, at character ${at}.`);
  }

  /** @returns {Part} */
  whole() {
    const part = this.sum();
    if (this.token.kind !== "end") throw this.expected("+, -, *, /, ^ or the end");
    return part;
  }

  /** @returns {Part} */
  sum() {
    let part = this.product();
    for (;;) {
      if (this.takes("+")) part = add(part, this.product());
      else if (this.takes("-")) part = add(part, negative(this.product()));
      else return part;
    }
  }

  /** @returns {Part} */
  product() {
    let part = this.signed();
    for (;;) {
      if (this.takes("*")) part = multiply(part, this.signed());
      else if (this.takes("/")) part = divide(part, this.signed());
      else return part;
    }
  }

  /** @returns {Part} */
  signed() {
    if (++this.depth > DEEPEST) throw new Error(`The expression is more than ${DEEPEST} levels deep.`);
    const part = this.takes("-") ? negative(this.signed()) : this.takes("+") ? this.signed() : this.power();
    this.depth--;
    return part;
  }

  /** @returns {Part} */
  power() {
    const base = this.atom();
    return this.takes("^") ? power(base, this.signed()) : base;
  }

  /** @returns {Part} */
  atom() {
    const { kind, text, at } = this.token;
    if (this.takes("(")) return this.closed(this.sum());
    if (kind === "number") {
      this.next++;
      return constant(Number(text));
    }
    if (kind === "name") {
      this.next++;
      if (text === "z") return VARIABLE;
      if (Object.hasOwn(CONSTANTS, text)) return constant(CONSTANTS[text]);
      if (Object.hasOwn(FUNCTIONS, text)) return apply(text, this.argument());
      if (Object.hasOwn(FUNCTIONS_OF_TWO, text)) return this.ofTwo(text);
      const known = [...Object.keys(FUNCTIONS), ...Object.keys(FUNCTIONS_OF_TWO)].join(", ");
      throw new Error(`“${text}” is not known, at character ${at}; the variable is z, and the functions are ${known}.`);
    }
    throw this.expected("a number, z, a function or “(”");
  }

  /** @returns {Part} */
  argument() {
    if (!this.takes("(")) throw this.expected("“(”");
    return this.closed(this.sum());
  }

  /**
   * @param {string} name
   * @returns {Part}
   */
  ofTwo(name) {
    if (!this.takes("(")) throw this.expected("“(”");
    const first = this.sum();
    if (!this.takes(",")) throw this.expected(`a comma and a second argument of ${name}`);
    return FUNCTIONS_OF_TWO[name](first, this.closed(this.sum()));
  }

  /**
   * @param {Part} part
   * @returns {Part} the same, once its parenthesis is closed
   */
  closed(part) {
    if (!this.takes(")")) throw this.expected("an operator or “)”");
    return part;
  }
}

// The rules of differentiation.

/**
 * @param {number} number
 * @returns {Part}
 */
function constant(number) {
  return { value: () => number, slope: () => 0 };
}

/**
 * @param {Part} a
 * @returns {Part}
 */
function negative(a) {
  return { value: (z) => -a.value(z), slope: (z) => -a.slope(z) };
}

/**
 * @param {Part} a
 * @param {Part} b
 * @returns {Part}
 */
function add(a, b) {
  return { value: (z) => a.value(z) + b.value(z), slope: (z) => a.slope(z) + b.slope(z) };
}

/**
 * @param {Part} a
 * @param {Part} b
 * @returns {Part}
 */
function multiply(a, b) {
  return {
    value: (z) => a.value(z) * b.value(z),
    slope: (z) => a.slope(z) * b.value(z) + a.value(z) * b.slope(z),
  };
}

/**
 * @param {Part} a
 * @param {Part} b
 * @returns {Part}
 */
function divide(a, b) {
  return {
    value: (z) => a.value(z) / b.value(z),
    slope(z) {
      const below = b.value(z);
      return (a.slope(z) - (a.value(z) / below) * b.slope(z)) / below;
    },
  };
}

/**
 * a^b, with the slope b a^{b-1} a' + log(a) a^b b'. Where b does not move, log(a) is not needed and may not exist.
 * @param {Part} a
 * @param {Part} b
 * @returns {Part}
 */
function power(a, b) {
  return {
    value: (z) => a.value(z) ** b.value(z),
    slope(z) {
      const base = a.value(z);
      const exponent = b.value(z);
      const fromBase = exponent === 0 ? 0 : exponent * base ** (exponent - 1) * a.slope(z);
      const bSlope = b.slope(z);
      return bSlope === 0 ? fromBase : fromBase + Math.log(base) * base ** exponent * bSlope;
    },
  };
}

/**
 * @param {string} name
 * @param {Part} a
 * @returns {Part}
 */
function apply(name, a) {
  const [value, slope] = FUNCTIONS[name];
  return { value: (z) => value(a.value(z)), slope: (z) => slope(a.value(z)) * a.slope(z) };
}

/**
 * a where `first` is positive, b where it is negative; at a tie both agree, and the slope is the mean.
 * @param {Part} a
 * @param {Part} b
 * @param {(x: number, y: number) => number} first
 * @returns {Part}
 */
function choose(a, b, first) {
  return {
    value: (z) => (first(a.value(z), b.value(z)) >= 0 ? a.value(z) : b.value(z)),
    slope(z) {
      const side = first(a.value(z), b.value(z));
      if (side === 0) return (a.slope(z) + b.slope(z)) / 2;
      return side > 0 ? a.slope(z) : b.slope(z);
    },
  };
}

/**
 * @param {number} x
 * @returns {number}
 */
function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

/**
 * Refuse what has no finite value or slope somewhere between -8 and 8.
 * @param {Part} part
 */
function refuseInfinite(part) {
  for (let i = -64; i <= 64; i++) {
    const z = (FARTHEST * i) / 64;
    if (!Number.isFinite(part.value(z))) throw new Error(`The expression has no finite value at z = ${z}.`);
    if (!Number.isFinite(part.slope(z))) throw new Error(`The expression has no finite slope at z = ${z}.`);
  }
}
