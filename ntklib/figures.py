"""Figures that move, and the laboratory; ``import ntklib`` does not load what they
need.
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
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import NamedTuple

import anywidget
import comm
import ipywidgets
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import traitlets
from ipywidgets.widgets.widget_string import HTMLStyle
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ntklib import _check, _laboratory
from ntklib._laboratory import random_start
from ntklib._types import ArrayLike
from ntklib.explore import LinearComparison
from ntklib.network import Params

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

# The laboratory: what there is, and its usual state. A test compares all of it with the
# page's own modules.
VIEWS = ("function", "kernels", "spectrum", "loss", "drift", "units")
CONTROLS = (
    *("points", "psi", "width", "seed", "paired"),
    *("constant", "scale", "loss", "rule", "time"),
)
EXPERIMENTS = (
    *("opposite", "edge", "limit", "waves"),
    *("bound", "together", "width", "lazy"),
)
MOST_INPUTS = 16
LARGEST_TARGET = 2
POINTS = [(-2.6, 0.4), (-1.5, -0.8), (-0.6, 0.3), (0.4, 1.0), (1.3, -0.2), (2.3, -0.9)]
STATE = {
    "constant": True,
    "psi": "tanh",
    "width": 64,
    "seed": 1,
    "paired": False,
    "s": 0.5,
    "loss": "square",
    "rule": "flow",
    "rate": 1,
    "time": 10,
}
RANGES = {
    "width": (1, 1024),
    "seed": (0, 9999),
    "s": (0.5, 1.0),
    "rate": (0.01, 100.0),
    "time": (0.0, 100.0),
}
CHOICES = {"loss": ("square", "logistic"), "rule": ("flow", "descent")}


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


class Laboratory(anywidget.AnyWidget):
    """What :func:`laboratory` returns: a panel whose state Python reads and sets.

    Attributes:
        state: the reader's choices, as :func:`laboratory` names them; ``points`` is a
            list of ``{"at": angle, "y": target}``.
    """

    _esm = _laboratory.module_for_widget()
    _css = _laboratory.styles()

    state = traitlets.Dict().tag(sync=True)
    views = traitlets.List(traitlets.Unicode()).tag(sync=True)
    experiment = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    experiments = traitlets.Bool().tag(sync=True)
    controls = traitlets.Union(
        [traitlets.Bool(), traitlets.List(traitlets.Unicode())]
    ).tag(sync=True)
    address = traitlets.Bool().tag(sync=True)

    @property
    def X(self) -> np.ndarray:
        """The inputs in rows (cos τ, sin τ, 1), or without the constant."""
        at = np.array([point["at"] for point in self.state["points"]])
        columns = [np.cos(at), np.sin(at)]
        if self.state["constant"]:
            columns.append(np.ones_like(at))
        return np.column_stack(columns)

    @property
    def y(self) -> np.ndarray:
        """The targets; under the logistic loss the labels 1 and -1."""
        y = np.array([point["y"] for point in self.state["points"]], float)
        if self.state["loss"] == "logistic":
            return np.where(y < 0, -1.0, 1.0)
        return y

    @property
    def params(self) -> Params:
        """The network before training, the one that the page draws."""
        state = self.state
        W0, W1 = random_start.init_params(
            state["seed"], state["width"], 2 + state["constant"], state["paired"]
        )
        return Params(jnp.asarray(W0), jnp.asarray(W1))

    def __repr__(self):
        """A line with what matters most."""
        shown = ["psi", "width", "seed", "loss", "rule"]
        choices = ", ".join(f"{name}={self.state[name]!r}" for name in shown)
        return f"Laboratory({len(self.state['points'])} inputs, {choices})"

    def _repr_mimebundle_(self, **_):
        """The widget for Jupyter, and for pages its options, from which they draw it.

        Returns the data and the metadata of the output.
        """
        names = ["state", "views", "experiment", "experiments", "controls", "address"]
        options = json.dumps({name: getattr(self, name) for name in names})
        view = {
            "version_major": 2,
            "version_minor": 0,
            "model_id": self.model_id,
        }
        return {
            "text/plain": repr(self),
            "text/html": (
                '<div class="laboratory" '
                f'data-laboratory="{html.escape(options)}">'
                "<p>The laboratory: pictures of a network, to be changed while one "
                "looks. They need a page of the book, or a running Jupyter.</p></div>"
            ),
            "application/vnd.jupyter.widget-view+json": view,
        }, {}


def laboratory(
    at: Sequence[float] | None = None,
    y: Sequence[float] | None = None,
    *,
    views: Sequence[str] | None = None,
    experiment: str | None = None,
    controls: bool | Sequence[str] = True,
    **state: object,
) -> Laboratory:
    """The laboratory: a network whose data, start and training the reader changes, with
    pictures that follow at once.

    Args:
        at: positions of the inputs on the circle: angles in radians, 1 to 16 of them.
        y: targets, one for each input, between -2 and 2.
        views: its pictures: ``"function"``, ``"kernels"``, ``"spectrum"``, ``"loss"``,
            ``"drift"``, ``"units"``; all of them, if left out.
        experiment: the guided experiment that it offers, such as ``"edge"``; ``"all"``
            for the whole list.
        controls: whether there are controls, or the names of those that are there:
            ``"points"``, ``"psi"``, ``"width"``, ``"seed"``, ``"paired"``,
            ``"constant"``, ``"scale"``, ``"loss"``, ``"rule"``, ``"time"``.
        state: what the reader can choose: ``psi`` (``"tanh"``, ``"relu"``, ``"erf"``,
            ``"gelu"``, ``"sin"``, ``"softplus"`` or an expression in z), ``width`` (1
            to 1024), ``seed`` (0 to 9999), ``paired`` (units in pairs, so that the
            output starts at 0), ``constant`` (a third coordinate 1 of each input),
            ``s`` (the output carries the factor n^-s, from 0.5 to 1), ``loss``
            (``"square"`` or ``"logistic"``), ``rule`` (``"flow"`` or ``"descent"``),
            ``rate`` (of descent, 0.01 to 100), ``time`` (0 to 100).

    Returns:
        Laboratory: the widget. Its ``state``, ``X``, ``y`` and ``params`` are what the
        reader has chosen, for the functions of ntklib.

    Raises:
        ValueError: an argument that is none of these, in one line.
    """
    if "points" in state:
        raise ValueError("give the points as at and y, angles and targets")
    whole = _state({**state, **_points(at, y)})
    options: dict[str, object] = {
        "state": whole,
        "views": _names("views", views, VIEWS),
        "experiment": None,
        "experiments": experiment == "all",
        "controls": controls
        if isinstance(controls, bool)
        else _names("controls", controls, CONTROLS),
        "address": experiment == "all",
    }
    if experiment is not None and experiment != "all":
        options["experiment"] = _check.one_of("experiment", experiment, EXPERIMENTS)
    with stable_ids(json.dumps(options)):
        return Laboratory(**options)


def _points(at, y):
    """The points of a state, or nothing if none are given."""
    if at is None and y is None:
        return {}
    if at is None or y is None:
        raise ValueError("at and y go together: a target for each input")
    at = _check.host("at", at, "m")
    y = _check.vector("y", y, "m", "at", len(at), convert=_check.host)
    if len(at) > MOST_INPUTS:
        raise ValueError(f"at must hold at most {MOST_INPUTS} angles; got {len(at)}")
    if np.any(np.abs(y) > LARGEST_TARGET):
        raise ValueError(
            f"y must lie between {-LARGEST_TARGET} and {LARGEST_TARGET}; "
            f"got {np.max(np.abs(y)):g} as the largest size"
        )
    # the page has angles in (-pi, pi]
    at = at - 2 * np.pi * np.ceil((at - np.pi) / (2 * np.pi))
    pairs = zip(at.tolist(), y.tolist(), strict=True)
    return {"points": [{"at": a, "y": b} for a, b in pairs]}


def _state(chosen):
    """A whole state: the usual one, with what was chosen."""
    state = {**STATE, "points": [{"at": a, "y": b} for a, b in POINTS]}
    for name, value in chosen.items():
        if name not in state:
            raise ValueError(
                f"the laboratory has no {name!r}; it has {', '.join(STATE)}"
            )
        if name == "points":
            state[name] = value
        elif name in RANGES:
            state[name] = _within(name, value, *RANGES[name])
        elif name in CHOICES:
            state[name] = _check.one_of(name, value, CHOICES[name])
        elif name == "psi":
            state[name] = _psi(value)
        else:
            if not isinstance(value, bool):
                raise ValueError(
                    f"{name} must be True or False; got {_check.shown(value)}"
                )
            state[name] = value
    return state


def _within(name, value, low, high):
    """A number between two others, whole if these are."""
    number = _check.number(name, value)
    whole = isinstance(low, int)
    if not low <= number <= high or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise ValueError(
            f"{name} must be {kind} from {low} to {high}; got {_check.shown(value)}"
        )
    return int(number) if whole else number


def _psi(value):
    """An activation by its name or as an expression; the page reads it exactly."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(
            'psi must be a name such as "tanh", or an expression in z such as '
            f'"tanh(2*z)"; got {_check.shown(value)}'
        )
    return value


def _names(argument, names, known):
    """Several names, all of them known; all that there are for None."""
    if names is None:
        return list(known)
    names = [names] if isinstance(names, str) else list(names)
    return [_check.one_of(f"each of {argument}", name, known) for name in names]


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
