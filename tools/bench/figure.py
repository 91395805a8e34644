"""The figure of growth."""

import io

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from tools.bench.growth import GROWING, answered, power_law
from tools.execute import ROOT

LABELS = {"m": "inputs m", "n": "width n", "n0": "input dimension n₀"}
# Where a quantity stands in what `answered` gives, and the factor to its unit.
QUANTITIES = {"time, seconds": (1, 1.0), "memory, MB": (2, 1e-6)}


def picture(series):
    """PNG of time and memory against each size, on logarithmic axes."""
    with mpl.rc_context(fname=ROOT / "book" / "matplotlibrc"):
        figure = Figure(figsize=(5.6, 7.5))
        panels = figure.subplots(len(LABELS), len(QUANTITIES), sharey="col")
        for beside, size in zip(panels, LABELS, strict=True):
            for panel, quantity in zip(beside, QUANTITIES.values(), strict=True):
                draw(panel, series, size, *quantity)
        for panel, title in zip(panels[0], QUANTITIES, strict=True):
            panel.set_title(title, fontsize=12)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", fontsize=10)
        file = io.BytesIO()
        # without metadata: a version would change the file from one to the next
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def draw(panel, series, size, place, factor):
    """Points and power laws of everything that grows with one size."""
    panel.set(xscale="log", yscale="log", xlabel=LABELS[size])
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.minorticks_off()
    for colour, (name, problem) in enumerate(GROWING.items()):
        for one in series:
            if (one["problem"], one["size"]) == (name, size):
                at = np.transpose(answered(one))
                sizes, values = at[0], factor * at[place]
                p, c = power_law(sizes, values)
                what = problem.what.replace("`", "")
                panel.plot(sizes, values, "o", color=f"C{colour}", label=what)
                panel.plot(sizes, c * sizes**p, color=f"C{colour}", linewidth=1)
