"""The laboratory's modules as one script: order, scopes, and what is refused."""

import re
import subprocess

import pytest

from book._ext.katex_math import node_program
from ntklib import _laboratory


@pytest.fixture
def modules(tmp_path):
    """Writes modules, by their names, and gives their folder."""

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.js").write_text(text, "utf-8")
        return tmp_path

    return write


def run(script):
    """What Node prints for a script; an error of it fails the test."""
    result = subprocess.run(
        [node_program(), "-"],
        input=script,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return result.stdout.strip()


def test_joined_modules_do_what_they_did_apart(modules):
    """Imports are kept, also renamed ones; each module has names of its own."""
    folder = modules(
        a="/** Two\n * lines. */\nconst own = 2;\n"
        "export const twice = (x) => own * x;\n",
        b='import { twice } from "./a.js";\nconst own = 1;\n'
        "export function* count() {\n  yield twice(own);\n}\nexport class C {}\n",
        c='// Why.\nimport {\n  count as all,\n  C,\n} from "./b.js";\n'
        'import { twice } from "./a.js";\nconst own = new C();\n'
        "console.log(typeof own, twice(3), ...all());\n",
    )
    script = _laboratory.joined(folder / "c.js", folder / "a.js")
    assert run(script) == "object 6 2"
    assert "Two" not in script
    assert "Why" not in script
    # The worker gets the function's source alone.
    assert run(f"{script}console.log(eval(`(${{mathematics}})`)().a_js.twice(4));") == (
        "object 6 2\n8"
    )


def test_order_puts_each_module_after_those_it_imports(modules):
    """A module that two others need comes once, before both."""
    folder = modules(
        a="", b='import { x } from "./a.js";\n', c='import { x } from "./a.js";\n'
    )
    paths = _laboratory.order(folder / "c.js", folder / "b.js")
    assert [path.stem for path in paths] == ["a", "c", "b"]


def test_order_refuses_a_circle(modules):
    """Two modules that import each other have no order."""
    folder = modules(
        a='import { y } from "./b.js";\n', b='import { x } from "./a.js";\n'
    )
    with pytest.raises(ValueError, match=r"a\.js imports itself, through b\.js"):
        _laboratory.order(folder / "a.js")


@pytest.mark.parametrize(
    "line",
    [
        'import x from "./a.js";',
        'import * as x from "./a.js";',
        "export default 1;",
        "export { x };",
        'import "./a.js";',
    ],
)
def test_joined_refuses_other_imports_and_exports(modules, line):
    """Other forms are refused by name, not dropped in silence."""
    folder = modules(a="", b=f"{line}\n")
    with pytest.raises(ValueError, match=rf"b\.js has '{re.escape(line)}'"):
        _laboratory.joined(folder / "b.js", folder / "a.js")


@pytest.mark.parametrize("name", ["script_for_page", "module_for_widget"])
def test_joined_laboratory_is_valid_javascript(name, tmp_path):
    """Node reads the script of the site, and the module of the widget."""
    text = getattr(_laboratory, name)()
    path = tmp_path / ("a.mjs" if name == "module_for_widget" else "a.js")
    path.write_text(text, "utf-8")
    subprocess.run([node_program(), "--check", path], check=True)
    assert text.count("site_js.start(") == (name == "script_for_page")
    assert ("export default { render" in text) == (name == "module_for_widget")
    assert len(re.findall(r"^(?:import|export) ", text, re.M)) == (
        name == "module_for_widget"
    )


def test_joined_widget_exports_render(tmp_path):
    """The module of the widget can be imported where there is no page."""
    path = tmp_path / "widget.mjs"
    path.write_text(_laboratory.module_for_widget(), "utf-8")
    line = (
        f'import("{path.as_uri()}").then((m) => console.log(typeof m.default.render))'
    )
    assert run(line) == "function"


def test_styles_hold_pictures_and_panel():
    """One style sheet serves both."""
    text = _laboratory.styles()
    assert ".laboratory-picture" in text
    assert ".laboratory-panel" in text
