"""Passes that mend the markup of the pages: solutions that open, names, valid HTML.

Sphinx, the theme and the extensions write this markup. The list PASSES of
finished_pages.py says when each of these passes runs.
"""

import html

from selectolax.lexbor import LexborHTMLParser

# The page at the site's root, which leads to the first one, is not the theme's.
THEMED = "html[data-content_root]"
PROMPT = "Show the solution's code"  # of a cell that belongs to the solution above it


# ---- solutions ----------


def close_solutions(site):
    """Make each solution a native <details>, which holds its cells as well.

    It opens without scripts, by key, and when the browser finds a word in it. Its
    address is the label of its exercise, so that it stays when others are added.
    """
    for solution in site.elements(
        "div.solution.dropdown",
        on="div.solution",
        look_at="sphinx_exercise/nodes.py, and the class of the solution",
    ):
        title, content = solution.css("p.admonition-title, section")[:2]
        label = title.css("a")[0].attrs.sget("href").partition("#")[2]
        title.css("a")[0].unwrap()
        cells = cells_of_solution(solution)
        inside = inner_html(content) + "".join(unfolded(cell) for cell in cells)
        closed = (
            f'<details class="solution dropdown admonition" id="solution-{label}">'
            f'<summary class="admonition-title">{inner_html(title).strip()}'
            f"</summary>{inside}</details>"
        )
        solution.insert_after(element(closed))
        for node in [solution, *cells]:
            node.decompose()


def cells_of_solution(solution):
    """The cells below a solution that say that they are its code."""
    cells = []
    node = next_element(solution)
    while node is not None and is_code_of_solution(node):
        cells.append(node)
        node = next_element(node)
    return cells


def is_code_of_solution(node):
    """Whether an element is a folded cell with the code of a solution."""
    prompt = node.css_first("summary > .collapsed")
    return prompt is not None and prompt.text().replace("’", "'") == PROMPT


def next_element(node):
    """The element after this one; None if there is none."""
    node = node.next
    while node is not None and not node.is_element_node:
        node = node.next
    return node


def unfolded(cell):
    """HTML of a folded cell without its fold: the solution around it is one."""
    for fold in cell.css("details.hide"):
        fold.css("summary")[0].decompose()
        fold.unwrap()
    return cell.html


def element(piece):
    """The one element of a piece of HTML."""
    return LexborHTMLParser(piece, is_fragment=True).css("*")[0]


def inner_html(node):
    """HTML of what an element holds."""
    return "".join(child.html for child in node.iter(include_text=True))


# ---- names ----------


def name_permalinks(site):
    """Give each link to a heading, formula or figure a name that says which."""
    for link in site.elements(
        "a.headerlink[title]",
        on="article h1 + section, article section > h1",
        look_at="add_permalink_ref in Sphinx's HTML writer",
    ):
        about = name_of(link.parent)
        name = link.attrs.sget("title") + (f": {about}" if about else "")
        link.attrs["aria-label"] = name


def name_of(node):
    """The words of a heading or caption, each formula once; the number of a formula."""
    found = node.css_first(".caption-number, .descname") or node
    copy = found.clone()
    for part in copy.css("a.headerlink, .katex-mathml"):
        part.decompose()
    return " ".join(copy.text().split())


def name_buttons(site):
    """Say of each button that it sends nothing, and what a mere picture does."""
    for button in site.elements(
        "button:not([type]), button[title]:not([aria-label])",
        on=THEMED,
        look_at="the header of sphinx_book_theme",
    ):
        button.attrs["type"] = button.attrs.get("type") or "button"
        title = button.attrs.get("title")
        if title and not button.text().strip():
            button.attrs["aria-label"] = title


# ---- what HTML does not allow ----------


def leave_out_repeated_ids(site):
    """Take the ids that are the same for every exercise, solution and proof."""
    for node in site.elements(
        "section#exercise-content, section#solution-content, section#proof-content,"
        " .proof#proof",
        on="div.exercise, div.solution, div.proof",
        look_at="the HTML visitors of sphinx_exercise and sphinx_proof",
    ):
        del node.attrs["id"]


def leave_paragraphs_out_of_summaries(site):
    """Put the prompts of a folded cell, which are paragraphs, into plain elements."""
    for prompt in site.elements(
        "summary > p",
        on="details.hide",
        look_at="hidden cells in myst_nb/sphinx_.py",
    ):
        classes = html.escape(prompt.attrs.sget("class"))
        plain = f'<span class="{classes}">{inner_html(prompt)}</span>'
        prompt.insert_after(element(plain))
        prompt.decompose()


def leave_out_what_says_nothing(site):
    """Take a role that the element has by itself, and a heading without words."""
    for page, mains in site.matches(
        'main[role="main"]', on=THEMED, look_at="layout.html of pydata-sphinx-theme"
    ):
        for main in mains:
            del main.attrs["role"]
        for heading in page.tree.css("h1"):
            if not heading.text().strip():
                heading.decompose()


def leave_out_highlight(site):
    """Leave out the script that marks words of a search, inside of formulas too.

    The book's own search leads to a section and marks nothing on its page.
    """
    for script in site.elements(
        'script[src*="sphinx_highlight.js"]',
        on=THEMED,
        look_at="the scripts of Sphinx's HTML builder",
    ):
        script.decompose()
