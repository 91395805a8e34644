"""What Python knows of the page: its random start, its usual state, its names."""

import numpy as np
import pytest

from ntklib import figures
from ntklib._laboratory.random_start import init_params, normals
from ntklib.figures import laboratory as make


@pytest.mark.parametrize(
    ("seed", "width", "constant", "paired"),
    [(0, 1, True, False), (7, 64, False, False), (9999, 101, True, True)],
)
def test_init_params_are_those_of_the_page(laboratory, seed, width, constant, paired):
    """The same numbers from the same seed, also in pairs and with an odd width."""
    state = dict(seed=seed, width=width, constant=constant, paired=paired)
    expected = laboratory("network.js", "initParams", state)
    W0, W1 = init_params(seed, width, 2 + constant, paired)
    np.testing.assert_allclose(W0, expected["W0"], rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(W1, expected["W1"], rtol=1e-14, atol=1e-14)


def test_normals_have_mean_0_and_variance_1():
    """Within four standard errors, and no two seeds are alike."""
    draws = np.array(
        [[next(draw) for _ in range(10_000)] for draw in map(normals, (1, 2))]
    )
    assert np.all(np.abs(draws.mean(axis=1)) < 4 / 100)
    assert np.all(np.abs(draws.var(axis=1) - 1) < 4 * np.sqrt(2) / 100)
    assert abs(np.corrcoef(draws)[0, 1]) < 4 / 100


def test_laboratory_gives_the_network_of_the_page(laboratory):
    """params of the widget is the start that a scene has."""
    panel = make([0.0, 1.0], [1.0, -1.0], width=5, seed=3)
    shown = laboratory("scene.js", "scene", panel.state, None, [])
    np.testing.assert_allclose(panel.params.W0, shown["params0"]["W0"], rtol=1e-14)
    np.testing.assert_allclose(panel.params.W1, shown["params0"]["W1"], rtol=1e-14)


def test_usual_state_is_that_of_the_page(laboratory):
    """Defaults, limits and choices are written twice, and are the same."""
    assert laboratory("state.js", "DEFAULTS") == make().state
    limits = laboratory("state.js", "LIMITS")
    assert {name: tuple(pair) for name, pair in limits.items()} == figures.RANGES
    assert laboratory("state.js", "MOST_INPUTS") == figures.MOST_INPUTS
    assert laboratory("state.js", "LARGEST_TARGET") == figures.LARGEST_TARGET


def test_names_are_those_of_the_page(laboratory):
    """Views, controls and experiments can be named in Python as on the page."""
    assert tuple(laboratory("views.js", "VIEWS")) == figures.VIEWS
    assert tuple(laboratory("controls.js", "CONTROLS")) == figures.CONTROLS
    names = [one["name"] for one in laboratory("experiments.js", "EXPERIMENTS")]
    assert tuple(names) == figures.EXPERIMENTS
