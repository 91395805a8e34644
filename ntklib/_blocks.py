"""Matrices made block by block, so that what is needed on the way stays small."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# A block of 256 rows and columns in float64 takes 0.5 MB: several of them stay in the
# cache of a processor, and one is enough to keep it busy.
SIZE = 256


def by_blocks(
    block: Callable[[Any, Any], Any],
    rows: Any,
    columns: Any = None,
    *,
    size: int = SIZE,
) -> Any:
    """`block(rows, columns)`, computed for a few rows and columns at a time.

    Without `columns` the result is a symmetric matrix of the rows with themselves.
    Each pair of two blocks of rows is then computed once, and `block(some, None)` is
    asked for the blocks on the diagonal, of which the lower triangle counts: the result
    is symmetric to the last bit.

    Up to `size` rows and columns are one block. Of more, the memory that is needed is
    that of the result and of one block. Derivatives in reverse mode compute each block
    anew, and need the cotangent of the result besides.

    Args:
        block: function of some of the rows and some of the columns that returns an
            array of shape (their number, their number), or a pytree of such arrays,
            whose entries depend on one row and one column each.
        rows: array, or pytree of arrays, with the rows along the first axis.
        columns: the same for the columns; None stands for those of the rows.
        size: the largest number of rows and of columns in one block.
    """
    starts, length = _starts(_count(rows), size)
    if columns is None:
        return _symmetric(block, rows, starts, length)

    starts2, length2 = _starts(_count(columns), size)

    def between(i, j):
        """The block of the rows from i on and the columns from j on."""
        return block(_part(rows, i, length), _part(columns, j, length2))

    if len(starts) == len(starts2) == 1:
        return between(0, 0)
    shape = (_count(rows), _count(columns))
    places = [(i, j) for i in starts for j in starts2]
    return _filled(between, places, _empty(between, shape))


def _symmetric(block, rows, starts, length):
    """`block(rows, None)`, with each pair of two blocks of rows computed once."""

    def below(i, j):
        """The block of the rows from i on and the columns from j on."""
        return block(_part(rows, i, length), _part(rows, j, length))

    def diagonal(i, _):
        """The block of the rows from i on with themselves."""
        return block(_part(rows, i, length), None)

    if len(starts) == 1:
        return jax.tree.map(_mirrored, diagonal(0, 0))
    m = _count(rows)
    places = [(i, j) for i in starts for j in starts if j < i]
    result = _filled(below, places, _empty(below, (m, m)))
    # The diagonal comes last, because the last two blocks of rows may overlap.
    result = _filled(diagonal, [(i, i) for i in starts], result)
    return jax.tree.map(_mirrored, result)


def _starts(number, size):
    """Where the blocks start, and the length that all of them have.

    The last one ends with the last row, and may overlap with the one before.
    """
    blocks = -(-number // size)
    length = -(-number // blocks)
    return [min(k * length, number - length) for k in range(blocks)], length


def _count(rows) -> int:
    """How many rows there are."""
    return len(jax.tree.leaves(rows)[0])


def _part(rows, start, length):
    """So many rows from the start on."""

    def part(leaf):
        if len(leaf) == length:
            return leaf
        return jax.lax.dynamic_slice_in_dim(leaf, start, length)

    return jax.tree.map(part, rows)


def _empty(block, shape):
    """Arrays of zeros of this shape, of the kinds that the block returns."""

    def empty(leaf):
        zeros = jnp.zeros(shape, leaf.dtype)
        kind = leaf.manual_axis_type  # inside shard_map: what differs between devices
        varying = tuple(kind.varying) if kind else ()
        return jax.lax.pcast(zeros, varying, to="varying") if varying else zeros

    return jax.tree.map(empty, jax.eval_shape(block, 0, 0))


def _filled(block, places, result):
    """The result with `block(i, j)` put at each of the places (i, j).

    The program of the loop holds one block, and puts it into the result in place.
    Derivatives in reverse mode keep the places alone, and compute each block anew.
    """
    block = jax.checkpoint(block, prevent_cse=False)

    def put(result, place):
        i, j = place

        def put_one(K, B):
            return jax.lax.dynamic_update_slice(K, B, (i, j))

        return jax.tree.map(put_one, result, block(i, j)), None

    return jax.lax.scan(put, result, np.array(places, np.int32))[0]


def _mirrored(K):
    """The lower triangle of K, and its mirror image above the diagonal.

    Block by block, and at least in two of them, because what goes into a loop is kept
    in memory. From a formula such as tril(K) + tril(K, -1)^T, XLA would compute an
    entry of K a second time for its mirror image, and may round it differently.
    """
    m = len(K)
    if m == 1:
        return K
    starts, length = _starts(m, min(SIZE, -(-m // 2)))
    places = [(i, j) for i in starts for j in starts if j <= i]
    row = np.arange(length, dtype=np.int32)[:, None]
    column = np.arange(length, dtype=np.int32)[None, :]

    def mirror(K, place):
        i, j = place
        below = jax.lax.dynamic_slice(K, (i, j), (length, length))
        above = jax.lax.dynamic_slice(K, (j, i), (length, length))
        # above the diagonal of K only: on and near it, the two blocks overlap
        B = jnp.where(j + row < i + column, below.T, above)
        return jax.lax.dynamic_update_slice(K, B, (j, i)), None

    return jax.lax.scan(mirror, K, np.array(places, np.int32))[0]
