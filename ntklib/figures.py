"""Figures that move, and those of the notebook to explore; ``import ntklib`` does not load what they need."""

import collections
import contextlib
import hashlib
import html
import io
import itertools
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import comm
import ipywidgets
import matplotlib.pyplot as plt
from IPython.display import display
from ipywidgets.widgets.widget_string import HTMLStyle
from matplotlib.figure import Figure

from ntklib import _check
from ntklib.explore import LinearComparison

SVG = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ntklib",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
}
# Jupyter's sliders have no accessible name, say a position, and leave the keyboard when the mouse moves them.
NAMES = """this.closest('.slider-figure')?.querySelectorAll('[role=slider]').forEach((e,i)=>{const[name,all]=SLIDERS[i],
say=()=>{const text=all[+e.ariaValueNow];if(e.ariaValueText!==text)e.ariaValueText=text};if(e.ariaLabel!==name)new
MutationObserver(say).observe(e,{attributes:true});e.ariaLabel=name;say();e.closest('.noUi-target').onpointerdown=()=>
setTimeout(()=>e.focus())})""".replace("\n", " ")
_shown = collections.Counter()


def slider_figure(
    frame: Callable, alt: Callable[..., str], **values: Sequence | Mapping
) -> ipywidgets.VBox:
    """A picture with one or two sliders that needs no kernel: all frames are drawn now, and the browser chooses.

    It works by drag and by arrow key, in Jupyter and on a page that has only the stored outputs.

    Args:
        frame: function of one value for each slider, that draws with pyplot: it changes the current figure or makes a
            new one. What is then the current figure becomes an SVG picture, its numbers rounded to 0.1 points.
        alt: function of the same values: a sentence for those who do not see the picture.
        values: for each slider its name, with _ for a space, and its values; a dict leads from labels to values.

    Returns:
        The widget. Its ids depend on its contents alone, so that a notebook stores the same outputs on each run.

    Raises:
        ValueError: no slider or more than two, fewer than two values or two of the same label, a ``frame`` that draws
            nothing, an ``alt`` without text.
    """
    sliders = [
        (name.replace("_", " "), _options(name, options))
        for name, options in values.items()
    ]
    if not 1 <= len(sliders) <= 2:
        raise ValueError(
            f"slider_figure needs one or two sliders, such as n=[1, 10, 100]; got {len(sliders)}"
        )
    for name, function in (("frame", frame), ("alt", alt)):
        if not callable(function):
            raise ValueError(
                f"{name} must be a function of the sliders' values; got {_check.shown(function)}"
            )
    labels = [(name, [label for label, _ in options]) for name, options in sliders]
    names = NAMES.replace("SLIDERS", json.dumps(labels, ensure_ascii=False))
    pictures, before, last = {}, set(plt.get_fignums()), None
    for at in itertools.product(*(range(len(options)) for _, options in sliders)):
        chosen = [
            (name, *options[i]) for i, (name, options) in zip(at, sliders, strict=True)
        ]
        try:
            frame(*(value for *_, value in chosen))
            last = plt.gcf() if plt.get_fignums() else None
            pictures[at] = _picture(
                last, alt(*(value for *_, value in chosen)), chosen, names
            )
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)
    plt.close(last)
    with stable_ids("".join(pictures.values())):
        return _linked(labels, pictures)


@contextlib.contextmanager
def stable_ids(content: str) -> Iterator[None]:
    """Give the widgets made inside ids that depend on ``content`` and on how often it came, not on chance.

    Args:
        content: text that tells these widgets from the others of a notebook.
    """
    seed = hashlib.sha256(content.encode()).hexdigest()
    _shown[seed] += (
        1  # a cell that is run again makes new widgets, while the old ones are still there
    )
    ids = (
        hashlib.sha256(f"{seed} {_shown[seed]} {i}".encode()).hexdigest()[:32]
        for i in itertools.count()
    )
    create = comm.create_comm
    comm.create_comm = lambda **settings: create(**{"comm_id": next(ids), **settings})
    try:
        yield
    finally:
        comm.create_comm = create


def progress(items: Iterable, name: str = "step") -> Iterator:
    """The items one after the other, under a bar that counts them, each a ``name``; at the end it goes away."""
    items = list(items)
    bar = ipywidgets.IntProgress(max=len(items), style={"description_width": "initial"})
    display(bar)
    try:
        for bar.value, item in enumerate(items):
            bar.description = f"{name} {bar.value + 1} of {len(items)}"
            yield item
    finally:
        bar.close()


def comparison_figure(runs: Sequence[LinearComparison]) -> Figure:
    """Loss, drift of the kernel and its smallest eigenvalue over time; points for networks, lines for their theory."""
    fig, axes = plt.subplots(3, 1, sharex=True, figsize=(5.6, 6.4))
    for run in runs:
        axes[0].plot(run.ts, run.linear_loss, color="C0")
        axes[2].axhline(run.limit, color="C0")
        for ax, values in zip(axes, (run.loss, run.drift, run.smallest), strict=True):
            ax.plot(run.ts, values, "o", color="C1")
    axes[0].set(yscale="log", ylabel="loss")
    axes[1].set(ylabel="drift of the kernel")
    axes[2].set(xscale="log", xlabel="time t", ylabel="smallest eigenvalue")
    return fig


def _options(name, values):
    """The pairs (label, value) of one slider."""
    if isinstance(values, Mapping):
        pairs = [(str(label), value) for label, value in values.items()]
    elif isinstance(values, str) or not isinstance(values, Iterable):
        pairs = []
    else:
        pairs = [
            (f"{value:.6g}" if isinstance(value, float) else str(value), value)
            for value in values
        ]
    if len({label for label, _ in pairs}) < max(2, len(pairs)):
        raise ValueError(
            f"{name} must be at least two values, all different; got {_check.shown(values)}"
        )
    return pairs


def _picture(fig, alt, chosen, names):
    """The figure as HTML: a line with the chosen values, and an image with a script that names the sliders."""
    if fig is None:
        raise ValueError("frame must draw with pyplot; there is no figure")
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(
            f"alt must return a sentence that describes the picture; got {_check.shown(alt)}"
        )
    with plt.style.context(SVG):
        fig.savefig(
            file := io.StringIO(),
            format="svg",
            metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
        )
    width, height = (round(side * fig.dpi) for side in fig.get_size_inches())
    rounded = partial(re.sub, r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}")
    svg = re.sub(
        "<[^>]*>", lambda tag: rounded(tag[0]), " ".join(file.getvalue().split())
    )  # not the text between
    svg = re.sub(
        r'width="[\d.]+pt" height="[\d.]+pt"',
        f'width="{width}" height="{height}"',
        svg[svg.index("<svg") :],
    )
    data = urllib.parse.quote(svg, safe=" /<>=:;,.()'-+")
    return (
        f"<p>{html.escape(', '.join(f'{name} = {label}' for name, label, _ in chosen))}</p>"
        f'<img alt="{html.escape(alt)}" src="data:image/svg+xml,{data}" width="{width}" height="{height}" '
        f'style="height:auto" onload="{html.escape(names)}">'
    )


def _linked(sliders, pictures):
    """Sliders above stacks of pictures, one stack within the other, linked in the browser."""
    wide = {
        "layout": ipywidgets.Layout(width="100%", max_width="32rem"),
        "style": {"description_width": "9rem"},
    }
    slider = partial(ipywidgets.SelectionSlider, readout=False, **wide)
    handles = [
        slider(description=name, tooltip=name, options=labels)
        for name, labels in sliders
    ]
    layout, style = (
        ipywidgets.Layout(),
        HTMLStyle(),
    )  # one for all pictures: each takes room in the page

    def stack(at):
        if len(at) == len(handles):
            return ipywidgets.HTML(pictures[at], layout=layout, style=style)
        handle = handles[len(at)]
        box = ipywidgets.Stack(
            [stack((*at, i)) for i in range(len(handle.options))],
            selected_index=0,
            layout=layout,
        )
        ipywidgets.jslink((handle, "index"), (box, "selected_index"))
        return box

    return ipywidgets.VBox([*handles, stack(())]).add_class("slider-figure")
