"""The loss, and gradient flow: d theta/dt = -grad L."""

import dataclasses
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from ntklib import Flow, Params, gradient_flow, half_mse, network

TIMES = np.array([0.0, 0.5, 2.0])
SLIDE = dict(  # W0, X and y such that the first input's unit is pushed onto its kink, h = 0, from both sides
    params=Params(jnp.array([[-0.5, 1.0]]), jnp.array([1.0])),
    X=jnp.array([[1.0, 0.0], [1.0, 1.0]]),
    y=jnp.array([-5.0, 3.0]),
    psi=jax.nn.relu,
)
PRODUCT = dict(params=Params([[0.6]], [0.6]), X=[[0.8]], psi=lambda z: z)  # f = a w x


def log_cosh(f, y):
    """A loss that is not a square; its slope is tanh(f - y)/m."""
    return jnp.mean(jnp.log(jnp.cosh(f - y)))


def by_hand(params, X, y, activation, slope):
    """The right-hand side of d theta/dt = -grad L in NumPy, for the flat vector (W0, W1), and its start."""
    (n, n0), X, y = params.W0.shape, np.asarray(X), np.asarray(y)

    def velocity(t, theta):
        W0, W1 = theta[: n * n0].reshape(n, n0), theta[n * n0 :]
        h = X @ W0.T
        dL = slope(activation.value(h) @ W1 / np.sqrt(n) - y) / len(y)
        dW0 = (dL[:, None] * activation.slope(h) * W1).T @ X / np.sqrt(n)
        return -np.concatenate([dW0.ravel(), activation.value(h).T @ dL / np.sqrt(n)])

    return velocity, np.concatenate([np.ravel(params.W0), params.W1])


@pytest.fixture(scope="module")
def flow(problem):
    """One flow of a tanh network, for the tests that look at it."""
    return gradient_flow(*problem(4, 5, 3), jnp.tanh, TIMES)


def test_half_mse_equals_loops(close):
    """L = sum_alpha (f_alpha - y_alpha)^2 / 2m."""
    f, y = [1.5, -2.0, 0.25], [1.0, 2.0, -0.5]
    close(
        half_mse(f, y),
        np.array(sum((a - b) ** 2 for a, b in zip(f, y, strict=True)) / 6),
        1e-15,
    )
    assert half_mse([3], [1]) == 2.0


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32, jnp.float64])
def test_half_mse_traces_and_keeps_dtype(dtype, close):
    """A scalar of the dtype that came; its gradient is (f - y)/m; jit(vmap(.)) gives one after another."""
    f, y = jnp.array([1.0, 2.0, 4.0], dtype), jnp.array([0.5, 2.0, 3.0], dtype)
    assert half_mse(f, y).dtype == dtype
    assert half_mse(f, y).shape == ()
    close(jax.grad(half_mse)(f, y), (f - y) / 3, 1e-3)
    close(
        jax.jit(jax.vmap(half_mse, (0, None)))(jnp.stack([y, f]), y),
        jnp.stack([0 * f[0], half_mse(f, y)]),
        1e-3,
    )


@pytest.mark.parametrize(
    ("f", "y", "message"),
    [
        (1.0, [1.0], "f must be a real array of shape (m,); got shape ()"),
        ([[1.0]], [1.0], "f must be a real array of shape (m,); got shape (1, 1)"),
        (
            [],
            [],
            "f must be a real array of shape (m,) and must not be empty; got shape (0,)",
        ),
        ([1.0, 2.0], [1.0], "y has length 1, but f expects m = 2"),
        ([1.0], [[1.0]], "y must be a real array of shape (m,); got shape (1, 1)"),
        ([np.nan], [1.0], "f must be finite; got nan at index (0,)"),
        ([1.0], [1j], "y must be a real array of shape (m,); got dtype complex128"),
        ([1e200], [0.0], "the loss must be finite; got inf"),
    ],
)
def test_half_mse_refuses(f, y, message, refuses):
    """Outputs and targets are two finite real vectors of one length."""
    refuses(message, half_mse, f, y)


def test_Flow_holds_what_it_says(flow, problem, close):
    """A pytree with T = 3: f_t is the network at theta_t, L_t the loss at f_t, and the first theta is the start."""
    params, X, y = problem(4, 5, 3)
    assert isinstance(flow, Flow)
    assert Flow._fields == ("ts", "params", "f", "loss")
    assert [leaf.shape for leaf in jax.tree.leaves(flow)] == [
        (3,),
        (3, 5, 3),
        (3, 5),
        (3, 4),
        (3,),
    ]
    close(flow.ts, TIMES, 0)
    close(jax.tree.map(lambda a: a[0], flow.params), params, 0)
    for t in range(3):
        close(
            flow.f[t],
            network(jax.tree.map(lambda a, t=t: a[t], flow.params), X, jnp.tanh),
            1e-14,
        )
        close(
            flow.loss[t],
            np.array(np.mean((np.asarray(flow.f[t]) - np.asarray(y)) ** 2) / 2),
            1e-14,
        )


@pytest.mark.parametrize(
    ("name", "loss", "slope"),
    [("tanh", half_mse, lambda r: r), ("softplus", log_cosh, np.tanh)],
)
def test_gradient_flow_equals_scipy(name, loss, slope, problem, activations, close):
    """d theta/dt = -grad L, against DOP853 with a right-hand side by hand; the loss falls all the way."""
    params, X, y = problem(4, 5, 3)
    flow = gradient_flow(params, X, y, activations[name].psi, TIMES, loss=loss)
    velocity, start = by_hand(params, X, y, activations[name], slope)
    ode = scipy.integrate.solve_ivp(
        velocity, (0, 2), start, "DOP853", t_eval=TIMES, rtol=1e-12, atol=1e-13
    )
    close(np.hstack([flow.params.W0.reshape(3, 15), flow.params.W1]), ode.y.T, 1e-7)
    assert np.all(np.diff(flow.loss) < 0)


def test_gradient_flow_one_input_one_unit(close):
    """f = a w x with a = w: d f/dt = 2 |x| f (y - f), so f is the logistic y/(1 + (y/f_0 - 1) e^{-2 x y t})."""
    y, x, f0 = 1.5, 0.8, 0.6 * 0.6 * 0.8
    want = y / (1 + (y / f0 - 1) * np.exp(-2 * x * y * TIMES))
    close(gradient_flow(**PRODUCT, y=[y], ts=TIMES).f[:, 0], want, 1e-8)


def test_gradient_flow_starts_at_zero_whatever_the_times(flow, problem, close):
    """theta(t) depends on t alone: not on ts[0], on repetitions, or on the other times; at t = 0 it is the start."""
    params, X, y = problem(4, 5, 3)
    again = gradient_flow(params, X, y, jnp.tanh, [0.5, 0.5, 2])
    early, late = (
        gradient_flow(params, X, y, jnp.tanh, [0.0]),
        gradient_flow(params, X, y, jnp.tanh, [2.0]),
    )
    assert again.ts.tolist() == [0.5, 0.5, 2.0]
    close(
        jax.tree.map(lambda a: a[0], again[1:]),
        jax.tree.map(lambda a: a[1], again[1:]),
        0,
    )
    close(
        jax.tree.map(lambda a: a[1:], again[1:]),
        jax.tree.map(lambda a: a[1:], flow[1:]),
        1e-8,
    )
    close(
        jax.tree.map(lambda a: a[0], late[1:]),
        jax.tree.map(lambda a: a[2], flow[1:]),
        1e-8,
    )
    close(early.params, jax.tree.map(lambda a: a[None], params), 0)
    close(early.loss, half_mse(network(params, X, jnp.tanh), y)[None], 1e-14)


@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_gradient_flow_obeys_its_tolerances(name, flow, problem):
    """A looser tolerance gives a larger error, and one in proportion: 1e-4 is not 1e-9."""
    loose = gradient_flow(*problem(4, 5, 3), jnp.tanh, TIMES, **{name: 1e-4})
    error = jnp.abs(loose.params.W0 - flow.params.W0).max()
    assert 1e-8 < error < 1e-3


def test_gradient_flow_conserves_relu_balance(flow, problem):
    """For relu a_i^2 - |w_i|^2 stays what it was, unit by unit; for tanh it does not."""
    kept, lost = (
        np.ptp(np.asarray(params.W1**2 - jnp.sum(params.W0**2, axis=2)), axis=0)
        for params in (
            gradient_flow(*problem(4, 5, 3), jax.nn.relu, TIMES).params,
            flow.params,
        )
    )
    assert kept.max() < 1e-6
    assert lost.max() > 1e-2


def test_gradient_flow_slides_along_a_kink(monkeypatch, activations, close):
    """Where h = 0 attracts from both sides the flow stays on it, w_1 = 0, and the other weights go on as they would."""
    calls, module = [], sys.modules["ntklib.gradient_flow"]
    strict = module.integrate
    monkeypatch.setattr(
        module,
        "integrate",
        lambda *a, force, **k: calls.append(force) or strict(*a, force=force, **k),
    )
    flow = gradient_flow(**SLIDE, ts=TIMES)
    assert calls == [False, True]  # no step was short enough

    velocity, start = by_hand(
        *list(SLIDE.values())[:3], activations["relu"], lambda r: r
    )
    reach, go = (
        (lambda t, theta: theta[0]),
        dict(method="DOP853", rtol=1e-12, atol=1e-13),
    )
    reach.terminal = True
    hit = scipy.integrate.solve_ivp(velocity, (0, 2), start, events=reach, **go)
    assert 0.5 < hit.t[-1] < 0.6
    on = np.array(
        [0.0, 1.0, 1.0]
    )  # the second input alone moves w_2 and a, and the kink takes back what it does to w_1
    want = scipy.integrate.solve_ivp(
        lambda t, v: on * velocity(t, on * v), (hit.t[-1], 2), on * hit.y[:, -1], **go
    )
    close(
        np.concatenate([flow.params.W0[-1].ravel(), flow.params.W1[-1]]),
        want.y[:, -1],
        1e-3,
    )
    assert np.all(np.diff(flow.loss) < 0)
    jitted = jax.jit(
        lambda params: gradient_flow(**SLIDE | {"params": params}, ts=TIMES)
    )(SLIDE["params"])
    close(jitted, flow, 1e-3)


def test_gradient_flow_slides_whatever_the_first_times(close):
    """The shortest step is a share of the whole time, not of a first one that happens to be tiny."""
    close(
        gradient_flow(**SLIDE, ts=[1e-9, 2.0]).f[-1],
        gradient_flow(**SLIDE, ts=[2.0]).f[-1],
        1e-3,
    )


@pytest.mark.parametrize(
    ("size", "rise", "accepted"),
    [
        (1000, 0.02, True),
        (1000, 0.04, False),
        (0.01, 8e-5, True),
        (0.01, 1.5e-4, False),
    ],
)
def test_gradient_flow_refuses_a_loss_that_rises(size, rise, accepted, monkeypatch):
    """Along the flow L falls: a rise of more than 100 rtol (1 + |L(0)|) is no rounding."""
    start = Params(jnp.array([[0.6]]), jnp.array([0.6]))
    end = Params(start.W0[None], start.W1[None] * (1 + rise / (0.36 * size)))
    monkeypatch.setattr(
        sys.modules["ntklib.gradient_flow"],
        "integrate",
        lambda *args, **kwargs: (end, True),
    )

    def run():
        return gradient_flow(
            start,
            [[1.0]],
            [0.0],
            PRODUCT["psi"],
            [1.0],
            loss=lambda f, y: size * f[0],
            rtol=1e-6,
        )

    if accepted:
        assert abs(run().loss[0] - 0.36 * size - rise) < 1e-12 * size
    else:
        with pytest.raises(RuntimeError, match=r"^gradient_flow did not converge"):
            run()


def test_gradient_flow_tolerances_by_default():
    """rtol is 1e-9 in float64 and 1e-5 in float32, atol a hundredth of it."""
    defaults = sys.modules["ntklib.gradient_flow"].tolerances
    for kind, rtol in [(jnp.float64, 1e-9), (jnp.float32, 1e-5)]:
        assert defaults(None, None, kind, "X") == (rtol, rtol / 100)


def test_gradient_flow_traces_and_batches(flow, problem, close):
    """vmap over targets, with jit or without, gives what one flow after another gives."""
    params, X, y = problem(4, 5, 3)
    batch = jax.vmap(lambda y: gradient_flow(params, X, y, jnp.tanh, TIMES))
    for run in (batch, jax.jit(batch)):
        close(jax.tree.map(lambda a: a[1], run(jnp.stack([-y, y]))), flow, 1e-8)


def test_gradient_flow_differentiates(close):
    """grad of L(T) in the start and in y agrees with central differences; in T it is -|grad L|^2."""

    def last(w, y, T):
        flow = gradient_flow(
            Params(w[None, None], w[None]),
            jnp.array([[0.8]]),
            y[None],
            PRODUCT["psi"],
            T[None],
        )
        return flow.loss[-1]

    at, step = [jnp.array(0.6), jnp.array(1.5), jnp.array(1.0)], 1e-4
    for i, got in enumerate(jax.jit(jax.grad(last, (0, 1, 2)))(*at)):
        ahead, behind = (
            last(*[a + s * (i == j) for j, a in enumerate(at)]) for s in (step, -step)
        )
        close(got, (ahead - behind) / (2 * step), 1e-5)


def test_gradient_flow_keeps_dtype(flow, problem, close):
    """float32 in, float32 out, whatever the dtype of the times, accurate to float32."""
    single = gradient_flow(*problem(4, 5, 3, dtype=jnp.float32), jnp.tanh, TIMES)
    assert {leaf.dtype for leaf in jax.tree.leaves(single)} == {jnp.dtype(jnp.float32)}
    close(single, flow, 1e-4)


def test_gradient_flow_takes_integers_and_lists():
    """Integers become float: a = w = 1, x = 1 and y = 1 fit from the start, so nothing moves."""
    flow = gradient_flow(Params([[1]], [1]), [[1]], [1], PRODUCT["psi"], [0, 1, 2])
    assert {leaf.dtype for leaf in jax.tree.leaves(flow)} == {jnp.dtype(float)}
    assert flow.f.tolist() == [[1.0]] * 3
    assert flow.loss.tolist() == [0.0] * 3


def test_gradient_flow_refuses_an_unbounded_loss():
    """L = -f^3 falls to minus infinity in finite time: RuntimeError, inside jit too."""

    def escape(X):
        return gradient_flow(
            **PRODUCT | {"X": X}, y=[0.0], ts=[50.0], loss=lambda f, y: -jnp.sum(f**3)
        )

    with pytest.raises(
        RuntimeError,
        match=r"^gradient_flow did not converge: [^\n]*is the loss bounded below[^\n]*$",
    ):
        escape(jnp.array([[0.8]]))
    with pytest.raises(RuntimeError, match="gradient_flow did not converge"):
        jax.jit(escape)(jnp.array([[0.8]])).f.block_until_ready()


def test_gradient_flow_refuses_bad_data(bad_data, refuses):
    """A bad params or X is refused by name."""
    data, message = bad_data
    refuses(message, gradient_flow, **data, y=np.ones(4), psi=jnp.tanh, ts=TIMES)


def test_gradient_flow_refuses_bad_psi(bad_psi, problem, refuses):
    """A psi that is not an elementwise function with real values is refused."""
    psi, message = bad_psi
    refuses(message, gradient_flow, *problem(4, 5, 3), psi, TIMES)


LOSS = "loss must be a function of f and y, such as half_mse, that JAX can trace and that returns a real array of shape ()"
RTOL, ATOL = (
    f"{name} must lie between 2.2e-15 (ten roundings in float64) and 1; got "
    for name in ("rtol", "atol")
)


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        ("y", np.ones(3), "y has length 3, but X expects m = 4"),
        (
            "y",
            np.ones((4, 1)),
            "y must be a real array of shape (m,); got shape (4, 1)",
        ),
        ("y", [1, 2, 3, np.nan], "y must be finite; got nan at index (3,)"),
        ("ts", 1.0, "ts must be a real array of shape (T,); got shape ()"),
        (
            "ts",
            [],
            "ts must be a real array of shape (T,) and must not be empty; got shape (0,)",
        ),
        ("ts", [0.0, np.inf], "ts must be finite; got inf at index (1,)"),
        ("ts", [-0.5, 1.0], "ts must be non-negative; got ts[0] = -0.5"),
        (
            "ts",
            [0.0, 2.0, 1.0],
            "ts must be non-decreasing; got ts[1] = 2.0 before ts[2] = 1.0",
        ),
        ("loss", "mse", LOSS + "; got str"),
        ("loss", None, LOSS + "; got NoneType"),
        (
            "loss",
            lambda f, y: (f - y) ** 2,
            LOSS + "; got shape (4,) and dtype float64",
        ),
        (
            "loss",
            lambda f, y: jnp.sum(f)[None],
            LOSS + "; got shape (1,) and dtype float64",
        ),
        ("loss", lambda f, y: jnp.all(f == y), LOSS + "; got shape () and dtype bool"),
        (
            "loss",
            lambda f, y: jnp.sum(f) * 1j,
            LOSS + "; got shape () and dtype complex128",
        ),
        ("loss", lambda f: jnp.sum(f), LOSS + "; got TypeError: "),
        (
            "loss",
            lambda f, y: np.mean(np.asarray(f)),
            LOSS + "; got TracerArrayConversionError: ",
        ),
        *[
            ("rtol", bad, RTOL)
            for bad in (
                0,
                -1e-6,
                1.0,
                1e-16,
                np.nan,
                np.inf,
                "tight",
                "1e-6",
                1e-6j,
                [1e-6],
            )
        ],
        *[
            ("atol", bad, ATOL)
            for bad in (0, -1e-6, 1.0, 1e-16, np.nan, "1e-6", 10**400, np.eye(2))
        ],
    ],
    ids=lambda value: None if isinstance(value, str) and len(value) < 9 else "",
)
def test_gradient_flow_refuses(name, bad, message, problem, refuses):
    """Bad targets, times, losses and tolerances are refused by name."""
    params, X, y = problem(4, 5, 3)
    refuses(
        message,
        gradient_flow,
        **dict(params=params, X=X, y=y, psi=jnp.tanh, ts=TIMES) | {name: bad},
    )


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_gradient_flow_refuses_half_precision(dtype, problem, refuses):
    """The integrator needs float32 or float64, and says which dtype came."""
    message = (
        f"params, X and y must be float32 or float64 for a flow; got {jnp.dtype(dtype)}"
    )
    refuses(message, gradient_flow, *problem(4, 5, 3, dtype=dtype), jnp.tanh, TIMES)


@dataclasses.dataclass
class Scaled:
    """A function that has no hash, as a dataclass has none."""

    function: Callable
    factor: float

    def __call__(self, *args):
        """The function's value times the factor."""
        return self.factor * self.function(*args)


def test_gradient_flow_takes_functions_without_a_hash(problem, close):
    """psi and loss may be dataclasses: the flow is that of the same functions as lambdas, also after a change."""
    params, X, y = problem(4, 5, 3)
    psi, loss = Scaled(jnp.tanh, 1.0), Scaled(half_mse, 2.0)
    for factor in (1.0, 0.5):
        psi.factor = factor
        want = gradient_flow(
            params,
            X,
            y,
            lambda z: factor * jnp.tanh(z),
            [2.0],
            loss=lambda f, y: 2 * half_mse(f, y),
        )  # noqa: B023
        close(gradient_flow(params, X, y, psi, [2.0], loss=loss).f, want.f, 1e-12)
