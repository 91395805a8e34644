"""Figures that move, and those of the notebook to explore; ``import ntklib`` does not
load what they need.
"""

import collections
import contextlib
import hashlib
import html
import io
import itertools
import json
import re
import urllib.parse
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import comm
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from ipywidgets.widgets.widget_string import HTMLStyle
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ntklib import _check
from ntklib._types import ArrayLike
from ntklib.explore import LinearComparison

SVG = {
    "svg.fonttype": "none",  # text stays text, in a font of the reader's machine
    "svg.hashsalt": "ntklib",  # the same ids of parts on each run
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
}
# Jupyter's sliders have no accessible name, say a position and no value, and leave the
# keyboard when the mouse moves them. Each picture runs this script when it has loaded.
NAMES = (
    "this.closest('.slider-figure')?.querySelectorAll('[role=slider]')"
    ".forEach((e,i)=>{"
    # the slider's name, and what to say at each of its positions
    "const[name,all]=SLIDERS[i], "
    # an unchanged text is left alone, or the observer below would call itself for ever
    "say=()=>{const text=all[+e.ariaValueNow];"
    "if(e.ariaValueText!==text)e.ariaValueText=text};"
    # one observer a slider, although every picture comes along here
    "if(e.ariaLabel!==name)"
    "new MutationObserver(say).observe(e,{attributes:true});"
    "e.ariaLabel=name;"
    "say();"
    # the keyboard follows the mouse, once the slider has dealt with the press itself
    "e.closest('.noUi-target').onpointerdown=()=> setTimeout(()=>e.focus())})"
)
# How often a content came since the kernel started.
_shown = collections.Counter()


def slider_figure(
    frame: Callable, alt: Callable[..., str], **values: Sequence | Mapping
) -> ipywidgets.VBox:
    """A picture with one or two sliders that needs no kernel: all frames are drawn now,
    and the browser chooses.

    It works by drag and by arrow key, in Jupyter and on a page that has only the stored
    outputs.

    Args:
        frame: function of one value for each slider, that draws with pyplot: it changes
            the current figure or makes a new one. What is then the current figure
            becomes an SVG picture, its numbers rounded to 0.1 points.
        alt: function of the same values: a sentence for those who do not see the
            picture.
        values: for each slider its name, with _ for a space, and its values; a dict
            leads from labels to values.

    Returns:
        The widget. Its ids depend on its contents alone, so that a notebook stores the
        same outputs on each run.

    Raises:
        ValueError: no slider or more than two, fewer than two values or two of the same
            label, a ``frame`` that draws nothing, an ``alt`` without text.
    """
    sliders = [_slider(name, options) for name, options in values.items()]
    if not 1 <= len(sliders) <= 2:
        raise ValueError(
            "slider_figure needs one or two sliders, such as n=[1, 10, 100]; "
            f"got {len(sliders)}"
        )
    for name, function in [("frame", frame), ("alt", alt)]:
        if not callable(function):
            raise ValueError(
                f"{name} must be a function of the sliders' values; "
                f"got {_check.shown(function)}"
            )
    pictures = _pictures(sliders, frame, alt)
    with stable_ids("".join(pictures.values())):
        return _linked(sliders, pictures)


@contextlib.contextmanager
def stable_ids(content: str) -> Generator[None]:
    """Give the widgets made inside ids that depend on ``content`` and on how often it
    came, not on chance.

    Args:
        content: text that tells these widgets from the others of a notebook.
    """
    seed = hashlib.sha256(content.encode()).hexdigest()
    # a cell that is run again makes new widgets, while the old ones are still there
    _shown[seed] += 1
    numbers = itertools.count()
    create_comm = comm.create_comm

    def create_with_id(**settings):
        """A comm with the next of our ids, unless it is asked for with another."""
        text = f"{seed} {_shown[seed]} {next(numbers)}"
        comm_id = hashlib.sha256(text.encode()).hexdigest()[:32]
        return create_comm(**{"comm_id": comm_id, **settings})

    comm.create_comm = create_with_id
    try:
        yield
    finally:
        comm.create_comm = create_comm


def progress(items: Iterable, name: str = "step") -> Iterator:
    """The items one after the other, under a bar that counts them, each a ``name``; at
    the end it goes away.
    """
    items = list(items)
    bar = ipywidgets.IntProgress(max=len(items), style={"description_width": "initial"})
    display(bar)
    try:
        for i, item in enumerate(items):
            bar.value = i
            bar.description = f"{name} {i + 1} of {len(items)}"
            yield item
    finally:
        bar.close()


def comparison_figure(runs: Sequence[LinearComparison]) -> Figure:
    """Loss, drift of the kernel and its smallest eigenvalue over time; points for
    networks, lines for their theory.
    """
    fig, (loss, drift, smallest) = plt.subplots(3, 1, sharex=True, figsize=(5.6, 6.4))
    for run in runs:
        loss.plot(run.ts, run.linear_loss, color="C0")
        smallest.axhline(run.limit, color="C0")
        loss.plot(run.ts, run.loss, "o", color="C1")
        drift.plot(run.ts, run.drift, "o", color="C1")
        smallest.plot(run.ts, run.smallest, "o", color="C1")
    loss.set(yscale="log", ylabel="loss")
    drift.set(ylabel="drift of the kernel")
    smallest.set(xscale="log", xlabel="time t", ylabel="smallest eigenvalue")
    return fig


def heat_map(ax: Axes, M: ArrayLike, largest: float | None = None) -> AxesImage:
    """Draw a matrix as coloured squares: blue below 0, no colour at 0, red above.

    Two maps compare by eye only if they share ``largest``, the absolute value at which
    the colours end; without it, each map takes the largest of its own entries.
    """
    M = np.asarray(M)
    if largest is None:
        largest = float(np.max(np.abs(M)))
    image = ax.imshow(M, cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.grid(False)
    ax.set(xticks=[], yticks=[])
    return image


class _Slider(NamedTuple):
    """A slider: its name, and the label and the value of each of its positions."""

    name: str
    labels: list[str]
    values: list


def _slider(name, options):
    """The slider that a keyword argument of slider_figure describes."""
    if isinstance(options, Mapping):
        values = list(options.values())
        labels = [str(label) for label in options]
    elif isinstance(options, str) or not isinstance(options, Iterable):
        values = labels = []
    else:
        values = list(options)
        labels = [_label(value) for value in values]
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise ValueError(
            f"{name} must be at least two values, all different; "
            f"got {_check.shown(options)}"
        )
    return _Slider(name.replace("_", " "), labels, values)


def _label(value):
    """What a slider shows for a value."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _pictures(sliders, frame, alt):
    """The picture of each combination of positions, as HTML, by these positions.

    Figures that the frames make are closed, and so is one that they only change; other
    figures stay open.
    """
    script = _script(sliders)
    open_before = set(plt.get_fignums())
    pictures = {}
    fig = None
    for at in itertools.product(*[range(len(slider.values)) for slider in sliders]):
        chosen = list(zip(sliders, at, strict=True))
        values = [slider.values[i] for slider, i in chosen]
        caption = ", ".join(
            f"{slider.name} = {slider.labels[i]}" for slider, i in chosen
        )
        try:
            frame(*values)
            fig = plt.gcf() if plt.get_fignums() else None
            pictures[at] = _picture(fig, alt(*values), caption, script)
        finally:
            for number in set(plt.get_fignums()) - open_before:
                plt.close(number)
    plt.close(fig)
    return pictures


def _script(sliders):
    """The script that gives the sliders names a screen reader can read."""
    named = [(slider.name, slider.labels) for slider in sliders]
    return NAMES.replace("SLIDERS", json.dumps(named, ensure_ascii=False))


def _picture(fig, alt, caption, script):
    """The figure as HTML: a line with the chosen values, and an image that runs the
    script.
    """
    if fig is None:
        raise ValueError("frame must draw with pyplot; there is no figure")
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(
            "alt must return a sentence that describes the picture; "
            f"got {_check.shown(alt)}"
        )
    width, height = [round(side * fig.dpi) for side in fig.get_size_inches()]
    data = urllib.parse.quote(_svg(fig, width, height), safe=" /<>=:;,.()'-+")
    return (
        f"<p>{html.escape(caption)}</p>"
        f'<img alt="{html.escape(alt)}" '
        f'src="data:image/svg+xml,{data}" '
        f'width="{width}" height="{height}" '
        f'style="height:auto" onload="{html.escape(script)}">'
    )


def _svg(fig, width, height):
    """The figure as an SVG element in one line, of this size in pixels."""
    file = io.StringIO()
    # without metadata: a date would change the outputs from run to run
    nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
    with plt.style.context(SVG):
        fig.savefig(file, format="svg", metadata=nothing)
    svg = " ".join(file.getvalue().split())
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<[^>]*>", _round_numbers, svg)  # not the text between the tags
    in_points = r'width="[\d.]+pt" height="[\d.]+pt"'
    return re.sub(in_points, f'width="{width}" height="{height}"', svg)


def _round_numbers(tag):
    """A tag, given as a match, with one decimal in each of its numbers."""

    def rounded(number):
        return f"{float(number[0]):.1f}"

    return re.sub(r"\d+\.\d{2,}", rounded, tag[0])


def _linked(sliders, pictures):
    """Sliders above stacks of pictures, one stack within the other, linked in the
    browser.
    """
    wide = ipywidgets.Layout(width="100%", max_width="32rem")
    handles = [
        ipywidgets.SelectionSlider(
            description=slider.name,
            tooltip=slider.name,
            options=slider.labels,
            readout=False,
            layout=wide,
            style={"description_width": "9rem"},
        )
        for slider in sliders
    ]
    # one of each for all pictures: each takes room in the page
    layout = ipywidgets.Layout()
    style = HTMLStyle()

    def stack(at):
        """What is shown when the first sliders are at these positions."""
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
