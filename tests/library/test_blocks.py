"""Matrices made block by block against the same matrices made at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import _blocks
from ntklib._blocks import by_blocks, lower_blocks, spread_over, sum_of_parts

# Sizes of blocks for 26 rows: one block, blocks that fit, that overlap, of one row.
SIZES = [26, 13, 8, 5, 1]
WEIGHTS = np.random.default_rng(2).normal(size=(26, 26))

sizes = pytest.mark.parametrize("size", SIZES)


@pytest.fixture(params=[1, 2], ids="on {} devices".format)
def devices(request):
    """Blocks for arrays on one device and on two."""
    with spread_over(request.param):
        yield request.param


def points(m, seed=0, n0=3):
    """Standard normal rows."""
    return jnp.asarray(np.random.default_rng(seed).normal(size=(m, n0)), float)


def kernels(rows, columns):
    """Two matrices of a pytree of rows, the second of no symmetric rounding."""
    columns = rows if columns is None else columns
    c = rows["x"] @ columns["x"].T
    return {"exp": jnp.exp(c), "product": c * (0.1 * rows["s"] + columns["s"].T)}


def data(X):
    """Rows as a pytree."""
    return {"x": X, "s": 1 + jnp.sum(X**2, axis=1, keepdims=True)}


def exponential(rows, columns):
    """One matrix."""
    return kernels(data(rows), None if columns is None else data(columns))["exp"]


@pytest.mark.array_function
@sizes
def test_by_blocks_equals_the_whole(size, devices, close):
    """Between two sets of rows, each entry is that of the block of all."""
    rows, columns = data(points(26)), data(points(10, 1))
    got = jax.jit(lambda r, c: by_blocks(kernels, r, c, size=size))(rows, columns)
    close(got, kernels(rows, columns), 1e-14)


@pytest.mark.array_function
@sizes
def test_by_blocks_of_one_set_is_its_lower_triangle_mirrored(size, devices, close):
    """Of rows with themselves each pair is computed once: symmetric to the last bit,
    also where the block itself is not symmetric.
    """
    rows = data(points(26))
    got = jax.jit(lambda r: by_blocks(kernels, r, size=size))(rows)
    whole = kernels(rows, None)
    # on two devices, rows 0, 13, 1, 14, ... come one after the other
    place = np.arange(26).reshape(13, 2).T.ravel() if devices == 2 else np.arange(26)
    below = place[:, None] >= place[None, :]
    lower = jax.tree.map(lambda K: jnp.where(below, K, K.T), whole)
    close(got, lower, 1e-14)
    for K in got.values():
        np.testing.assert_array_equal(K, K.T)


@sizes
def test_lower_blocks_are_those_of_the_lower_triangle(size, devices, close):
    """The lower triangle is that of the whole; above it one device computes less."""
    X = points(26)
    got = jax.jit(lambda X: lower_blocks(exponential, X, size=size))(X)
    close(jnp.tril(got), jnp.tril(exponential(X, None)), 1e-14)
    assert (devices == 1 and size < 26) == bool((got == 0).any())


def test_by_blocks_leave_rows_on_their_devices():
    """On two devices each has rows of each block, and its rows of the result; what
    comes to both of them is one block, not what the block computes of all rows.
    """
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("rows",))
    by_rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("rows"))
    X = jax.device_put(points(600), by_rows)
    program = jax.jit(lambda X: by_blocks(exponential, X)).lower(X).compile()
    K = program(X)
    assert K.sharding.is_equivalent_to(by_rows, 2)
    text = program.as_text() or ""
    assert "all-to-all" in text
    assert "[600,600]" not in text


def test_spread_over_holds_inside_alone():
    """None changes nothing, and after an error all is as before."""
    with spread_over(2):
        with spread_over(None):
            assert _blocks._devices() == 2
        with pytest.raises(ZeroDivisionError), spread_over(1):
            raise ZeroDivisionError
        assert _blocks._devices() == 2
    assert _blocks._devices() == jax.device_count()


def test_by_blocks_asks_for_the_diagonal_by_none():
    """The blocks on the diagonal are those, and only those, without columns."""

    def where(rows, columns):
        diagonal = columns is None
        return jnp.full((len(rows), len(rows if diagonal else columns)), diagonal)

    got = by_blocks(where, points(9), size=3)
    np.testing.assert_array_equal(got, np.kron(np.eye(3), np.ones((3, 3))))


@pytest.mark.array_function
@pytest.mark.parametrize("size", [26, 5])
def test_by_blocks_differentiates_and_batches(size, devices, close):
    """Both modes and vmap go through the blocks."""
    X = points(26)

    def blocks(X):
        return by_blocks(exponential, X, size=size)

    def whole(X):
        return exponential(X, None)

    def three(matrix):
        forward = jax.jvp(matrix, (X,), (jnp.sin(X),))[1]
        reverse = jax.grad(lambda X: jnp.sum(matrix(X) * WEIGHTS.astype(X.dtype)))(X)
        return forward, reverse, jax.vmap(matrix)(jnp.stack([X, X / 2]))

    close(jax.jit(lambda: three(blocks))(), jax.jit(lambda: three(whole))(), 1e-13)


def test_by_blocks_needs_the_memory_of_one_block(devices):
    """Beside the result, a tenth of a matrix, or two of them where two devices make
    larger blocks; with derivatives in reverse mode, the result and its cotangent.
    """
    X = points(1200)

    def total(X):
        return jnp.sum(by_blocks(exponential, X) ** 2)

    matrix = X.dtype.itemsize * len(X) ** 2
    for function, most in [
        (lambda X: by_blocks(exponential, X), 0.1 * devices),
        (lambda X: by_blocks(exponential, X, points(900, 1)), 0.1 * devices),
        (jax.grad(total), 2.2),
    ]:
        memory = jax.jit(function).lower(X).compile().memory_analysis()
        assert memory is not None
        assert memory.temp_size_in_bytes < most * matrix


def test_by_blocks_compiles_one_block_however_many_there_are():
    """The program for 100 blocks is about as long as that for 4."""

    def length(size):
        program = jax.make_jaxpr(lambda X: by_blocks(exponential, X, size=size))
        return len(str(program(points(21))).splitlines())

    assert length(2) <= 1.2 * length(10)


def test_by_blocks_runs_inside_shard_map(close):
    """With its default check of what differs between devices, each device makes the
    rows that it has.
    """
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("rows",))
    X, X2 = points(14), points(9, 1)
    P = jax.sharding.PartitionSpec

    @jax.jit
    @jax.shard_map(mesh=mesh, in_specs=(P("rows"), P()), out_specs=P("rows"))
    def spread(rows, columns):
        return by_blocks(exponential, rows, columns, size=3)

    close(spread(X, X2), exponential(X, X2), 1e-14)


@pytest.mark.array_function
@pytest.mark.parametrize("size", [23, 12, 7, 1])
def test_sum_of_parts_equals_the_whole(size, close):
    """A sum over rows is the sum of its parts, whatever is left over for the first; so
    are its derivatives in reverse mode.
    """
    rows = data(points(23))

    def term(rows):
        return rows["x"].T @ jnp.sin(rows["s"] * rows["x"])

    def parts(rows):
        return sum_of_parts(term, rows, size=size)

    def both(function):
        return function(rows), jax.grad(lambda rows: jnp.sum(function(rows)))(rows)

    close(jax.jit(lambda: both(parts))(), jax.jit(lambda: both(term))(), 1e-14)
