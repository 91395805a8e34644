"""The passes over finished pages, each on a small page: its effect, and its stops."""

import json
import types

import pytest
from PIL import Image
from sphinx.errors import ExtensionError

from book._ext import finished_pages, katex_math, widgets_runtime

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
        f'<html><head><script type="{kind}-state+json">{state}</script>'
        '<script data-jupyter-widgets-cdn="w/" defer src="w/embed.js"></script></head>'
        f'<body><script type="{kind}-view+json">{{"model_id": "{model}"}}</script>'
        "</body></html>"
    )


def slider(*frames):
    """The states of a slider with these frames."""
    states = {f"f{i}": {"state": {"value": v}} for i, v in enumerate(frames)}
    children = [f"IPY_MODEL_f{i}" for i in range(len(frames))]
    states["stack"] = {"state": {"children": children, "selected_index": 0}}
    box = {"_dom_classes": ["slider-figure"], "children": ["a", "IPY_MODEL_stack"]}
    states["box"] = {"state": box}
    return views(states, "box")


WITHOUT_VIEW = '<script type="application/vnd.jupyter.widget-state+json">{}</script>'
MISSING = {
    "write_search_index": (THEMED, "article.bd-article"),
    "leave_out_drawn_icons": (THEMED, "scripts/fontawesome.js"),
    "begin_in_light": ("<html data-content_root='.'></html>", "data-theme"),
    "let_summaries_speak": (
        "<details class='hide'><summary>Show</summary></details>",
        "aria-label",
    ),
    "leave_out_role_of_citations": ("<div class='citation-list'></div>", "role"),
    "leave_out_numbers_of_citations": ("<div class='citation-list'></div>", ".label"),
    "keep_ends_with_formulas": ("<span class='katex'></span>", "span.math"),
    "leave_untranslated": ("<span class='katex'></span>", ".math"),
    "let_code_in_tables_break": (
        "<table><tr><td><code>a</code></td></tr></table>",
        "td code .pre",
    ),
    "slim_pictures": ("<img src='../images/a.png'>", "_images/"),
    "unwrap_plain_words": (
        "<div class='highlight'><span class='kn'>import</span></div>",
        "span.n",
    ),
    "embed_previews": ("<p><a href='b.html#equation-eq-a'>1</a></p>", "a.reference"),
    "add_stills_of_sliders": (WITHOUT_VIEW, "widget-view"),
    "put_text_before_sliders": (WITHOUT_VIEW, "data-jupyter-widgets-cdn"),
    "join_style_sheets": (THEMED, "stylesheet"),
}


@pytest.mark.parametrize("name", MISSING)
def test_pass_stops_where_it_finds_nothing(change, name):
    """A page that lacks what a pass changes stops the build.

    The error names the pass, the page, the pattern, and where to look.
    """
    page, pattern = MISSING[name]
    with pytest.raises(ExtensionError, match=rf"{name}: .*a\.html has") as error:
        change(getattr(finished_pages, name), page)
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


def test_embed_previews_takes_an_erratum_up_to_the_next(site):
    """Of an erratum, the heading and the paragraphs that follow are copied."""
    errata = (
        '<span id="erratum-1"></span><h3>1. One</h3>\n<p>Printed</p>\n<p>Correct</p>'
        '<span id="erratum-2"></span><h3>2. Two</h3>'
    )
    link = '<p><a class="reference internal" href="b.html#erratum-1">erratum 1</a></p>'
    pages = site(finished_pages.embed_previews, {"a.html": link, "b.html": errata})
    copy = "<div><h3>1. One</h3>\n<p>Printed</p>\n<p>Correct</p></div>"
    assert f'data-preview="b.html#erratum-1">{copy}</script>' in pages["a.html"]


def test_embed_previews_stops_at_a_reference_that_leads_to_nothing(site):
    """A reference to an equation that has another shape now stops the build."""
    link = '<a class="reference internal" href="b.html#equation-eq-a">(1)</a>'
    pages = {"a.html": link, "b.html": '<p id="equation-eq-a"></p>'}
    with pytest.raises(
        ExtensionError, match=r"leads to nothing that matches 'div\.math"
    ):
        site(finished_pages.embed_previews, pages)


def test_add_stills_of_sliders_shows_first_middle_and_last(change, tmp_path):
    """Three of five frames stand beside the slider's place, as files, without code."""
    page = slider(*(FRAME.format(f"a = {i}") for i in range(5)))
    text = change(finished_pages.add_stills_of_sliders, page)
    assert '<div class="slider-place" style="--sliders:1;--ratio:9/6"><script' in text
    stills = text.partition('<div class="slider-stills">')[2]
    for i in range(5):
        assert (f'<div><p>a = {i}</p><img alt="a = {i}"' in stills) == (i % 2 == 0)
    assert "onload" not in stills
    assert stills.count('loading="lazy"') == 3
    files = [path.read_text() for path in (tmp_path / "_images").iterdir()]
    assert sorted(files) == ["<svg/>a = 0", "<svg/>a = 2", "<svg/>a = 4"]


def test_add_stills_of_sliders_stops_at_a_frame_that_it_cannot_read(change):
    """A frame without its line or its picture stops the build."""
    page = slider("<p>a = 0</p><canvas></canvas>")
    with pytest.raises(ExtensionError, match=r"look at ntklib/figures\.py"):
        change(finished_pages.add_stills_of_sliders, page)


def test_add_stills_of_sliders_leaves_other_widgets_alone(change):
    """A widget that is no slider has no stills."""
    page = views({"box": {"state": {"_dom_classes": []}}}, "box")
    assert "slider-" not in change(finished_pages.add_stills_of_sliders, page)


def test_put_text_before_sliders_moves_state_and_script_to_the_end(change):
    """The head keeps nothing of the sliders; the script comes after their states."""
    text = change(finished_pages.put_text_before_sliders, slider(FRAME))
    head, _, body = text.partition("<body>")
    assert "<script" not in head
    assert body.index("-view+json") < body.index("-state+json")
    assert body.index("-state+json") < body.index('script.src = "w/embed.js"')
    assert 'dataset.jupyterWidgetsCdn = "w/"' in body


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


def test_copy_bundle_stops_at_a_runtime_that_it_does_not_know(
    app, tmp_path, monkeypatch
):
    """The runtime of widgets is changed where it is meant, or the build stops."""
    widgets_runtime.copy_bundle(app)
    script = (tmp_path / "_static" / "widgets" / "embed.js").read_text("utf-8")
    assert not [old for old in widgets_runtime.CHANGES if old in script]
    monkeypatch.setattr(widgets_runtime, "BUNDLE", tmp_path / "embed.js")
    (tmp_path / "embed.js").write_text("nothing of the kind")
    with pytest.raises(ExtensionError, match=r"no longer contains '@font-face{'"):
        widgets_runtime.copy_bundle(app)


def test_copy_style_stops_at_a_style_sheet_that_it_does_not_know(
    app, tmp_path, monkeypatch
):
    """KaTeX's style sheet names the fonts that are written, or the build stops."""
    katex_math.copy_style(app)
    style = (tmp_path / "_static" / "katex" / "katex.min.css").read_text("utf-8")
    assert "woff2" not in style
    assert style.count('format("woff")') > 10
    monkeypatch.setattr(katex_math, "DIST", tmp_path)
    (tmp_path / "katex.min.css").write_text("nothing of the kind")
    with pytest.raises(ExtensionError, match=r"katex\.min\.css no longer matches"):
        katex_math.copy_style(app)


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
