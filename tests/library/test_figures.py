"""Sliders over precomputed pictures, the laboratory, and other figures."""

import html
import json
import re
import subprocess
import sys
import xml.etree.ElementTree
from urllib.parse import unquote

import comm
import ipywidgets
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances

from ntklib import figures
from ntklib.explore import LinearComparison
from ntklib.figures import (
    comparison_figure,
    heat_map,
    laboratory,
    slider_figure,
    stable_ids,
)


def new_kernel():
    """As in a kernel just started: no widget is there, and no slider was shown yet."""
    ipywidgets.Widget.close_all()
    figures._shown.clear()


@pytest.fixture(autouse=True)
def _clean():
    """Start like a new kernel, without a window; leave no figure open and no widget
    behind.
    """
    matplotlib.use("agg")
    new_kernel()
    yield
    new_kernel()
    assert plt.get_fignums() == []


def wave(a, b=0.0):
    """Draw a line whose slope is a, and offset b, on a new figure."""
    plt.plot([0, 1], [b, a + b])


def sentence(*values):
    """A description with the values in it."""
    return f"A line with slope and offset {values}, and a sign <&\"'>."


def states(view):
    """The states of a view and of all widgets and links that belong to it, by id."""
    found, todo = {}, [view.model_id]
    while todo:
        if (model_id := todo.pop()) not in found:
            found[model_id] = _instances[model_id].get_state()
            todo += re.findall(
                r"IPY_MODEL_(\w{32})", json.dumps(found[model_id], default=str)
            )
    links = {
        i: w.get_state()
        for i, w in _instances.items()
        if isinstance(w, ipywidgets.widgets.widget_link.Link)
    }
    ours = {
        i: state
        for i, state in links.items()
        if state["source"][0].removeprefix("IPY_MODEL_") in found
    }
    return found | ours


def links(view):
    """The pairs (source, target) of the links of a view, as widgets and names of their
    traits.
    """
    pairs = [state for state in states(view).values() if "source" in state]

    def end(pair):
        """One end of a link: its widget and the name of its trait."""
        reference, trait = pair
        return _instances[reference.removeprefix("IPY_MODEL_")], trait

    return [(end(pair["source"]), end(pair["target"])) for pair in pairs]


def shown(view, *indices):
    """What a browser shows with the handles at these indices: follow the links, then
    the stacks.
    """
    chosen = dict(zip(view.children, indices, strict=False))
    target = {
        box: chosen[handle]
        for (handle, one), (box, two) in links(view)
        if (one, two) == ("index", "selected_index")
    }
    at = view.children[-1]
    while isinstance(at, ipywidgets.Stack):
        at = at.children[target[at]]
    return at.value


def picture(markup):
    """The SVG of an image, parsed."""
    return xml.etree.ElementTree.fromstring(
        unquote(re.search(r'src="data:image/svg\+xml,([^"]*)"', markup)[1])
    )


def test_slider_figure_shows_the_frame_of_the_chosen_value():
    """One slider: at each position the caption, the alt text and the picture are those
    of its value.
    """
    slopes = [-1.0, 0.5, 2.0]
    plt.plot([0, 1], [0, 0])
    plt.ylim(-2, 2)
    line = plt.gca().lines[0]
    view = slider_figure(lambda a: line.set_ydata([0, a]), sentence, slope_a=slopes)
    (handle, _) = view.children
    assert handle.options == ("-1", "0.5", "2")
    heights = []
    for i, slope in enumerate(slopes):
        markup = shown(view, i)
        assert f"<p>slope a = {slope:g}</p>" in markup
        assert f'alt="{html.escape(sentence(slope))}"' in markup
        points = [
            e.get("d")
            for e in picture(markup).iter()
            if "stroke: #1f77b4" in (e.get("style") or "")
        ]
        ((y0, y1),) = [
            tuple(map(float, re.findall(r"[ML] [\d.]+ ([\d.]+)", d))) for d in points
        ]
        heights.append((y0 - y1) / slope)
    np.testing.assert_allclose(
        heights, heights[0], atol=0.31
    )  # numbers are rounded to 0.1, and the least slope is 0.5
    assert heights[0] > 10


def test_slider_figure_two_sliders_show_every_combination():
    """Two sliders: each of the 3 x 2 positions shows the picture of its two values, and
    no other.
    """
    view = slider_figure(wave, sentence, a=[1, 2, 3], b={"low": 0.0, "high": 5.0})
    seen = {(i, j): shown(view, i, j) for i in range(3) for j in range(2)}
    assert len(set(seen.values())) == 6
    for (i, j), markup in seen.items():
        assert f"<p>a = {i + 1}, b = {('low', 'high')[j]}</p>" in markup
        assert html.escape(sentence(i + 1, 5.0 * j)) in markup
    assert len(links(view)) == 1 + 3


def test_slider_figure_starts_with_what_the_stacks_show():
    """Before anything is moved, handles and stacks agree: all at the first value."""
    view = slider_figure(wave, sentence, a=[1, 2], b=[3, 4])
    assert all(handle.index == 0 for handle in view.children[:2])
    assert all(getattr(box, "selected_index", 0) == 0 for _, (box, _) in links(view))


def test_slider_figure_names_its_handles():
    """Each picture carries the names of the sliders and the labels of all their
    positions, in their order.
    """
    view = slider_figure(wave, sentence, time_t=[1, 2], psi={"relu's": 3, "erf": 4})
    assert [handle.description for handle in view.children[:2]] == ["time t", "psi"]
    assert [handle.tooltip for handle in view.children[:2]] == ["time t", "psi"]
    names = html.unescape(re.search(r'onload="([^"]*)"', shown(view, 1, 0))[1])
    assert json.loads(re.search(r"=(\[\[.*\]\])\[i\]", names)[1]) == [
        ["time t", ["1", "2"]],
        ["psi", ["relu's", "erf"]],
    ]
    assert f".{view._dom_classes[0]}'" in names


def test_slider_figure_labels_numbers_with_six_digits():
    """A float is shown with six digits, anything else as it prints itself."""
    view = slider_figure(wave, sentence, a=[0.12345678, 2e-9, 30, np.float64(0.1) * 3])
    assert view.children[0].options == ("0.123457", "2e-09", "30", "0.3")


def test_slider_figure_needs_no_kernel_and_no_other_host():
    """All widgets come from the two modules that the bundle has, and no address is in
    their states.
    """
    view = slider_figure(wave, sentence, a=[1, 2])
    for state in states(view).values():
        assert state["_model_module"] in (
            "@jupyter-widgets/base",
            "@jupyter-widgets/controls",
        )
    addresses = set(
        re.findall(r"https?:/?/?[\w.-]+", unquote(json.dumps(states(view))))
    )
    assert addresses <= {"http://www.w3.org"}


def test_slider_figure_is_the_same_in_the_next_kernel():
    """Ids and states are equal, byte for byte, when the counter of a fresh kernel
    starts again.
    """
    first = json.dumps(
        states(slider_figure(wave, sentence, a=[1, 2], b=[1, 2])), sort_keys=True
    )
    new_kernel()
    assert (
        json.dumps(
            states(slider_figure(wave, sentence, a=[1, 2], b=[1, 2])), sort_keys=True
        )
        == first
    )


def test_slider_figure_run_again_is_another_widget():
    """In one kernel a second call makes new widgets, so that the first stays alive;
    other contents, other ids.
    """
    views = [slider_figure(wave, sentence, a=a) for a in ([1, 2], [1, 2], [1, 3])]
    found = [states(view).keys() for view in views]
    assert not found[0] & found[1]
    assert not (found[0] | found[1]) & found[2]
    assert shown(views[0], 0) == shown(views[1], 0)


@pytest.mark.slow
def test_slider_figure_closes_its_figures_and_no_other():
    """A figure that was there stays open while frames make new ones, 30 of them; it is
    closed when they change it.
    """
    mine = plt.figure()
    slider_figure(lambda a: plt.figure() and wave(a), sentence, a=range(30))
    assert plt.get_fignums() == [mine.number]
    slider_figure(wave, sentence, a=[1, 2])
    assert plt.get_fignums() == []


def test_slider_figure_rounds_places_and_keeps_words_and_sizes():
    """No place or size has more than one decimal, text has all of its digits; as many
    pixels as a PNG would have.
    """

    def frame(a):
        plt.figure(figsize=(4, 2), dpi=150)
        plt.yticks([0, 0.0325], ["0", "0.0325"])
        wave(a / 30)

    svg = unquote(shown(slider_figure(frame, sentence, a=[1, 2]), 0))
    assert not re.search(r"<[^>]*\d\.\d{2}[^>]*>", svg)
    assert ">0.0325<" in svg
    assert "metadata" not in svg
    assert 'width="600" height="300"' in svg


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "slider_figure needs one or two sliders, such as n=[1, 10, 100]; got 0"),
        (
            {key: [1, 2] for key in "abc"},
            "slider_figure needs one or two sliders, such as n=[1, 10, 100]; got 3",
        ),
        ({"n": [1]}, "n must be at least two values, all different; got [1]"),
        (
            {"n": [1, 2, 1.0]},
            "n must be at least two values, all different; got [1, 2, 1.0]",
        ),
        ({"n": "many"}, "n must be at least two values, all different; got 'many'"),
        ({"n": 3}, "n must be at least two values, all different; got 3"),
        ({"n": {"a": 1}}, "n must be at least two values, all different; got {'a': 1}"),
        (
            {"frame": "sin", "n": [1, 2]},
            "frame must be a function of the sliders' values; got 'sin'",
        ),
        (
            {"alt": "A wave.", "n": [1, 2]},
            "alt must be a function of the sliders' values; got 'A wave.'",
        ),
        (
            {"alt": lambda n: n, "n": [1, 2]},
            "alt must return a sentence that describes the picture; got 1",
        ),
        (
            {"alt": lambda n: " ", "n": [1, 2]},
            "alt must return a sentence that describes the picture; got ' '",
        ),
        (
            {"frame": lambda n: n, "n": [1, 2]},
            "frame must draw with pyplot; there is no figure",
        ),
    ],
)
def test_slider_figure_refuses_in_one_line(settings, message, refuses):
    """What cannot be a slider is refused with a sentence that names it; figures drawn
    until then are closed.
    """
    before = comm.create_comm
    refuses(message, slider_figure, **{"frame": wave, "alt": sentence, **settings})
    assert comm.create_comm is before


def test_stable_ids_gives_back_what_it_took():
    """Inside, ids depend on the text; an id asked for is kept; afterwards ids are
    random, also after an error.
    """
    before = comm.create_comm
    with stable_ids("one"):
        first, own = ipywidgets.IntText(), ipywidgets.Layout(model_id="mine")
    found = [first.model_id, own.model_id]
    new_kernel()
    for text in ("one", "two"):
        with stable_ids(text):
            found.append(ipywidgets.IntText().model_id)
    assert found[0] == found[2] != found[3]
    assert found[1] == "mine"
    with pytest.raises(KeyError, match="inside"), stable_ids("one"):
        raise KeyError("inside")
    assert comm.create_comm is before
    assert ipywidgets.IntText().model_id != ipywidgets.IntText().model_id


def test_laboratory_holds_what_was_chosen():
    """Angles, targets and choices are in the state, and in X and y for the library;
    angles a turn away are the same.
    """
    panel = laboratory(
        [0.5, 2.0 + 2 * np.pi], [1.0, -0.5], psi="relu", width=8, paired=True
    )
    assert panel.state["psi"] == "relu"
    assert panel.state["width"] == 8
    assert panel.state["paired"] is True
    angles = np.array([0.5, 2.0])
    expected = np.column_stack([np.cos(angles), np.sin(angles), [1, 1]])
    np.testing.assert_allclose(panel.X, expected, rtol=1e-14)
    np.testing.assert_array_equal(panel.y, [1.0, -0.5])
    panel.state = {**panel.state, "constant": False, "loss": "logistic"}
    np.testing.assert_allclose(panel.X, expected[:, :2], rtol=1e-14)
    np.testing.assert_array_equal(panel.y, [1.0, -1.0])
    assert "2 inputs, psi='relu', width=8" in repr(panel)


def test_laboratory_says_in_html_what_a_page_draws():
    """The HTML has the options of the widget; both are the same on each run."""
    data = []
    for _ in range(2):
        new_kernel()
        panel = laboratory(views=["loss"], controls=["time"], psi="z < 1 & 2")
        data.append(panel._repr_mimebundle_()[0])
    assert data[0] == data[1]
    found = re.search('data-laboratory="([^"]*)"', data[0]["text/html"])
    options = json.loads(html.unescape(found[1]))
    assert options["state"] == panel.state
    assert options["state"]["psi"] == "z < 1 & 2"
    assert (options["views"], options["controls"]) == (["loss"], ["time"])
    view = data[0]["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == panel.model_id


def test_laboratory_offers_one_experiment_or_all():
    """All of them belong to the page whose address holds the state."""
    one = laboratory(experiment="edge")
    assert (one.experiment, one.experiments, one.address) == ("edge", False, False)
    every = laboratory(experiment="all")
    assert (every.experiment, every.experiments, every.address) == (None, True, True)
    assert every.views == list(figures.VIEWS)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"at": [0.0]}, "at and y go together: a target for each input"),
        ({"at": [0, 1], "y": [1]}, "y has length 1, but at expects m = 2"),
        ({"at": [0, np.nan], "y": [1, 1]}, "at must be finite; got nan"),
        ({"at": range(17), "y": 17 * [0]}, "at must hold at most 16 angles; got 17"),
        ({"at": [0], "y": [3]}, "y must lie between -2 and 2; got 3 as the largest"),
        ({"points": []}, "give the points as at and y, angles and targets"),
        ({"depth": 2}, "the laboratory has no 'depth'; it has constant, psi, width"),
        ({"psi": np.tanh}, 'psi must be a name such as "tanh", or an expression in z'),
        ({"psi": " "}, 'psi must be a name such as "tanh"'),
        ({"width": 0}, "width must be a whole number from 1 to 1024; got 0"),
        ({"width": 2.5}, "width must be a whole number from 1 to 1024; got 2.5"),
        ({"s": 2}, "s must be a number from 0.5 to 1.0; got 2"),
        ({"time": "late"}, "time must be a finite real number; got 'late'"),
        ({"loss": "hinge"}, "loss must be 'square' or 'logistic'; got 'hinge'"),
        ({"paired": 1}, "paired must be True or False; got 1"),
        ({"views": ["map"]}, "each of views must be 'function' or 'kernels'"),
        ({"controls": "depth"}, "each of controls must be 'points' or 'psi'"),
        ({"experiment": "first"}, "experiment must be 'opposite' or 'edge'"),
    ],
)
def test_laboratory_refuses_in_one_line(choices, message, refuses):
    """What cannot be shown is refused with a sentence that says what can."""
    refuses(message, laboratory, **choices)


def test_comparison_figure_draws_networks_as_points_and_theory_as_lines():
    """Loss with the linear flow, drift, smallest eigenvalue with that of the limit:
    each series where it belongs.
    """
    ts = np.array([0.0, 1.0, 10.0])
    run = LinearComparison(ts, ts + 3, ts + 4, ts + 5, ts + 6, 7.0)
    fig = comparison_figure([run, run])
    drawn = [
        [(line.get_marker(), *line.get_ydata()) for line in ax.lines] for ax in fig.axes
    ]
    line, points, drift, smallest = (
        ("None", 4, 5, 14),
        ("o", 3, 4, 13),
        ("o", 5, 6, 15),
        ("o", 6, 7, 16),
    )
    assert drawn == [2 * [line, points], 2 * [drift], 2 * [("None", 7, 7), smallest]]
    assert [ax.get_ylabel() for ax in fig.axes] == [
        "loss",
        "drift of the kernel",
        "smallest eigenvalue",
    ]
    plt.close(fig)


@pytest.mark.slow
def test_import_of_ntklib_needs_neither_matplotlib_nor_widgets():
    """A fresh Python that imports ntklib has loaded none of them."""
    code = (
        "import sys, ntklib\n"
        "heavy = {'matplotlib', 'ipywidgets', 'comm', 'anywidget'}\n"
        "assert not heavy & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_heat_map_shows_zero_as_white_and_every_entry_in_its_place():
    """The colours are symmetric about 0, and row 0 is at the top."""
    fig, (left, right) = plt.subplots(1, 2)
    M = np.array([[0.0, 1.0], [-2.0, 0.5]])
    own = heat_map(left, M)
    shared = heat_map(right, M, largest=4.0)
    assert own.get_clim() == (-2.0, 2.0)
    assert shared.get_clim() == (-4.0, 4.0)
    np.testing.assert_array_equal(own.get_array(), M)
    assert own.origin == "upper"
    red, green, blue, _ = own.cmap(own.norm(0.0))
    assert min(red, green, blue) > 0.95
    red, _, blue, _ = own.cmap(own.norm(-2.0))
    assert blue > red
    plt.close(fig)
