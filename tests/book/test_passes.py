"""The passes over finished pages, each on a small page: its effect, and its stops."""

import json
import types

import pytest
from PIL import Image
from selectolax.lexbor import LexborHTMLParser
from sphinx.errors import ExtensionError

from book._ext import finished_pages, katex_math, markup

PYGMENTS = """
html[data-theme="light"] .highlight { background: #fff; color: #111 }
html[data-theme="dark"] .highlight { background: #000; color: #eee }
html[data-theme="light"] .highlight .n { color: #111 } /* Name */
html[data-theme="dark"] .highlight .n { color: #eee } /* Name */
html[data-theme="light"] .highlight .kn { color: #00f } /* Keyword */
html[data-theme="dark"] .highlight .kn { color: #88f } /* Keyword */
html[data-theme="light"] .highlight .o { color: #111 } /* Operator */
html[data-theme="dark"] .highlight .o { color: #f00 } /* Operator */
"""
THEMED = '<html data-content_root="../" data-theme="auto"><body></body></html>'
FRAME = (
    '<p>{0}</p><img alt="{0}" src="data:image/svg+xml,%3Csvg%2F%3E{0}" width="9"'
    ' height="6" style="height:auto" onload="tell(this)">'
)


@pytest.fixture
def site(tmp_path):
    """Takes pages, by their paths, through one pass; gives the pages that result."""

    def run(change, pages):
        (tmp_path / "_static").mkdir(exist_ok=True)
        (tmp_path / "_images").mkdir(exist_ok=True)
        (tmp_path / "_static" / "pygments.css").write_text(PYGMENTS)
        for name, text in pages.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(finished_pages, "PASSES", [change])
            builder = types.SimpleNamespace(format="html")
            app = types.SimpleNamespace(builder=builder, outdir=tmp_path)
            finished_pages.finish(app, None)
        return {name: (tmp_path / name).read_text("utf-8") for name in pages}

    return run


@pytest.fixture
def change(site):
    """Takes one page, book/a.html, through one pass."""
    return lambda change, page: site(change, {"book/a.html": page})["book/a.html"]


def views(states, model):
    """A page with a slider: the states of its widgets, its script and its view."""
    kind = "application/vnd.jupyter.widget"
    state = json.dumps({"state": states})
    return (
        f'<html><head><script type="{kind}-state+json">{state}</script></head>'
        f'<body><script type="{kind}-view+json">{{"model_id": "{model}"}}</script>'
        "</body></html>"
    )


def handle(name, labels):
    """The state of a control that chooses one of some labels."""
    return {"state": {"description": name, "_options_labels": list(labels)}}


def stack(*names):
    """The state of a stack of the widgets with these names."""
    children = [f"IPY_MODEL_{name}" for name in names]
    return {"state": {"children": children, "selected_index": 0}}


def figure_of(*names):
    """The state of the box around controls and the stack of their pictures."""
    children = [f"IPY_MODEL_{name}" for name in names]
    return {"state": {"_dom_classes": ["slider-figure"], "children": children}}


def slider(*frames):
    """A page with one slider over these frames."""
    states = {f"f{i}": {"state": {"value": v}} for i, v in enumerate(frames)}
    labels = [str(i) for i in range(len(frames))]
    states |= {"a": handle("a", labels), "stack": stack(*states)}
    return views(states | {"box": figure_of("a", "stack")}, "box")


def two_sliders(first, second):
    """A page with two sliders, whose frames are called after both labels."""
    states = {}
    for a in first:
        names = [a + b for b in second]
        states |= {name: {"state": {"value": FRAME.format(name)}} for name in names}
        states[a] = stack(*names)
    states |= {"a": handle("a", first), "b": handle("b", second), "all": stack(*first)}
    return views(states | {"box": figure_of("a", "b", "all")}, "box")


WITHOUT_VIEW = (
    '<script type="application/vnd.jupyter.widget-state+json">'
    '{"state": "slider-figure"}</script>'
)
MISSING = {
    "write_search_index": (THEMED, "article.bd-article"),
    "fill_laboratories": ("<div data-laboratory='{}'></div>", ".laboratory["),
    "leave_out_drawn_icons": (THEMED, "scripts/fontawesome.js"),
    "begin_in_light": ("<html data-content_root='.'></html>", "data-theme"),
    "let_summaries_speak": (
        "<details class='hide'><summary>Show</summary></details>",
        "aria-label",
    ),
    "leave_out_role_of_citations": ("<div class='citation-list'></div>", "role"),
    "leave_out_numbers_of_citations": ("<div class='citation-list'></div>", ".label"),
    "keep_ends_with_formulas": ("<p><span class='katex'></span></p>", "span.math"),
    "let_code_in_tables_break": ("<table><td><code></code></td></table>", ".pre"),
    "leave_out_repeated_ids": ("<div class='proof'></div>", "#proof-content"),
    "close_solutions": ("<div class='solution'></div>", "div.solution.dropdown"),
    "leave_paragraphs_out_of_summaries": (
        "<details class='hide'><summary>Show</summary></details>",
        "summary > p",
    ),
    "name_permalinks": (
        "<article><section><h1>A</h1></section></article>",
        "a.headerlink",
    ),
    "name_buttons": (THEMED, "button"),
    "leave_out_what_says_nothing": (THEMED, "main"),
    "leave_out_highlight": (THEMED, "sphinx_highlight.js"),
    "leave_untranslated": ("<span class='katex'></span>", ".math"),
    "slim_pictures": ("<img src='../images/a.png'>", "_images/"),
    "load_pictures_late": (
        "<main><figure><img src='../_images/a.webp'></figure></main>",
        "img[width][height]",
    ),
    "unwrap_plain_words": (
        "<div class='highlight'><span class='kn'>import</span></div>",
        "span.n",
    ),
    "embed_previews": ("<p><a href='b.html#equation-eq-a'>1</a></p>", "a.reference"),
    "draw_sliders": (WITHOUT_VIEW, "widget-view"),
    "join_style_sheets": (THEMED, "stylesheet"),
    "purge_style_sheets": (THEMED, "_static/book-"),
}


@pytest.mark.parametrize("name", MISSING)
def test_pass_stops_where_it_finds_nothing(change, name):
    """A page that lacks what a pass changes stops the build.

    The error names the pass, the page, the pattern, and where to look.
    """
    page, pattern = MISSING[name]
    (one,) = (one for one in finished_pages.PASSES if one.__name__ == name)
    with pytest.raises(ExtensionError, match=rf"{name}: .*a\.html has") as error:
        change(one, page)
    assert pattern in str(error.value)
    assert "look at" in str(error.value)


def test_passes_each_have_a_page_on_which_they_stop():
    """The table above holds every pass, but for the two that read style sheets."""
    names = {one.__name__ for one in finished_pages.PASSES}
    assert names - MISSING.keys() == {"slim_icons", "slim_fonts_of_formulas"}


def test_passes_leave_other_pages_alone(change):
    """A page that is not the theme's goes through every pass as it is."""
    page = "<!DOCTYPE html><html><head></head><body><p>a &amp; b</p></body></html>"
    for one in finished_pages.PASSES[:-2]:
        assert change(one, page) == page


def test_slim_pictures_replaces_png_by_webp(site, tmp_path):
    """A picture becomes a WebP with its width and height; the PNG goes."""
    (tmp_path / "_images").mkdir()
    Image.new("RGB", (30, 20), "white").save(tmp_path / "_images" / "a.png")
    page = '<img alt="A" src="../_images/a.png">'
    pages = {"book/a.html": page, "book/b.html": page}
    for text in site(finished_pages.slim_pictures, pages).values():
        assert '<img alt="A" src="../_images/a.webp" width="30" height="20">' in text
    assert [path.name for path in (tmp_path / "_images").iterdir()] == ["a.webp"]


@pytest.mark.parametrize(("alpha", "mode"), [(255, "RGB"), (128, "RGBA")])
def test_slim_pictures_keeps_what_is_clear(tmp_path, alpha, mode):
    """A picture through which the page is seen stays so; any other has no alpha."""
    path = tmp_path / "a.png"
    Image.new("RGBA", (4, 4), (255, 0, 0, alpha)).save(path)
    assert finished_pages.write_webp(path) == (4, 4)
    with Image.open(tmp_path / "a.webp") as picture:
        assert picture.mode == mode


def test_slim_pictures_stops_at_a_picture_that_no_page_shows(change, tmp_path):
    """A PNG that is left over would be published in full: the build stops."""
    (tmp_path / "_images").mkdir()
    Image.new("RGB", (3, 2)).save(tmp_path / "_images" / "a.png")
    with pytest.raises(ExtensionError, match=r"slim_pictures: no page shows a\.png"):
        change(finished_pages.slim_pictures, "<p>No picture</p>")


def test_unwrap_plain_words_keeps_words_with_a_look(change):
    """Only words that look as code without a class in both themes are unwrapped."""
    code = (
        '<div class="highlight"><pre><span class="kn">import</span> '
        '<span class="n">jax</span><span class="o">+</span></pre></div>'
    )
    page = change(finished_pages.unwrap_plain_words, code)
    assert code.replace('<span class="n">jax</span>', "jax") in page


def test_unwrap_plain_words_stops_at_a_style_sheet_that_it_cannot_read(change):
    """Without a plain class in pygments.css the build stops."""
    with pytest.raises(finished_pages.NoMatch, match=r"pygments\.css matches"):
        finished_pages.plain_words(
            'html[data-theme="light"] .highlight { color: #111 }'
            'html[data-theme="light"] .highlight .n { color: #222 }'
        )


def test_embed_previews_copies_targets_of_other_pages(site):
    """A copy has no anchors, links or stops, and its pictures are found from here."""
    target = (
        '<figure class="align-default" id="fig-a"><img src="../_images/a.webp">'
        '<p tabindex="0">See <a href="#x">this</a>'
        '<a class="headerlink" href="#fig-a">#</a></p></figure>'
    )
    link = '<p><a class="reference internal" href="book/b.html#fig-a">Fig. 1</a></p>'
    pages = site(
        finished_pages.embed_previews, {"a.html": link * 2, "book/b.html": target}
    )
    copy = (
        '<script type="text/html" data-preview="book/b.html#fig-a">'
        '<figure class="align-default"><img src="_images/a.webp"><p>See this</p>'
        "</figure></script>"
    )
    assert pages["a.html"].count(copy) == pages["a.html"].count("<script") == 1
    assert target in pages["book/b.html"]


ERRATUM = "<h3>1. One</h3>\n<p>Printed</p>\n<p>Correct</p>"


@pytest.mark.parametrize(
    "errata",
    [
        f'<span id="erratum-1"></span>{ERRATUM}<span id="erratum-2"></span><h3>2.</h3>',
        f'<section id="erratum-1"><span id="one"></span>{ERRATUM}</section>',
    ],
    ids=["label before the heading", "label of the section"],
)
def test_embed_previews_takes_an_erratum_up_to_the_next(site, errata):
    """Of an erratum, the heading and the paragraphs that follow are copied."""
    link = '<p><a class="reference internal" href="b.html#erratum-1">erratum 1</a></p>'
    pages = site(finished_pages.embed_previews, {"a.html": link, "b.html": errata})
    copy = f'data-preview="b.html#erratum-1"><div>{ERRATUM}</div></script>'
    assert copy in pages["a.html"]


def test_embed_previews_stops_at_a_reference_that_leads_to_nothing(site):
    """A reference to an equation that has another shape now stops the build."""
    link = '<a class="reference internal" href="b.html#equation-eq-a">(1)</a>'
    pages = {"a.html": link, "b.html": '<p id="equation-eq-a"></p>'}
    with pytest.raises(
        ExtensionError, match=r"leads to nothing that matches 'div\.math"
    ):
        site(finished_pages.embed_previews, pages)


def test_draw_sliders_shows_the_first_frame_and_names_all(change, tmp_path):
    """A slider becomes a range with its labels; its frames are files, without code."""
    page = slider(*(FRAME.format(f"a = {i}") for i in range(5)))
    text = change(finished_pages.draw_sliders, page)
    tree = LexborHTMLParser(text)
    figure = tree.css_first(".slider-figure")
    frames = json.loads(figure.attrs["data-frames"])
    assert [alt for _, alt in frames] == [f"a = {i}" for i in range(5)]
    for i, (address, _) in enumerate(frames):
        assert (tmp_path / "book" / address).read_text() == f"<svg/>a = {i}"
    control = figure.css_first("input[type=range]")
    assert figure.css_first(f'label[for="{control.id}"]').text() == "a"
    assert figure.css_first(f'output[for="{control.id}"]').text() == "0"
    assert control.attrs["max"] == "4"
    assert control.attrs["aria-valuetext"] == "0"
    assert json.loads(control.attrs["data-labels"]) == list("01234")
    image = figure.css_first("img")
    assert [image.attrs["src"], image.attrs["alt"]] == frames[0]
    assert "onload" not in text
    assert "widget-" not in text
    assert text.count("../_static/sliders.js") == 1


def test_draw_sliders_keeps_the_order_of_two_sliders(change):
    """The frames of the second slider's positions follow each other."""
    page = two_sliders(("0", "1"), ("x", "y", "z"))
    figure = LexborHTMLParser(change(finished_pages.draw_sliders, page)).css_first(
        ".slider-figure"
    )
    frames = json.loads(figure.attrs["data-frames"])
    assert [alt for _, alt in frames] == [f"{a}{b}" for a in "01" for b in "xyz"]
    assert len({node.attrs["id"] for node in figure.css("input")}) == 2


def test_draw_sliders_shows_first_middle_and_last_on_paper(change):
    """Three of five frames stand beside the slider, as files that are the same."""
    page = slider(*(FRAME.format(f"a = {i}") for i in range(5)))
    text = change(finished_pages.draw_sliders, page)
    stills = text.partition('<div class="slider-stills">')[2]
    for i in range(5):
        assert (f'<div><p>a = {i}</p><img alt="a = {i}"' in stills) == (i % 2 == 0)
    assert stills.count('loading="lazy"') == 3


def test_draw_sliders_stops_at_a_frame_that_it_cannot_read(change):
    """A frame without its line or its picture stops the build."""
    page = slider("<p>a = 0</p><canvas></canvas>")
    with pytest.raises(ExtensionError, match=r"look at ntklib/figures\.py"):
        change(finished_pages.draw_sliders, page)


def test_draw_sliders_stops_at_a_widget_that_nothing_would_move(change):
    """A widget that is no slider would be dead on the site: the build stops."""
    page = views({"box": {"state": {"_dom_classes": []}}}, "box")
    with pytest.raises(ExtensionError, match="shows a widget that is no slider_figure"):
        change(finished_pages.draw_sliders, page)


def test_draw_sliders_leaves_out_states_without_a_slider(change):
    """A stored state that no slider of the page needs goes, and no script comes."""
    page = f"<html><head></head><body><p>a</p>{WITHOUT_VIEW}</body></html>"
    text = change(finished_pages.draw_sliders, page.replace("slider-figure", ""))
    assert "script" not in text


def test_join_style_sheets_writes_one_with_addresses_that_hold(change, tmp_path):
    """All sheets in their order, imports included, addresses as seen from _static."""
    (tmp_path / "_static" / "sub").mkdir(parents=True)
    (tmp_path / "_static" / "a.css").write_text('@import "sub/b.css"; a {}')
    (tmp_path / "_static" / "sub" / "b.css").write_text("b { src: url(f.woff) }")
    (tmp_path / "_static" / "c.css").write_text("c { src: url('data:x') }")
    page = (
        '<html data-content_root="../"><head><link rel="stylesheet"'
        ' href="../_static/a.css?v=1"><link rel="stylesheet" href="../_static/c.css">'
        '<noscript><link rel="stylesheet" href="n.css"></noscript></head></html>'
    )
    text = change(finished_pages.join_style_sheets, page)
    (sheet,) = (tmp_path / "_static").glob("book-*.css")
    style = 'b { src: url("sub/f.woff") } a {}\n' + "c { src: url('data:x') }"
    assert sheet.read_text() == style
    assert text.count("<link") == 2
    assert f'<link rel="stylesheet" href="../_static/{sheet.name}">' in text
    assert '<noscript><link rel="stylesheet" href="n.css"></noscript>' in text


def test_join_style_sheets_stops_at_an_import_that_it_does_not_know(change, tmp_path):
    """An import of another form would be lost: the build stops."""
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.css").write_text("@import url(b.css) screen;")
    page = '<link rel="stylesheet" href="../_static/a.css">'
    with pytest.raises(ExtensionError, match=r"a\.css imports a style sheet in a way"):
        change(finished_pages.join_style_sheets, page)


def test_purge_style_sheets_keeps_what_pages_and_scripts_name(change, tmp_path):
    """Rules for elements, ids, classes and words of scripts stay, the others go."""
    static = tmp_path / "_static"
    static.mkdir()
    (static / "a.js").write_text('e.classList.add("by-script")')
    kept = [".here{}", "#top:hover{}", "p>.by-script{}", ".laboratory .lab-map{}"]
    kept += ['html[data-theme="dark"] p{}', "p:is(.here,.gone){}", "p:not(.gone){}"]
    gone = [".gone{}", "table{}", "p .gone{}"]
    (static / "book-1.css").write_text("/* a */" + "".join(kept + gone))
    page = (
        '<html data-content_root="../" data-theme="light"><head>'
        '<link rel="stylesheet" href="../_static/book-1.css">'
        '<script src="../_static/a.js?v=1"></script></head>'
        '<body><p class="here" id="top"></p></body></html>'
    )
    text = change(finished_pages.purge_style_sheets, page)
    (sheet,) = static.glob("style-*.css")
    assert f'href="../_static/{sheet.name}"' in text
    assert not list(static.glob("book-*.css"))
    style = sheet.read_text().replace(" ", "")
    assert all(rule.replace(" ", "") in style for rule in kept[:5] + kept[6:])
    assert "p:is(.here" in style
    assert not any(rule.replace(" ", "") in style for rule in [*gone, "/*a*/"])
    whole = tmp_path.parent / "whole_styles" / sheet.name
    assert all(rule in whole.read_text() for rule in kept + gone)


def test_slim_icons_stops_at_a_style_sheet_without_icons(change, tmp_path):
    """Where the theme's style sheet names no icons, none would be left."""
    (tmp_path / "_static" / "styles").mkdir(parents=True)
    sheet = tmp_path / "_static" / "styles" / "pydata-sphinx-theme.css"
    sheet.write_text("a { color: red }")
    with pytest.raises(ExtensionError, match=r"slim_icons: .* has no icons that match"):
        change(finished_pages.slim_icons, "<p></p>")


def test_finish_leaves_other_formats_and_failed_builds_alone(tmp_path):
    """Nothing is done when the build has failed, or makes no HTML."""
    page = tmp_path / "a.html"
    page.write_text("<p>")
    for kind, error in (("latex", None), ("html", ValueError())):
        builder = types.SimpleNamespace(format=kind)
        app = types.SimpleNamespace(builder=builder, outdir=tmp_path)
        finished_pages.finish(app, error)
    assert page.read_text() == "<p>"


@pytest.fixture
def app(tmp_path):
    """What an extension sees of Sphinx while a site is built."""
    builder = types.SimpleNamespace(format="html")
    return types.SimpleNamespace(builder=builder, outdir=tmp_path)


def test_copy_style_stops_at_a_style_sheet_that_it_does_not_know(
    app, tmp_path, monkeypatch
):
    """KaTeX's style sheet names the fonts that are written, or the build stops."""
    katex_math.copy_style(app)
    style = (tmp_path / "_static" / "katex" / "katex.min.css").read_text("utf-8")
    assert "truetype" not in style
    assert style.count("format(") == style.count('format("woff2")') > 10
    monkeypatch.setattr(katex_math, "DIST", tmp_path)
    (tmp_path / "katex.min.css").write_text("nothing of the kind")
    with pytest.raises(ExtensionError, match=r"katex\.min\.css no longer matches"):
        katex_math.copy_style(app)


def test_load_pictures_late_leaves_the_first_figure_of_a_page(change):
    """The first figure is loaded at once, the others as they come near."""
    figure = '<figure><img src="{}.webp" width="9" height="6"></figure>'
    page = "".join(map(figure.format, "abc"))
    page = f"<html><body><main>{page}</main></body></html>"
    found = LexborHTMLParser(change(finished_pages.load_pictures_late, page))
    late = [image.attributes.get("loading") for image in found.css("img")]
    assert late == [None, "lazy", "lazy"]


SOLUTION = """<html><body><div class="solution dropdown admonition" id="a-solution-0">
<p class="admonition-title">Solution to<a href="#ex-a"> Exercise 1 (A)</a></p>
<section><p>Text</p></section></div>
<div class="cell"><details class="hide"><summary><span class="collapsed">PROMPT</span>
</summary><pre>code</pre></details><pre>output</pre></div>
<div class="cell"><pre>other</pre></div></body></html>"""


def test_close_solutions_takes_the_cells_that_are_theirs(change):
    """A solution is a <details> by its exercise's label, with its cells unfolded."""
    page = SOLUTION.replace("PROMPT", markup.PROMPT)
    found = LexborHTMLParser(change(markup.close_solutions, page))
    (solution,) = found.css("details")
    assert solution.attributes["id"] == "solution-ex-a"
    assert solution.css("summary")[0].text() == "Solution to Exercise 1 (A)"
    assert [node.text() for node in solution.css("pre")] == ["code", "output"]
    assert found.css("body > .cell > pre")[0].text() == "other"
    kept = LexborHTMLParser(
        change(markup.close_solutions, SOLUTION.replace("PROMPT", "Show the code"))
    )
    assert kept.css(".solution pre") == []


def test_leave_out_numbers_of_citations_leaves_the_text(change):
    """Of a citation its text stays."""
    page = """<div class="citation-list"><div class="citation"><span class="label">[1]
        </span><p>Neal, 1996.</p></div></div>"""
    after = change(finished_pages.leave_out_numbers_of_citations, page)
    assert '<div class="citation"><p>Neal, 1996.</p></div>' in after


FORMULA = '<span class="math"><span class="katex">x</span></span>'


@pytest.mark.parametrize(
    ("text", "kept", "left"),
    [(", so", ",", " so"), (").</p><p>Then", ").", "</p><p>Then")],
)
def test_keep_ends_with_formulas_takes_signs_alone(change, text, kept, left):
    """A formula and the signs after it are one element; words after it are not."""
    page = f"<p>Let {FORMULA}{text}</p>"
    after = change(finished_pages.keep_ends_with_formulas, page)
    assert f'<span class="with-end">{FORMULA}{kept}</span>{left}' in after


def test_keep_ends_with_formulas_leaves_words_alone(change):
    """What follows a formula after a space, or not as text, stays as it is."""
    page = f"<p>{FORMULA} and {FORMULA}<em>, or</em> 1 &lt; {FORMULA}, &lt; 2</p>"
    after = change(finished_pages.keep_ends_with_formulas, page)
    assert f"<p>{FORMULA} and {FORMULA}<em>, or</em> 1 &lt; <span" in after
    assert f"{FORMULA},</span> &lt; 2" in after


def test_leave_untranslated_marks_formulas_and_code(change):
    """Formulas and code say that they are not to be translated; words do not."""
    page = f"<p>{FORMULA} <code>a</code></p><pre>b</pre>"
    after = change(finished_pages.leave_untranslated, page)
    assert after.count('translate="no"') == 3
    assert '<code translate="no">' in after


def test_let_code_in_tables_break_after_signs(change):
    """Code in a table may go on in a new line after a sign, elsewhere it stays."""
    code = '<code><span class="pre">limit_kernel(X,</span></code>'
    page = f"<table><tr><td>{code}</td></tr></table><p>{code}</p>"
    after = change(finished_pages.let_code_in_tables_break, page)
    assert "limit_<wbr>kernel(<wbr>X,</span></code></td>" in after
    assert "limit_kernel(X,</span></code></p>" in after
