"""Functions of the reader's that know what they do, and the programs kept for them."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import _functions, _programs, network

H = jnp.ones((3, 4))
CONSTANTS = np.array([0.5, 2.0, 1.0])
SETTINGS = types.SimpleNamespace(scale=2.0)

MIXING = {
    "mean": lambda z: z - z.mean(),
    "roll": lambda z: jnp.roll(z, 1),
    "small part": lambda z: z + 1e-3 * z.sum(),
    "norm above 10": lambda z: z / jnp.maximum(10.0, jnp.linalg.norm(z)),
    "row norm": lambda z: z / jnp.sqrt(jnp.sum(jnp.atleast_1d(z) ** 2, axis=-1)).max(),
    "dropout": lambda z: jnp.where(
        jax.random.bernoulli(jax.random.key(1), 0.5, z.shape), z, 0
    ),
}


@dataclasses.dataclass
class Scaled:
    """An activation with an attribute, and without a hash."""

    scale: float

    def __call__(self, z):
        """The activation."""
        return self.scale * jnp.tanh(z)


def equal(psi, other):
    """Whether two activations are taken to do the same."""
    one, two = (_functions.activation(f, H) for f in (psi, other))
    if one == two:
        assert hash(one) == hash(two)
    return one == two


@pytest.mark.parametrize("name", MIXING)
def test_activation_refuses_what_mixes_its_arguments(name, refuses):
    """Values that other arguments change are no activation's."""
    refuses("psi must be an elementwise", _functions.activation, MIXING[name], H)
    with pytest.raises(ValueError, match=r"alone and .* among other numbers$"):
        _functions.activation(MIXING[name], H)


@pytest.mark.parametrize("name", ["sort", "cumsum", "sum"])
def test_activation_refuses_functions_of_jax_that_are_not_elementwise(name, refuses):
    """Functions that come with JAX are looked at too, whatever was seen before."""
    for _ in range(2):
        refuses("psi must be an element", _functions.activation, getattr(jnp, name), H)


@pytest.mark.parametrize("psi", [jnp.log, jnp.sqrt, jnp.exp, lambda z: 1e300 * z**3])
def test_activation_takes_values_that_are_not_finite(psi):
    """NaN alone and NaN among other numbers are the same."""
    with jax.debug_nans(True):
        assert _functions.activation(psi, H) == _functions.activation(psi, H)


def test_activations_are_equal_where_they_do_the_same():
    """Not the object counts but what it computes, with every constant."""
    assert equal(jnp.tanh, jnp.tanh)
    assert equal(lambda z: 2.0 * jnp.tanh(z), lambda z: 2.0 * jnp.tanh(z))
    assert equal(Scaled(0.3), Scaled(0.3))
    assert not equal(Scaled(0.1), Scaled(0.1 * (1 + 2e-16)))
    assert not equal(lambda z: CONSTANTS[0] * z, lambda z: CONSTANTS[1] * z)


def test_activations_with_arrays_as_constants_differ_by_their_entries():
    """Also where the array is the constant of a program within the program."""

    def polynomial(coefficients, wrap=lambda f: f):
        return wrap(lambda z: jnp.polyval(coefficients, z))

    assert equal(polynomial(CONSTANTS), polynomial(CONSTANTS.copy()))
    assert not equal(polynomial(CONSTANTS), polynomial(CONSTANTS[::-1].copy()))
    assert equal(polynomial(CONSTANTS, jax.jit), polynomial(CONSTANTS.copy(), jax.jit))
    reverse = polynomial(CONSTANTS[::-1].copy(), jax.jit)
    assert not equal(polynomial(CONSTANTS, jax.jit), reverse)


@pytest.mark.parametrize("wrap", [jax.tree_util.Partial, jnp.vectorize])
def test_activation_in_a_class_of_jax_is_the_readers_own(wrap):
    """What JAX wraps does what the function inside does, and changes with it."""
    scaled = Scaled(1.0)
    psi = wrap(lambda z: scaled(z))
    before = _functions.activation(psi, H)
    assert before == _functions.activation(psi, H)
    scaled.scale = 2.0
    assert before != _functions.activation(psi, H)


def test_activations_differ_by_constants_inside_a_checkpoint():
    """A checkpointed part is looked into, and programs within it too."""

    def polynomial(coefficients):
        inner = jax.jit(lambda z: jnp.polyval(coefficients, z))
        return jax.checkpoint(lambda z: inner(z))

    assert equal(polynomial(CONSTANTS), polynomial(CONSTANTS.copy()))
    assert not equal(polynomial(CONSTANTS), polynomial(CONSTANTS[::-1].copy()))


def test_activation_differs_once_what_it_reads_has_changed():
    """The same function is another one after a change of a variable or attribute."""
    scaled = Scaled(1.0)
    before = _functions.activation(scaled, H)
    scaled.scale = 2.0
    assert before != _functions.activation(scaled, H)
    scaled.scale = 1.0
    assert before == _functions.activation(scaled, H)


def test_activation_differs_by_its_derivative_alone():
    """A derivative of the reader's own belongs to what the function does."""

    def made(slope):
        @jax.custom_jvp
        def psi(z):
            return jnp.tanh(z)

        psi.defjvp(lambda z, dz: (psi(*z), slope * dz[0]))
        return psi

    assert equal(made(1.0), made(1.0))
    assert not equal(made(1.0), made(2.0))


def test_activation_without_a_forward_derivative_is_compared_too():
    """What has a rule for reverse mode alone, or calls Python, equals itself."""

    def called(z):
        out = jax.ShapeDtypeStruct(z.shape, z.dtype)
        return jax.pure_callback(np.tanh, out, z, vmap_method="expand_dims")

    assert equal(called, called)
    assert not equal(called, lambda z: called(z))


def test_activation_of_a_tracer_equals_nothing_else():
    """A function that closes over a tracer has no values to be compared."""

    def compare(a):
        def psi(z):
            return a * z

        one = _functions.activation(psi, H)
        assert not one.has_values
        assert one != _functions.activation(psi, H)
        return _programs.run(doubled, (one,), (H,))

    np.testing.assert_array_equal(jax.jit(compare)(3.0), 6 * H)


def doubled(psi, h, *, times=2):
    """A formula for the tests."""
    return times * psi(h)


def counted(psi, h):
    """A formula that counts how often it is traced."""
    counted.times += 1
    return psi(h)


def test_run_compiles_once_for_functions_that_do_the_same():
    """Neither an equal lambda nor other numbers compile anew; other shapes do."""
    counted.times = 0
    for a in (1.0, 2.0, 3.0):
        psi = _functions.activation(lambda z: 0.7 * jnp.tanh(z), H)
        np.testing.assert_allclose(
            _programs.run(counted, (psi,), (a * H,)), 0.7 * np.tanh(a * H), rtol=1e-6
        )
    assert counted.times == 1
    _programs.run(counted, (psi,), (H[:2],))
    assert counted.times == 2


def test_run_sees_that_a_function_has_changed():
    """No answer is that of the function as it was, also not in another shape."""
    found = []
    for scale in (1.0, 2.0, 1.0):
        SETTINGS.scale = scale
        psi = _functions.activation(lambda z: SETTINGS.scale * z, H)
        found.append(float(_programs.run(doubled, (psi,), (H,))[0, 0]))
    # a program of the first function, which now reads 2, must not serve other shapes
    old = _functions.activation(lambda z: 1.0 * z, H)
    SETTINGS.scale = 2.0
    found.append(float(_programs.run(doubled, (old,), (H[:2],))[0, 0]))
    assert found == [2.0, 4.0, 2.0, 2.0]


def test_run_takes_options_and_arguments_that_are_none():
    """Options are part of the program, and None is no array."""
    psi = _functions.activation(jnp.tanh, H)
    for times in (2, 3):
        run = _programs.run(doubled, (psi,), (H,), times=times)
        np.testing.assert_allclose(run, times * np.tanh(H), rtol=1e-6)
    run = _programs.run(lambda psi, h, none: psi(h), (psi,), (H, None))
    np.testing.assert_allclose(run, np.tanh(H), rtol=1e-6)


def test_run_keeps_a_bounded_number_of_programs():
    """Ever new functions do not fill the memory."""
    for k in range(_programs.PROGRAMS + 3):
        psi = _functions.activation(lambda z, k=k: z + 1000.0 + k, H)
        _programs.run(doubled, (psi,), (H,))
    assert _programs._program.cache_info().currsize == _programs.PROGRAMS


def test_run_traces_batches_and_differentiates():
    """A program is part of the caller's: jit, vmap and grad go through it."""
    psi = _functions.activation(jnp.tanh, H)

    def total(h):
        return jnp.sum(_programs.run(doubled, (psi,), (h,)))

    slope = 2 * (1 - np.tanh(H) ** 2)
    np.testing.assert_allclose(jax.grad(total)(H), slope, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.grad(total))(H), slope, rtol=1e-5)
    rows = jax.vmap(total)(H)
    np.testing.assert_allclose(rows, 2 * np.tanh(H).sum(axis=1), rtol=1e-5)


@pytest.mark.array_function
def test_network_sees_a_changed_activation():
    """A variable that psi reads may change between two calls."""
    params = _example()
    found = []
    for scale in (1.0, 2.0):
        SETTINGS.scale = scale
        found.append(network(params, H, lambda z: SETTINGS.scale * jnp.tanh(z)))
    np.testing.assert_allclose(found[1], 2 * found[0], rtol=1e-6)


def _example():
    """Parameters of a small network."""
    return jnp.linspace(-1, 1, 20).reshape(5, 4), jnp.linspace(1, 2, 5)


def rows_columns_and_sum(X, Y):
    """A value as long as X, one as long as neither, and a number."""
    return {"rows": X @ Y, "columns": (X @ Y).T, "sum": jnp.sum(X) + jnp.sum(Y)}


def test_run_keeps_rows_on_explicit_meshes(close):
    """On a mesh with explicit axes a value as long as an array is spread as that is."""
    mesh = jax.make_mesh(
        (2,),
        ("d",),
        axis_types=(jax.sharding.AxisType.Explicit,),
        devices=jax.devices("cpu")[:2],
    )
    by_rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("d"))
    X, Y = jnp.arange(12.0).reshape(4, 3), jnp.ones((3, 5))
    spread = jax.device_put(X, by_rows)

    def run(X, Y):
        return _programs.run(rows_columns_and_sum, (), (X, Y))

    for got in (run(spread, Y), jax.jit(run)(spread, Y)):
        close(got, rows_columns_and_sum(X, Y), 1e-15)
        assert got["rows"].sharding.is_equivalent_to(by_rows, 2)
        assert got["columns"].sharding.is_fully_replicated
        assert got["sum"].sharding.is_fully_replicated


def test_run_knows_on_how_many_devices_arrays_are():
    """Of arrays of JAX that are there, the most; a tracer is somewhere."""
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("d",))
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    X = np.ones(4)
    assert _programs._devices([X]) == 1
    assert _programs._devices([X, jnp.asarray(X), jax.device_put(X, whole)]) == 2
    assert jax.jit(lambda a: jnp.asarray(_programs._devices([X, a]) is None))(X)
