// Sets one formula a line: reads [TeX, display] as JSON, writes {html} or {error} as JSON.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import katex from "katex";

const style = readFileSync(fileURLToPath(import.meta.resolve("katex/dist/katex.min.css")), "utf-8");
const STYLED = new Set(Array.from(style.matchAll(/\.([a-z][\w-]*)/g), (match) => match[1]));
const HOLDERS = ["delim-size1", "delim-size4", "inner"]; // what lies in these has a style by its place alone

// The same picture from some 40 % fewer elements: classes without a style go, and so do spans that change nothing.
function lighten(node, parent) {
  if (!node.classes || node.classes.includes("katex-mathml")) return [node];
  node.classes = node.classes.filter((name) => STYLED.has(name));
  if (!node.children) return [node];
  const script = loneScript(node);
  if (script) return lighten(script, parent);
  node.children = node.children.flatMap((child) => lighten(child, node));
  const held = HOLDERS.some((name) => parent?.classes.includes(name));
  const bare = [node.classes, node.style, node.attributes ?? {}].every((marks) => Object.keys(marks).length === 0);
  return bare && !held ? node.children : [node];
}

// A subscript or superscript alone needs no table of rows: it moves down or up from its line. KaTeX gives the whole
// formula a strut of the right height and depth, so that nothing else depends on the table.
function loneScript(node) {
  if (!node.classes.includes("msupsub")) return null;
  const entries = node.children[0].children[0].children[0].children;
  if (entries.length > 1 || parseFloat(entries[0].style.marginLeft) < -0.2) return null; // tables have no negative width
  const [{ children: [strut, script], style: { top, ...margins } }] = entries;
  const down = parseFloat(strut.style.height) + parseFloat(top);
  return Object.assign(node, {
    classes: [], children: [script], style: { position: "relative", top: `${+down.toFixed(4)}em`, ...margins },
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [tex, displayMode] = JSON.parse(line);
  let answer;
  try {
    const tree = katex.__renderToDomTree(tex, { displayMode, strict: "error" });
    answer = { html: lighten(tree).map((node) => node.toMarkup()).join("") };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
