// Reads a style sheet and the words of all pages from stdin, and writes the sheet without rules that no page can use.
import { readFileSync } from "node:fs";
import postcss from "postcss";
import { PurgeCSS } from "purgecss";

const { style, words, safe } = JSON.parse(readFileSync(0, "utf-8"));
const [{ css }] = await new PurgeCSS().purge({
  css: [{ raw: style }],
  content: [{ raw: words, extension: "html" }],
  defaultExtractor: (text) => text.split(" "),
  // Scripts give these attributes other values than those that pages are written with.
  dynamicAttributes: ["aria-expanded", "data-mode", "data-popper-placement", "data-theme", "open"],
  safelist: { greedy: safe.map((pattern) => new RegExp(pattern)) },
});
const root = postcss.parse(css);
root.walkComments((comment) => {
  if (!comment.text.startsWith("!")) comment.remove(); // licences stay
});
process.stdout.write(root.toString());
