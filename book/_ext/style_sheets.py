"""Style sheets without the rules that no page of the site can use.

The theme brings 89 kB of style, gzipped, and a browser shows nothing before all of it
has come; the book uses a fifth. PurgeCSS keeps a rule if each name in its selector is a
word of the markup of some page, or of a script.
"""

import json
import re
import subprocess
from pathlib import Path

from book._ext.katex_math import node_program

HERE = Path(__file__).parent
# Names that a script puts together from parts; the laboratory's begin with "lab".
SAFE = ("^lab", "^:focus")
# Bootstrap's script names all that it could do; the theme uses these parts of it.
BOOTSTRAP = "bootstrap.js"
USED_OF_BOOTSTRAP = """
collapse collapsing collapsed dropdown dropdown-menu fade modal modal-backdrop show
tooltip tooltip-arrow tooltip-inner bs-tooltip-auto bs-tooltip-top bs-tooltip-bottom
bs-tooltip-start bs-tooltip-end data-popper-placement
"""
WORD = re.compile(r"[A-Za-z_][\w-]*")
# The values of these attributes may be named in a selector.
NAMING = re.compile(r"class|id|type|role|rel|href|lang|data-.*")


def words_of_page(tree):
    """The words of a page's markup, and of the scripts within it."""
    words = set()
    for node in tree.root.traverse():
        words.add(node.tag)
        for name, value in node.attributes.items():
            words.add(name)
            if NAMING.fullmatch(name):
                words.update((value or "").split())
        if node.tag == "script" and node.attributes.get("type") is None:
            words.update(WORD.findall(node.text()))
    return words


def words_of_script(path):
    """The words of the script at `path`: some are names that it gives to elements."""
    if path.name == BOOTSTRAP:
        return set(USED_OF_BOOTSTRAP.split())
    return set(WORD.findall(path.read_text("utf-8")))


def purge(style, words):
    """The style sheet `style` without the rules that need other words."""
    request = {"style": style, "words": " ".join(sorted(words)), "safe": SAFE}
    done = subprocess.run(
        [node_program(), HERE / "purge.mjs"],
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return done.stdout
