"""Grönwall's inequality, and the bound on the loss that it gives."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntklib import empirical_ntk, gradient_flow, linear_flow
from ntklib.gronwall import gronwall, gronwall_bound

TIMES = np.array([0.0, 0.3, 0.3, 2.0, 7.0])
Q = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))[0]
GOOD = dict(loss0=2.0, lam=0.5, m=4, ts=TIMES)


def losses(K, r0, ts):
    """The loss |r|^2 / 2m along the linear flow."""
    return np.sum(linear_flow(K, r0, ts) ** 2, axis=1) / (2 * len(r0))


def test_gronwall_bound_equals_the_exponential():
    """L(t) <= exp(-2 lambda t/m) L(0); in the lecture exp(-lambda t/2m) L(0)."""
    assert gronwall_bound(3.0, 0.5, 4, [0.0, 8.0]).tolist() == [3.0, 3.0 * np.exp(-2.0)]
    assert gronwall_bound(3.0, 0.5, 4, [0.0, 8.0], rate="sharp").tolist() == [
        3.0,
        3.0 * np.exp(-2.0),
    ]
    assert gronwall_bound(3.0, 0.5, 4, [0.0, 8.0], rate="lecture").tolist() == [
        3.0,
        3.0 * np.exp(-0.5),
    ]


@pytest.mark.parametrize(
    "lam", [[0.0, 1.0, 2.0, 3.0], [0.7, 0.7, 2.0, 30.0], [1e-9, 1.0, 1.0, 1.0]]
)
def test_gronwall_bound_is_attained(lam, close):
    """With r(0) an eigenvector of lambda_min, L(t) = exp(-2 lambda_min t/m) L(0).

    No larger rate would do.
    """
    K, r0 = Q * lam @ Q.T, 3 * Q[:, 0]
    close(gronwall_bound(9 / 8, lam[0], 4, TIMES), losses(K, r0, TIMES), 1e-12)


@given(
    lam=arrays(float, 4, elements=st.floats(0, 5)),
    r0=arrays(float, 4, elements=st.floats(-3, 3)),
    ts=st.lists(st.floats(0, 50), min_size=1, max_size=5).map(sorted),
)
def test_gronwall_bound_holds_for_any_start(lam, r0, ts):
    """L(t) <= exp(-2 lambda_min t/m) L(0) <= exp(-lambda_min t/2m) L(0) for every PSD
    kernel and every start.
    """
    loss0 = r0 @ r0 / 8
    sharp, lecture = (
        gronwall_bound(loss0, lam.min(), 4, ts, rate=rate)
        for rate in ("sharp", "lecture")
    )
    assert np.all(losses(Q * lam @ Q.T, r0, ts) <= sharp * (1 + 1e-12) + 1e-13 * loss0)
    assert np.all(sharp <= lecture)


@given(
    loss0=st.floats(0.1, 9), lam=st.floats(0, 9), m=st.integers(1, 9), t=st.floats(0, 9)
)
def test_gronwall_bound_the_lectures_rate_is_a_quarter(loss0, lam, m, t):
    """exp(-lambda t/2m) is the fourth root of exp(-2 lambda t/m), and so never below
    it.
    """
    sharp, lecture = (
        gronwall_bound(loss0, lam, m, [t], rate=rate)[0] / loss0
        for rate in ("sharp", "lecture")
    )
    assert abs(lecture - sharp**0.25) <= 1e-13 * lecture


def test_gronwall_bound_is_far_below_the_lectures(close):
    """The squared loss falls by exp(-2) where the lecture's rate allows exp(-1/2).

    Its bound is loose, not wrong.
    """
    loss = losses(2.0 * np.eye(4), np.ones(4), [2.0])
    close(gronwall_bound(0.5, 2.0, 4, [2.0]), loss, 1e-14)
    close(gronwall_bound(0.5, 2.0, 4, [2.0], rate="lecture"), np.exp(1.5) * loss, 1e-14)


def test_gronwall_bound_at_the_extremes():
    """lambda = 0 or L(0) = 0 gives a constant.

    An exponent below every float gives 0, and t = 0 gives L(0).
    """
    assert gronwall_bound(3, 0, 1, [0, 1e300]).tolist() == [3.0, 3.0]
    assert gronwall_bound(0, 1.0, 1, [0, 1e300]).tolist() == [0.0, 0.0]
    assert gronwall_bound(3.0, 1e308, 1, [0.0, 1e300]).tolist() == [3.0, 0.0]


@pytest.mark.parametrize("x64", [True, False])
@pytest.mark.parametrize("kind", [np.float32, jnp.float32, list])
def test_gronwall_and_its_bound_work_in_numpy_float64(kind, x64):
    """NumPy float64 in and out, whatever comes and whatever JAX's flag says.

    Integers become float.
    """
    with jax.enable_x64(x64):
        ts = [0, 1, 2] if kind is list else kind([0, 1, 2])
        loss0, lam = (3, 1) if kind is list else (kind(3), kind(1))
        for got in (
            gronwall_bound(loss0, lam, np.int64(2), ts),
            gronwall(loss0, lambda t: -lam, ts),
        ):
            assert type(got) is np.ndarray
            assert got.dtype == np.float64
            np.testing.assert_allclose(got, 3 * np.exp([0.0, -1.0, -2.0]), rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        *[
            (name, bad, f"{name} must be a finite number and at least 0; got ")
            for name in ("loss0", "lam")
            for bad in (
                -1e-9,
                np.nan,
                np.inf,
                1j,
                "1",
                None,
                [1.0],
                np.ones(1),
                jnp.ones(1),
                np.eye(2),
                10**400,
            )
        ],
        *[
            ("m", bad, "m must be a positive integer; got ")
            for bad in (0, -1, 2.0, True, None, "4", np.ones(2))
        ],
        ("ts", "now", "ts must be a real array of shape (T,); got 'now'"),
        ("ts", 1.0, "ts must be a real array of shape (T,); got shape ()"),
        (
            "ts",
            [],
            (
                "ts must be a real array of shape (T,) and must not be empty; got "
                "shape (0,)"
            ),
        ),
        (
            "ts",
            [[0.0], [1.0, 2.0]],
            (
                "ts must be a real array of shape (T,); got a list that is not a "
                "rectangular"
            ),
        ),
        ("ts", [1j], "ts must be a real array of shape (T,); got dtype complex128"),
        ("ts", [np.inf], "ts must be finite; got inf at index (0,)"),
        ("ts", [-1.0, 0.0], "ts must be non-negative; got ts[0] = -1.0"),
        (
            "ts",
            [0.0, 2.0, 1.0],
            "ts must be non-decreasing; got ts[1] = 2.0 before ts[2] = 1.0",
        ),
        ("rate", "fast", "rate must be 'sharp' or 'lecture'; got 'fast'"),
        *[
            ("rate", bad, "rate must be 'sharp' or 'lecture'; got ")
            for bad in (None, 2.0, ["sharp"], np.ones(2))
        ],
    ],
    ids=lambda value: None if isinstance(value, str) and len(value) < 9 else "",
)
def test_gronwall_bound_refuses(name, bad, message, refuses):
    """Bad losses, eigenvalues, sizes, times and rates are refused by name."""
    refuses(message, gronwall_bound, **GOOD | {name: bad})


def test_gronwall_and_its_bound_refuse_tracers(refuses):
    """A host function holds numbers: inside jit it says so, whichever argument is
    traced.
    """
    number = "{} must be a finite number and at least 0; got "
    times = (
        "ts must hold numbers, not a JAX tracer; call this function outside "
        "jit, vmap and grad"
    )
    for name, message in [
        ("loss0", number.format("loss0")),
        ("lam", number.format("lam")),
        ("ts", times),
    ]:
        traced = jax.jit(lambda v, name=name: gronwall_bound(**GOOD | {name: v}))
        refuses(message, traced, jnp.asarray(GOOD[name]))
    refuses(times, jax.jit(lambda ts: gronwall(1.0, np.cos, ts)), TIMES)
    refuses(
        "u0 must be a finite real number; got ",
        jax.jit(lambda u0: gronwall(u0, np.cos, TIMES)),
        1.0,
    )


@pytest.mark.parametrize("u0", [2.0, -3.0, 0.0])
@pytest.mark.parametrize(
    ("beta", "integral"),
    [
        (lambda t: -0.4, lambda t: -0.4 * t),
        (np.cos, np.sin),
        (lambda t: -1 / (1 + t), lambda t: -np.log1p(t)),
        (lambda t: jnp.exp(-t), lambda t: -np.expm1(-t)),
        (lambda t: abs(t - 1.7), lambda t: (1.7**2 + (t - 1.7) * abs(t - 1.7)) / 2),
        (
            lambda t: 1.0 if t > 1.234 else -1.0,
            lambda t: np.where(t > 1.234, t - 2.468, -t),
        ),
    ],
    ids=["constant", "cos", "rational", "in JAX", "kink", "jump"],
)
def test_gronwall_equals_the_closed_form(u0, beta, integral, close):
    """g(t) <= g(0) exp int_0^t b, for integrals known in closed form and g(0) of any
    sign.
    """
    close(gronwall(u0, beta, TIMES), u0 * np.exp(integral(TIMES)), 2e-10)


def test_gronwall_of_a_constant_is_gronwall_bound(close):
    """With b = -2 lambda/m the inequality is the bound with the sharp rate."""
    close(gronwall(2.0, lambda t: -2 * 0.5 / 4, TIMES), gronwall_bound(**GOOD), 1e-14)


def test_gronwall_solves_the_equation(close):
    """The bound is the solution of g' = b(t) g, here by DOP853.

    It is attained by equality.
    """

    def beta(t):
        return np.sin(3 * t) - t / 4

    ode = scipy.integrate.solve_ivp(
        lambda t, u: beta(t) * u,
        (0, 7),
        [2.0],
        "DOP853",
        t_eval=np.unique(TIMES),
        rtol=1e-12,
        atol=1e-14,
    )
    close(np.unique(gronwall(2.0, beta, TIMES)), np.unique(ode.y[0]), 1e-9)


@given(c=st.floats(0, 3), u0=st.floats(-5, 5), w=st.floats(0.1, 3))
def test_gronwall_bounds_what_falls_faster(c, u0, w):
    """g' = b g - c <= b g, with b = cos(w t), stays below the bound, whatever the sign
    of g.
    """
    ode = scipy.integrate.solve_ivp(
        lambda t, u: np.cos(w * t) * u - c,
        (0, 7),
        [u0],
        t_eval=np.unique(TIMES),
        rtol=1e-9,
        atol=1e-10,
    )
    bound = gronwall(u0, lambda t: np.cos(w * t), np.unique(TIMES))
    assert np.all(ode.y[0] <= bound + 1e-6 * (1 + np.abs(bound)))


@given(
    values=arrays(float, 6, elements=st.floats(-3, 3)),
    gaps=arrays(float, 5, elements=st.floats(0.01, 2)),
)
def test_gronwall_is_exact_between_knots(values, gaps):
    """A piecewise linear b with its knots at the times is integrated exactly.

    By the trapezoid rule.
    """
    ts = np.r_[0.0, np.cumsum(gaps)]
    trapezoids = np.r_[0.0, np.cumsum(gaps * (values[1:] + values[:-1]) / 2)]
    got = gronwall(1.5, lambda t: np.interp(t, ts, values), ts)
    np.testing.assert_allclose(got, 1.5 * np.exp(trapezoids), rtol=1e-12)


def test_gronwall_starts_at_zero_whatever_the_times(close):
    """The integral runs from t = 0 to each time.

    ts[0], repetitions and other times do not matter.
    """
    close(gronwall(1.0, np.cos, [2.0]), np.exp(np.sin([2.0])), 1e-12)
    close(
        gronwall(1.0, np.cos, [0.5, 2.0, 2.0]), np.exp(np.sin([0.5, 2.0, 2.0])), 1e-12
    )
    assert gronwall(1.25, np.cos, [0.0]).tolist() == [1.25]


def test_gronwall_at_the_extremes():
    """An exponent below every float is a bound of 0.

    From g(0) = 0 the bound stays 0.
    """
    assert gronwall(1.0, lambda t: -6e307, [1.0, 2.0, 3.0, 4.0]).tolist() == [0.0] * 4
    assert gronwall(0.0, lambda t: 1.0, [1.0, 800.0]).tolist() == [0.0, 0.0]


@pytest.mark.slow
def test_gronwall_bounds_a_network_whose_kernel_moves(problem):
    """L(t) <= L(0) exp int -2 lambda_min(K_t)/m, at finite width.

    With K_0 for K_t the loss breaks the bound. With the Rayleigh quotient of the
    residuals for lambda_min the bound is the loss.
    """
    params, X, y = problem(4, 2, 2, seed=9)
    ts = np.r_[0.0, np.geomspace(0.01, 1000, 200)]
    flow = gradient_flow(params, X, y, jnp.tanh, ts)
    kernels = jax.vmap(lambda p: empirical_ntk(p, X, jnp.tanh))(flow.params)
    lam, loss = np.linalg.eigvalsh(kernels)[:, 0], np.asarray(flow.loss)
    moving = gronwall(loss[0], lambda t: -2 * np.interp(t, ts, lam) / 4, ts)
    frozen = gronwall_bound(loss[0], lam[0], 4, ts)
    assert np.all(loss <= moving * (1 + 1e-9))
    assert moving[-1] < 0.999 * loss[0]
    assert loss[-1] > 100 * frozen[-1]
    r = np.asarray(flow.f) - np.asarray(y)
    quotients = np.einsum("ta,tab,tb->t", r, kernels, r) / np.sum(r**2, axis=1)
    exact = gronwall(loss[0], lambda t: -2 * np.interp(t, ts, quotients) / 4, ts)
    np.testing.assert_allclose(exact, loss, rtol=0.02)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        *[
            ("u0", bad, "u0 must be a finite real number; got ")
            for bad in (
                np.nan,
                -np.inf,
                1j,
                "1",
                None,
                [1.0],
                np.ones(1),
                jnp.ones(1),
                10**400,
            )
        ],
        *[
            (
                "beta",
                lambda t, bad=bad: bad,
                "beta(0.15) must be a finite real number; got ",
            )
            for bad in (
                np.nan,
                np.inf,
                1j,
                "1",
                None,
                [1.0],
                np.ones(1),
                jnp.ones(1),
                np.ones(2),
            )
        ],
        (
            "beta",
            1.0,
            (
                "beta must be a function of time, such as lambda t: -2 * t; got "
                "TypeError: 'float' object is n"
            ),
        ),
        (
            "beta",
            "cos",
            (
                "beta must be a function of time, such as lambda t: -2 * t; got "
                "TypeError: 'str' object is"
            ),
        ),
        (
            "beta",
            lambda: 1.0,
            (
                "beta must be a function of time, such as lambda t: -2 * t; got "
                "TypeError: "
            ),
        ),
        (
            "beta",
            lambda t: {}["one\ntwo"],
            "beta must be a function of time, such as lambda t: -2 * t; got KeyErr",
        ),
        ("ts", "now", "ts must be a real array of shape (T,); got 'now'"),
        ("ts", 1.0, "ts must be a real array of shape (T,); got shape ()"),
        (
            "ts",
            [],
            (
                "ts must be a real array of shape (T,) and must not be empty; got "
                "shape (0,)"
            ),
        ),
        ("ts", [np.nan], "ts must be finite; got nan at index (0,)"),
        ("ts", [-1.0, 0.0], "ts must be non-negative; got ts[0] = -1.0"),
        (
            "ts",
            [0.0, 2.0, 1.0],
            "ts must be non-decreasing; got ts[1] = 2.0 before ts[2] = 1.0",
        ),
    ],
)
def test_gronwall_refuses(name, bad, message, refuses):
    """Bad starts, rates and times are refused by name."""
    refuses(message, gronwall, **dict(u0=1.0, beta=np.cos, ts=[0.3, 1.0]) | {name: bad})


@pytest.mark.parametrize("error", [ArithmeticError(), ArithmeticError("one\ntwo")])
def test_gronwall_reports_what_beta_raises(error):
    """The first line of an error inside beta is named, and the error is kept as the
    cause.
    """

    def beta(t):
        raise error

    first = "one" if error.args else ""
    with pytest.raises(ValueError, match=rf"; got ArithmeticError: {first}$") as caught:
        gronwall(1.0, beta, [1.0])
    assert caught.value.__cause__ is error


def test_gronwall_refuses_an_overflow(refuses):
    """A bound beyond every float is no bound."""
    refuses(
        "the bound must be finite; got inf at index (1,)",
        gronwall,
        1.0,
        lambda t: 1.0,
        [1.0, 800.0],
    )


@pytest.mark.parametrize(
    ("beta", "ts", "message"),
    [
        (
            lambda t: np.sin(1 / (t + 1e-30)),
            [1.0, 2.0],
            "from 0 to 1: The maximum number of subdivisions (200) has",
        ),
        (lambda t: 1 / abs(t - 0.6), [0.5, 0.75], "from 0.5 to 0.75: "),
    ],
    ids=["essential singularity", "pole"],
)
def test_gronwall_says_where_the_quadrature_fails(beta, ts, message):
    """RuntimeError of one line, with the interval and QUADPACK's reason."""
    with pytest.raises(RuntimeError, match=re.escape(message)) as caught:
        gronwall(1.0, beta, ts)
    assert re.fullmatch(
        r"gronwall could not integrate beta from [^\n]*[a-z)]; "
        r"would more times in between do\?",
        str(caught.value),
    )


def test_gronwall_takes_a_rate_whose_integral_is_0(close):
    """Growth and decay cancel over a period; 0 has no relative accuracy to reach."""
    ts = np.linspace(0.0, 2 * np.pi, 3)[1:]
    got = gronwall(2.0, lambda t: np.cos(2 * t), ts)
    close(got, np.full(2, 2.0), 1e-9)
