"""The Sphinx extensions of the book."""

EXTENSIONS = (
    "addresses",
    "chapter_list",
    "course",
    "equation_map",
    "exercise_sets",
    "exercise_table",
    "experiment_links",
    "finished_pages",
    "katex_math",
    "launch",
    "stored_figure",
    "stored_outputs",
)


def setup(app):
    """Set up each extension."""
    for name in EXTENSIONS:
        app.setup_extension(f"{__name__}.{name}")
    return {"parallel_read_safe": False, "parallel_write_safe": False}
