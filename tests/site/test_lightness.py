"""What the build leaves out is not seen: formulas and code look as they were set."""

import html
import json
import re
import subprocess

import pytest
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from book._ext import katex_math
from tests.site.conftest import PAGES, ROOT, SITE

KATEX_ITSELF = """import katex from "katex";
import { readFileSync } from "node:fs";
const set = ([tex, displayMode]) => katex.renderToString(tex, { displayMode });
const formulas = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(formulas.map(set)));"""
FORMULA = re.compile(
    r'(class="katex-display">)?<span class="katex"><span class="katex-mathml">'
    r'.*?"application/x-tex">(.*?)<',
    re.S,
)
# One formula between two blanks.
RARE = r"""
x^{} {}^ab x_{}^{} x_{i_{j_k}} x^{2^2} x_i^{2^2} \overline{x_i}^2 \underline{x}_2
f'' f'^2 \mathbf{x}_i^\top \text{a}_{\text{b}} \lim_{x\to0} \int_0^1
\int\nolimits_a \iint_D \sum\limits_{i} \sum\nolimits_i \operatorname{E}_x
\max_{\substack{i<j\\k}} \prod \sqrt{1+\sqrt[3]{x_i^2}} \hat{x}_i \vec{x}^2
\dot{x}_t \tilde{K} \widehat{abc} \overrightarrow{AB} \xrightarrow{n\to\infty}
\underbrace{a_i+b}_{n} \overbrace{a^2}^{m} \stackrel{d}{=} \binom{n}{k}_2
\frac{x_i}{y^2} \cfrac{1}{1+\cfrac12} \tfrac12_2 {1\over2}
\left(\frac{a_1}{b^2}\right)^2
\left\{\begin{matrix}a\\b\\c\\d\\e\end{matrix}\right. \bigl(x\bigr) \Big|_0
\left\|x\middle|y\right\| \begin{pmatrix}a_1&b\\c&d^2\end{pmatrix}^{-1}
\begin{cases}x_1&\text{if}\\0\end{cases} \begin{aligned}a&=b_1\\&=c^2\end{aligned}
\begin{array}{c|c}a&b\\\hline{c}&d\end{array} \mathrlap{a}b \mathclap{123}
\mathllap{ab} \phantom{x}_2 \cancel{x_1} \boxed{x^2} \color{red}{x_1}
\textcolor{blue}{y}^2 \mathcal{L}_t \mathbb{R}^n \mathfrak{g}_1 \mathscr{F}
\boldsymbol{\theta}_0 \not= \neq \notin \ldots \cdots \vdots \% \raisebox{1em}{x}
\left\uparrow\begin{matrix}a\\b\\c\\d\\e\end{matrix}\right.
"""

# Each character, bar and root of each formula: what it is, and its place within.
PLACES = """() => [...document.querySelectorAll(".katex-html")].map(formula => {
  const origin = formula.getBoundingClientRect(), range = document.createRange();
  const place = (name, b) => [name, b.x - origin.x, b.y - origin.y, b.width, b.height];
  const found = [place("formula", origin)];
  const texts = document.createTreeWalker(formula, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    let at = 0;
    for (const letter of texts.currentNode.data) {
      range.setStart(texts.currentNode, at);
      range.setEnd(texts.currentNode, at += letter.length);
      const box = range.getBoundingClientRect();
      if (letter !== "\\u200b") found.push(place(letter, box));
    }
  }
  for (const e of formula.querySelectorAll("svg, .frac-line, .base")) {
    found.push(place(e.tagName, e.getBoundingClientRect()));
  };
  return found;
})"""

# Each character of a block of code with its look, as the page has it, and as it would
# be with the words given.
LOOKS = """(e, words) => {
  const looks = block => {
    const found = [], texts = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const style = getComputedStyle(texts.currentNode.parentNode);
      const { color, fontWeight, fontStyle, textDecorationLine } = style;
      const look = [color, fontWeight, fontStyle, textDecorationLine].join();
      const letters = texts.currentNode.data.replace(/\\s/g, "");
      for (const letter of letters) found.push(letter + look);
    }
    return found;
  };
  const before = looks(e);
  e.innerHTML = words;
  return [before, looks(e)];
}"""


@pytest.fixture(scope="module")
def formulas():
    """Each formula as TeX, and whether it is displayed; some the book may yet have."""
    pages = ((SITE / "book" / f"{name}.html").read_text("utf-8") for name in PAGES)
    found = {
        (html.unescape(tex), bool(block))
        for page in pages
        for block, tex in FORMULA.findall(page)
    }
    assert len(found) > 1000
    assert {block for _, block in found} == {True, False}
    return [
        *sorted(found),
        *((f"a {tex} b", block) for tex in RARE.split() for block in (True, False)),
    ]


def test_formulas_are_as_katex_sets_them(browser, formulas, tmp_path):
    """Every character stands where KaTeX itself puts it, to 1/400 of its size.

    At least a third of the elements go.
    """
    command = [katex_math.node_program(), "--input-type=module", "-e", KATEX_ITSELF]
    own = subprocess.run(
        command,
        cwd=ROOT / "book" / "_ext",
        input=json.dumps(formulas),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    sheet = (SITE / "_static" / "katex" / "katex.min.css").as_uri()
    results = {
        "katex": json.loads(own.stdout),
        "book": [katex_math.render(tex, display) for tex, display in formulas],
    }
    places, sizes = [], []
    for name, found in results.items():
        body = "".join(f"<p>{formula}</p>" for formula in found)
        file = tmp_path / f"{name}.html"
        file.write_text(
            '<!DOCTYPE html><meta charset="utf-8">'
            f'<link rel="stylesheet" href="{sheet}">'
            f'<body style="font-size: 40px; width: 5000px">{body}'
        )
        page = browser.new_page()
        page.goto(file.as_uri())
        page.evaluate("document.fonts.ready.then(() => true)")
        places.append(page.evaluate(PLACES))
        sizes.append(page.locator(".katex-html *").count())
        page.close()
    assert len(places[0]) == len(places[1]) == len(formulas)
    for formula, theirs, ours in zip(formulas, *places, strict=True):
        assert [name for name, *_ in theirs] == [name for name, *_ in ours], formula
        off = max(
            abs(a - b)
            for one, two in zip(theirs, ours, strict=True)
            for a, b in zip(one[1:], two[1:], strict=True)
        )
        # In pixels; letters are 48 pixels high, and layout rounds each to 1/64.
        assert off < 0.12, (formula, off)
    assert sizes[1] < 2 / 3 * sizes[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_code_is_coloured_as_pygments_colours_it(visit, scheme):
    """Each character of code looks as it does with all of Pygments' elements."""
    page, changed = visit("limit_kernel", scheme=scheme), 0
    for kind in ("ipython3", "python"):
        blocks = page.locator(f"main .highlight-{kind} pre")
        for block in blocks.all():
            words = highlight(
                block.text_content(),
                get_lexer_by_name(kind),
                HtmlFormatter(nowrap=True),
            )
            assert "<span" in words
            changed += words.count("<span") - block.locator("span").count()
            before, after = block.evaluate(LOOKS, words)
            assert before == after
            assert len(set(look[1:] for look in before)) > 2 or len(before) < 60
    assert changed > 1000
