"""The loss, and gradient flow: d theta/dt = -grad L."""

import dataclasses
import gc
import sys
import types
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from jax.extend.core import Jaxpr

from ntklib import Flow, Params, _programs, gradient_flow, half_mse, network
from tests.library.conftest import BAD_TIMES

TIMES = np.array([0.0, 0.5, 2.0])
SETTINGS = types.SimpleNamespace(factor=1.0)
SLIDE = dict(  # the first input's h is pushed onto the kink, h = 0, from both sides
    params=Params(jnp.array([[-0.5, 1.0]]), jnp.array([1.0])),
    X=jnp.array([[1.0, 0.0], [1.0, 1.0]]),
    y=jnp.array([-5.0, 3.0]),
    psi=jax.nn.relu,
)
PRODUCT = dict(params=Params([[0.6]], [0.6]), X=[[0.8]], psi=lambda z: z)  # f = a w x
MODULE = sys.modules["ntklib.gradient_flow"]  # the name in ntklib is the function's


def log_cosh(f, y):
    """A loss that is not a square; its slope is tanh(f - y)/m."""
    return jnp.mean(jnp.log(jnp.cosh(f - y)))


@dataclasses.dataclass
class Scaled:
    """A function that has no hash, as a dataclass has none."""

    function: Callable
    factor: float

    def __call__(self, *args):
        """The function's value times the factor."""
        return self.factor * self.function(*args)


def at(flow, t):
    """A flow's parameters, outputs and loss at one of its times."""
    return jax.tree.map(lambda a: a[t], flow[1:])


def by_hand(params, X, y, activation, slope):
    """d theta/dt = -grad L in NumPy, for the flat vector (W0, W1), and its start."""
    (n, n0), X, y = params.W0.shape, np.asarray(X), np.asarray(y)

    def velocity(t, theta):
        W0, W1 = theta[: n * n0].reshape(n, n0), theta[n * n0 :]
        h = X @ W0.T
        dL = slope(activation.value(h) @ W1 / np.sqrt(n) - y) / len(y)
        dW0 = (dL[:, None] * activation.slope(h) * W1).T @ X / np.sqrt(n)
        return -np.concatenate([dW0.ravel(), activation.value(h).T @ dL / np.sqrt(n)])

    return velocity, np.concatenate([np.ravel(params.W0), params.W1])


def solved(params, X, y, activation, slope):
    """The flat parameters at TIMES, by DOP853 with the right-hand side by hand."""
    velocity, start = by_hand(params, X, y, activation, slope)
    return scipy.integrate.solve_ivp(
        velocity, (0, 2), start, "DOP853", t_eval=TIMES, rtol=1e-12, atol=1e-13
    ).y.T


def flat(params):
    """Stacked parameters as vectors (W0, W1), one for each time."""
    T = len(params.W1)
    return np.hstack([params.W0.reshape(T, -1), params.W1])


@pytest.fixture
def attempts(monkeypatch):
    """The attempts that are made, none of which converges: tolerances and options."""
    made, run = [], MODULE.run

    def failing(formula, functions, arrays, **options):
        """`run`, but for the attempts."""
        if formula is not MODULE._attempt:
            return run(formula, functions, arrays, **options)
        start, X, y, ts, rtol, atol = arrays
        made.append({"rtol": rtol, "atol": atol} | options)
        return Flow(ts, start, X, y), jnp.array(False)

    monkeypatch.setattr(MODULE, "run", failing)
    return made


@pytest.fixture
def attempted(monkeypatch):
    """attempted(end, …): what `_solve` makes of the units at the end, and the limits
    of the steps.
    """

    def attempt(end, *arrays, loss=half_mse, max_steps=7, accept_shortest=False):
        limits = []

        def moved(velocity, start, ts, args, rtol, atol, **settings):
            """The given end, as if it had been reached."""
            limits.append(settings)
            return end[None], True

        monkeypatch.setattr(MODULE, "integrate", moved)
        options = dict(max_steps=max_steps, accept_shortest=accept_shortest)
        result = MODULE._solve(PRODUCT["psi"], loss, *arrays, **options, forward=True)
        return *result, limits[0]

    return attempt


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
    """A scalar of the dtype that came; its gradient is (f - y)/m; vmap works."""
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
            "f must be a real array of shape (m,) and must not be empty; got shape",
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


@pytest.mark.slow
def test_Flow_holds_what_it_says(flow, problem, close):
    """A pytree with T = 3: f_t is the network at theta_t, L_t the loss at f_t, and the
    first theta is the start.
    """
    params, X, y = problem(4, 5, 3)
    assert isinstance(flow, Flow)
    assert Flow._fields == ("ts", "params", "f", "loss")
    shapes = [leaf.shape for leaf in jax.tree.leaves(flow)]
    assert shapes == [(3,), (3, 5, 3), (3, 5), (3, 4), (3,)]
    close(flow.ts, TIMES, 0)
    for t in range(3):
        params_t, f, loss = at(flow, t)
        close(f, network(params_t, X, jnp.tanh), 1e-14)
        close(loss, np.array(np.mean((np.asarray(f) - np.asarray(y)) ** 2) / 2), 1e-14)
    close(at(flow, 0)[0], params, 0)


@pytest.mark.slow
def test_gradient_flow_equals_scipy(flow, problem, activations, close):
    """d theta/dt = -grad L, against DOP853 with a right-hand side by hand."""
    want = solved(*problem(4, 5, 3), activations["tanh"], lambda r: r)
    close(flat(flow.params), want, 1e-7)
    assert np.all(np.diff(flow.loss) < 0)


@pytest.mark.slow
def test_gradient_flow_equals_scipy_for_functions_without_a_hash(
    problem, activations, close
):
    """psi and loss of the reader's own; they may be dataclasses, which have no hash."""
    params, X, y = problem(4, 5, 3)
    softplus = activations["softplus"]
    psi = Scaled(softplus.psi, 0.5)
    loss = Scaled(log_cosh, 2.0)
    flow = gradient_flow(params, X, y, psi, TIMES, loss=loss)
    half_softplus = softplus._replace(
        value=lambda z: softplus.value(z) / 2, slope=lambda z: softplus.slope(z) / 2
    )
    want = solved(params, X, y, half_softplus, lambda r: 2 * np.tanh(r))
    close(flat(flow.params), want, 1e-7)
    assert np.all(np.diff(flow.loss) < 0)


def logistic(f0, y, rate, t):
    """The solution of df/dt = 2 rate f (y - f): of f = rate a w with a = w at first."""
    return y / (1 + (y / f0 - 1) * np.exp(-2 * rate * y * t))


@pytest.mark.slow
def test_gradient_flow_sees_that_a_function_has_changed(close):
    """Attributes and globals that psi or loss reads count as they are at the call."""
    psi = Scaled(lambda z: z, 1.0)
    start = Params([[0.6]], [0.6])

    def read(f, y):
        """A loss that reads a global."""
        return SETTINGS.factor * half_mse(f, y)

    for c in (1.0, 0.5, 1.0):
        psi.factor = c
        got = gradient_flow(start, [[1.0]], [1.5], psi, [0.7]).f[0, 0]
        close(got, logistic(0.36 * c, 1.5, c, 0.7), 1e-8)
        SETTINGS.factor = c
        linear = PRODUCT["psi"]
        got = gradient_flow(start, [[1.0]], [1.5], linear, [0.7], loss=read).f[0, 0]
        close(got, logistic(0.36, 1.5, 1.0, c * 0.7), 1e-8)


@pytest.mark.slow
def test_gradient_flow_compiles_once(caplog, problem):
    """Other numbers, times and tolerances, and equal functions, compile nothing."""

    def run(seed, ts, rtol):
        """A flow of functions made anew."""
        gradient_flow(
            *problem(2, 3, 1, seed=seed),
            lambda z: 0.5 * jnp.tanh(z),
            ts,
            loss=lambda f, y: jnp.mean((f - y) ** 2),
            rtol=rtol,
        )

    with jax.log_compiles():
        run(0, [0.5, 1.0], None)
        assert "Finished XLA compilation" in caplog.text
        caplog.clear()
        run(1, [0.0, 2.0], 1e-5)
    assert "Finished XLA compilation" not in caplog.text


@pytest.mark.slow
def test_gradient_flow_keeps_no_more_than_its_program():
    """Once its program is gone, nothing that was traced for a new psi is left."""

    def traced_and_kept(k):
        """How many traced programs there are after a flow of a psi made anew."""
        psi = lambda z: z + 0.25 + k  # noqa: E731 - a reader's
        gradient_flow(**PRODUCT | {"psi": psi}, y=[1.0], ts=[0.1])
        _programs._program.cache_clear()
        gc.collect()
        return sum(isinstance(thing, Jaxpr) for thing in gc.get_objects())

    first, second = traced_and_kept(1), traced_and_kept(2)
    assert second - first < 50  # of more than 200


@pytest.mark.slow
def test_gradient_flow_starts_at_zero_whatever_the_times(flow, problem, close):
    """theta(t) depends on t alone: not on ts[0], on repetitions, or on other times."""
    params, X, y = problem(4, 5, 3)
    again = gradient_flow(params, X, y, jnp.tanh, [0.5, 0.5, 2])
    assert again.ts.tolist() == [0.5, 0.5, 2.0]
    close(at(again, 0), at(again, 1), 0)
    close(at(again, 1), at(flow, 1), 1e-8)
    close(at(again, 2), at(flow, 2), 1e-8)
    late = gradient_flow(params, X, y, jnp.tanh, [2.0, 2.0, 2.0])
    close(at(late, 0), at(flow, 2), 1e-8)


def test_gradient_flow_at_time_zero_is_the_start(problem, close):
    """ts = [0.] alone is allowed: the parameters that came, their outputs and loss."""
    params, X, y = problem(4, 5, 3)
    early = gradient_flow(params, X, y, jnp.tanh, [0.0, 0.0, 0.0])
    f0 = network(params, X, jnp.tanh)
    close(early.params, jax.tree.map(lambda a: jnp.stack([a] * 3), params), 0)
    close(early.loss, jnp.stack([half_mse(f0, y)] * 3), 1e-14)


def test_gradient_flow_refuses_what_no_attempt_reached(attempts, problem):
    """Both attempts get the tolerances, by default those of the dtype; what neither
    reaches is a RuntimeError of one line.
    """
    double, single = problem(4, 5, 3), problem(4, 5, 3, dtype=jnp.float32)
    message = r"^gradient_flow did not converge: [^\n]*is the loss bounded below[^\n]*$"
    for data, tight, used in [
        (double, {"rtol": 1e-4}, (1e-4, 1e-4 / 100)),
        (double, {"atol": 1e-3}, (1e-9, 1e-3)),
        (single, {}, (1e-5, 1e-5 / 100)),
    ]:
        with pytest.raises(RuntimeError, match=message):
            gradient_flow(*data, jnp.tanh, [0.0], **tight)
        given = dict(zip(("rtol", "atol"), used, strict=True))
        first = dict(max_steps=2**14, accept_shortest=False, forward=False)
        second = dict(max_steps=2**19, accept_shortest=True, forward=False)
        assert attempts == [given | first, given | second]
        attempts.clear()


def test_gradient_flow_limits_its_steps(attempted):
    """The first attempt ends at a few roundings of the last time; the second takes a
    share of the time scale, or those roundings if they are longer, or the whole time.
    """
    start, end = Params(jnp.array([[0.6]]), jnp.array([0.6])), jnp.full((2, 1), 0.6)
    data = (jnp.ones((1, 1)), jnp.zeros(1))

    def shortest(last, scale=1.0, **options):
        """The shortest step, up to this time."""
        X, y = data
        arrays = (start, scale * X, y, jnp.array([last]), 1e-9, 1e-11)
        *_, settings = attempted(end, *arrays, **options)
        assert settings["max_steps"] == 7
        return float(settings["shortest"])

    rounding = 4 * np.finfo(float).eps
    scale = 1 / (2 * 0.6**2)  # |grad f|^2 = w^2 + a^2
    assert shortest(1e4) == rounding * 1e4
    assert shortest(1e4, accept_shortest=True) == pytest.approx(scale / 512, rel=1e-12)
    assert shortest(1e-4, accept_shortest=True) == 1e-4
    stiff = shortest(1e4, scale=1e10, accept_shortest=True)
    assert stiff == rounding * 1e4


@pytest.mark.slow
def test_gradient_flow_conserves_relu_balance(flow, problem, activations, close):
    """For relu a_i^2 - |w_i|^2 stays what it was in each unit; for tanh it does not."""
    params, X, y = problem(4, 5, 3, seed=2)
    relu = gradient_flow(params, X, y, jax.nn.relu, TIMES)

    def movement(params):
        """How far a_i^2 - |w_i|^2 moves, for each unit."""
        balance = params.W1**2 - jnp.sum(params.W0**2, axis=2)
        return np.ptp(np.asarray(balance), axis=0)

    assert movement(relu.params).max() < 1e-6
    assert movement(flow.params).max() > 1e-2
    want = solved(params, X, y, activations["relu"], lambda r: r)
    close(flat(relu.params), want, 1e-6)


@pytest.fixture(scope="module")
def slide():
    """The flow that slides along a kink, and which attempts it took."""
    attempts = []
    run = MODULE.run

    def counted(formula, functions, arrays, **options):
        """Run, and note whether steps are accepted as they are."""
        if formula is MODULE._attempt:
            attempts.append(options["accept_shortest"])
        return run(formula, functions, arrays, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "run", counted)
        flow = gradient_flow(**SLIDE, ts=TIMES)
    return flow, attempts


@pytest.mark.slow
def test_gradient_flow_slides_along_a_kink(slide, activations, close):
    """Where h = 0 attracts from both sides the flow stays on it, w_1 = 0, and the other
    weights go on as they would.
    """
    flow, attempts = slide
    assert attempts == [False, True]  # no step was short enough
    tight = dict(method="DOP853", rtol=1e-12, atol=1e-13)
    relu = activations["relu"]
    velocity, start = by_hand(
        SLIDE["params"], SLIDE["X"], SLIDE["y"], relu, lambda r: r
    )

    def kink(t, theta):
        """w_1, which is the preactivation of the first input."""
        return theta[0]

    kink.terminal = True
    hit = scipy.integrate.solve_ivp(velocity, (0, 2), start, events=kink, **tight)
    assert 0.5 < hit.t[-1] < 0.6

    # the second input alone moves w_2 and a; the kink takes back what it does to w_1
    on_the_kink = np.array([0.0, 1.0, 1.0])

    def sliding(t, theta):
        """The velocity along the kink."""
        return on_the_kink * velocity(t, on_the_kink * theta)

    theta_hit = on_the_kink * hit.y[:, -1]
    end = scipy.integrate.solve_ivp(sliding, (hit.t[-1], 2), theta_hit, **tight).y[
        :, -1
    ]
    close(flat(flow.params)[-1], end, 1e-3)
    assert np.all(np.diff(flow.loss) < 0)


@pytest.mark.slow
def test_gradient_flow_slides_whatever_the_first_times(slide, close):
    """The shortest step is a share of the whole time, not of tiny first ones."""
    flow, _ = slide
    close(gradient_flow(**SLIDE, ts=[1e-9, 1e-9, 2.0]).f[-1], flow.f[-1], 1e-3)


@pytest.mark.slow
def test_gradient_flow_slides_inside_jit(slide, close):
    """Inside jit the second attempt is the only one."""
    flow, _ = slide

    @jax.jit
    def run(params):
        return gradient_flow(**SLIDE | {"params": params}, ts=TIMES)

    close(run(SLIDE["params"]), flow, 1e-3)


@pytest.mark.parametrize(
    ("size", "rise", "accepted"),
    [
        (1000, 0.02, True),
        (1000, 0.04, False),
        (0.01, 8e-5, True),
        (0.01, 1.5e-4, False),
    ],
)
def test_gradient_flow_refuses_a_loss_that_rises(size, rise, accepted, attempted):
    """L falls along the flow: a rise above 100 rtol (1 + |L(0)|) is no rounding."""

    def linear(f, y):
        """A loss that is not bounded below."""
        return size * f[0]

    start = Params(jnp.array([[0.6]]), jnp.array([0.6]))
    end = jnp.array([[0.6], [0.6 + rise / (0.6 * size)]])
    arrays = (start, jnp.ones((1, 1)), jnp.zeros(1), jnp.ones(1), 1e-6, 1e-8)
    flow, converged, _ = attempted(end, *arrays, loss=linear)
    assert abs(flow.loss[0] - 0.36 * size - rise) < 1e-12 * size
    assert converged == accepted


@pytest.mark.slow
def test_gradient_flow_batches(flow, problem, close):
    """jit(vmap(.)) over targets gives what one flow after another gives."""
    params, X, y = problem(4, 5, 3)

    @jax.jit
    @jax.vmap
    def run(y):
        return gradient_flow(params, X, y, jnp.tanh, TIMES)

    close(jax.tree.map(lambda a: a[1], run(jnp.stack([-y, y]))), flow, 1e-8)


@pytest.mark.slow
def test_gradient_flow_differentiates(close):
    """f = a w x with a = w: d f/dt = 2 |x| f (y - f), so f is the logistic function
    y/(1 + (y/f_0 - 1) e^{-2 x y t}); the loss at T has its derivatives.
    """

    @jax.jit
    @partial(jax.value_and_grad, argnums=(0, 1, 2))
    def loss_at(w, y, T):
        """L(T), from the start a = w, and its derivatives."""
        params = Params(w[None, None], w[None])
        X = jnp.array(PRODUCT["X"])
        flow = gradient_flow(params, X, y[None], PRODUCT["psi"], T[None])
        return flow.loss[-1]

    @jax.jit
    @partial(jax.value_and_grad, argnums=(0, 1, 2))
    def logistic(w, y, T):
        x = 0.8
        f = y / (1 + (y / (w * w * x) - 1) * jnp.exp(-2 * x * y * T))
        return (f - y) ** 2 / 2

    case = jnp.array(0.6), jnp.array(1.5), jnp.array(1.0)
    value, gradients = loss_at(*case)
    want, want_gradients = logistic(*case)
    close(value, want, 1e-8)
    for got, wanted in zip(gradients, want_gradients, strict=True):
        close(got, wanted, 1e-6)


@pytest.mark.slow
def test_gradient_flow_differentiates_forward(close):
    """jax.jvp goes through the flow, by itself and around or inside vmap: the
    derivative of the logistic function in its rate.
    """

    def f_at(x):
        """f(0.7), from f(0) = 0.36 x."""
        start = Params([[0.6]], [0.6])
        return gradient_flow(start, x[None, None], [1.5], PRODUCT["psi"], [0.7]).f[0, 0]

    def slope(x):
        """The derivative in x, by jvp."""
        return jax.jvp(f_at, (x,), (jnp.ones_like(x),))[1]

    xs, step = jnp.array([0.8, 1.1]), 1e-5
    want = [logistic(0.36 * (xs + s), 1.5, xs + s, 0.7) for s in (step, -step)]
    want = (want[0] - want[1]) / (2 * step)
    close(jax.jit(slope)(xs[0]), want[0], 1e-7)
    close(jax.vmap(slope)(xs), want, 1e-7)
    _, along = jax.jvp(jax.vmap(f_at), (xs,), (jnp.ones(2),))
    close(along, want, 1e-7)


@pytest.mark.slow
def test_gradient_flow_runs_inside_shard_map(close):
    """Each of two devices has targets of its own, with shard_map's default check."""
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("d",))
    spec = jax.sharding.PartitionSpec("d")

    @jax.jit
    @partial(jax.shard_map, mesh=mesh, in_specs=spec, out_specs=spec)
    def f_at(y):
        return gradient_flow(**PRODUCT, y=y, ts=[0.7]).f[0]

    ys = jnp.array([1.5, -0.5])
    close(f_at(ys), logistic(0.36 * 0.8, ys, 0.8, 0.7), 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1e20, 1e76, 1e160, 1e-320])
def test_gradient_flow_of_extreme_parameters(size, close):
    """It answers with the start where nothing moves, and else refuses in one line,
    without an attempt of 524288 steps that are too short to move the time.
    """
    start = Params(jnp.array([[0.6]]), jnp.array([0.6]))
    start = jax.tree.map(lambda w: size * w, start)

    def run():
        return gradient_flow(start, [[0.8]], [1.0], PRODUCT["psi"], [1.0])

    if size < 1:
        close(run().f[0], np.zeros(1), 0)
    else:
        kind = ValueError if size > 1e150 else RuntimeError
        with pytest.raises(kind, match=r"^(f must be|gradient_flow did not)[^\n]*$"):
            run()


def test_gradient_flow_refuses_an_infinite_gradient(refuses):
    """A psi whose derivative is infinite at some preactivation has no flow there."""
    start = Params([[1.0]], [1.0])
    message = "dL/dW0 must be finite; got "

    def psi(z):
        """The square root of |z|."""
        return jnp.sqrt(jnp.abs(z))

    refuses(message, gradient_flow, start, [[0.0]], [1.0], psi, [1.0])


def test_velocity_of_units_is_the_velocity(problem, close):
    """The integrator's array holds W0 and W1, and moves as they do."""
    params, X, y = problem(4, 5, 3)
    args = (X, y, jnp.tanh, MODULE._half_mse)
    units = MODULE._units(params)
    close(MODULE._parameters(units), params, 0)
    want = MODULE._velocity(0.0, params, args)
    close(MODULE._parameters(MODULE._velocity_of_units(0.0, units, args)), want, 1e-14)


@pytest.mark.slow
def test_gradient_flow_keeps_dtype(flow, problem, close):
    """float32 in, float32 out, whatever the dtype of the times, accurate to float32."""
    single = gradient_flow(*problem(4, 5, 3, dtype=jnp.float32), jnp.tanh, TIMES)
    assert {leaf.dtype for leaf in jax.tree.leaves(single)} == {jnp.dtype(jnp.float32)}
    close(single, flow, 1e-4)


def test_gradient_flow_takes_integers_and_lists(close):
    """Integers become float, and the flow is that of the same numbers in float."""
    W0 = [[1, 0, 2], [0, 1, 0], [-1, 0, 1], [2, 1, 0], [0, 0, 1]]
    X = [[1, 2, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1]]
    data = Params(W0, [1, -1, 2, 0, 1]), X, [1, 0, -1, 2]
    flow = gradient_flow(*data, jnp.tanh, [0, 1, 2])
    assert {leaf.dtype for leaf in jax.tree.leaves(flow)} == {jnp.dtype(float)}
    (W0, W1), X, y = data
    floats = Params(np.array(W0, float), np.array(W1, float)), np.array(X, float), y
    close(flow, gradient_flow(*floats, jnp.tanh, [0.0, 1.0, 2.0]), 0)


@pytest.mark.slow
def test_gradient_flow_refuses_an_unbounded_loss_inside_jit():
    """L = -f^3 falls to minus infinity in finite time."""

    @jax.jit
    def escape(X):
        return gradient_flow(
            **PRODUCT | {"X": X}, y=[0.0], ts=[50.0], loss=lambda f, y: -jnp.sum(f**3)
        )

    with pytest.raises(RuntimeError, match="gradient_flow did not converge"):
        escape(jnp.array([[0.8]])).f.block_until_ready()


def test_gradient_flow_refuses_bad_data(bad_data, refuses):
    """A bad params or X is refused by name."""
    data, message = bad_data
    refuses(message, gradient_flow, **data, y=np.ones(4), psi=jnp.tanh, ts=TIMES)


def test_gradient_flow_refuses_bad_psi(bad_psi, problem, refuses):
    """A psi that is not an elementwise function with real values is refused."""
    psi, message = bad_psi
    refuses(message, gradient_flow, *problem(4, 5, 3), psi, TIMES)


LOSS = (
    "loss must be a function of f and y, such as half_mse, that JAX can trace "
    "and that returns a real array of shape ()"
)
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
        *BAD_TIMES,
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
            lambda f, y: jnp.sum(f).astype(complex),
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
