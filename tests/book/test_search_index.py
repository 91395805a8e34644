"""The index of the search: formulas as text, sections, and things with a number."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from book._ext.katex_math import render
from book._ext.search_index import entries, formula_text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\lambda_{\min}(K) \ge 0", "λ_min(K) ≥ 0"),
        (r"\|x\|^2", "∥x∥²"),
        (r"K_t^n(x, x')", "Kₜⁿ(x,x′)"),
        (r"\partial_t r = -\frac1m\, K\, r", "∂ₜr = −1/m K r"),
        (r"\frac{1}{2m} e^{-2\lambda t/m}", "1/(2m) e^(−2λt/m)"),
        (r"1/\sqrt n", "1/√n"),
        (r"\sqrt{a + b}", "√(a + b)"),
        (r"\hat x_{\alpha\beta}", "x_αβ"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "(a b; c d)"),
    ],
)
def test_formula_text_reads_as_one_would_write_it(tex, text):
    """A formula, as KaTeX writes it, becomes text on one line."""
    tree = LexborHTMLParser(render(tex, False), is_fragment=True)
    found = formula_text(tree.css_first("semantics"))
    assert " ".join(found.split()) == text


def page(inside):
    """A page of the theme with a title and something below it."""
    title = '<h1><span>3. </span>Title<a class="headerlink" href="#t">#</a></h1>'
    section = f'<section id="t">{title}{inside}</section>'
    return f'<article class="bd-article">{section}</article>'


def test_entries_are_sections_with_their_own_text():
    """A section has its own paragraphs, in order, and no text of a section within."""
    inside = (
        "<p>Above.</p><section id='a'><h2>3.1. A</h2><p>Of A.</p><ul><li>Item</li>"
        "<li><p>Another</p></li></ul><pre>code()</pre>"
        "<section id='b'><h3>3.1.1. B</h3><p>Of B.</p></section></section>"
    )
    title, a, b = entries(page(inside), "book/x.html")
    assert (title.address, title.title, title.text) == (
        "book/x.html",
        "3 Title",
        ["Above."],
    )
    assert (a.address, a.title) == ("book/x.html#a", "3.1 A")
    assert a.text == ["Of A.", "Item", "Another"]
    assert "code()" in a.code
    assert (b.title, b.page, b.text) == ("3.1.1 B", "3 Title", ["Of B."])


@pytest.mark.parametrize(
    "section",
    [
        "<section id='one'><span id='erratum-1'></span><h3>1. One</h3></section>",
        "<section id='erratum-1'><span id='one'></span><h3>1. One</h3></section>",
    ],
    ids=["label before the heading", "label of the section"],
)
def test_entries_of_errata_are_found_by_their_number(section):
    """docutils puts a label before the heading, and from 0.22 on onto the section."""
    _, erratum = entries(page(section), "book/errata.html")
    assert "erratum 1" in erratum.names
    assert erratum.title == "1 One"


def test_entries_hold_what_has_a_number_and_no_solution():
    """An equation, a theorem and an exercise are entries; a solution is in none."""
    formula = render(r"\lambda_{\min}", True)
    inside = (
        "<section id='a'><h2>3.1. A</h2>"
        "<div class='math' id='equation-eq-small'><span class='eqno'>(3.4)</span>"
        f"<div class='formula'>{formula}</div></div>"
        "<div class='proof theorem admonition' id='thm-x'><p class='admonition-title'>"
        "<span class='caption-number'>Theorem 3.1 </span>(X)</p><p>Says.</p></div>"
        "<div class='exercise admonition' id='ex-y'><p class='admonition-title'><span"
        " class='caption-number'>Exercise 3.1 </span>(Y)</p><p>Do.</p></div>"
        "<div class='solution'><p>Secret</p></div></section>"
    )
    found = {one.address: one for one in entries(page(inside), "book/x.html")}
    equation = found["book/x.html#equation-eq-small"]
    assert (equation.title, equation.text) == ("Equation (3.4)", ["λ_min"])
    assert "small equation" in equation.names
    assert found["book/x.html#thm-x"].title == "Theorem 3.1 (X)"
    assert found["book/x.html#ex-y"].text == ["Do."]
    section = " ".join(found["book/x.html#a"].text)
    assert section.split().count("λ_min") == 1
    assert "Says." in section
    assert not any("Secret" in " ".join(one.text) for one in found.values())


def test_entries_of_the_lecture_lead_to_its_places_here():
    """A line of the table of the lecture is an entry that leads into a chapter."""
    inside = (
        "<table class='lecture-table'><tbody><tr><td><p>Lemma 2</p></td>"
        "<td><p><a href='y.html'>Y</a>, <a href='y.html#lem'>Lemma 7.1</a></p></td>"
        "<td></td></tr></tbody></table>"
    )
    last = entries(page(inside), "book/lecture.html")[-1]
    assert (last.address, last.title) == ("book/y.html#lem", "In the lecture: Lemma 2")
