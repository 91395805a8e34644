"""Matrices made block by block, so that what is needed on the way stays small."""

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# A block of 256 rows and columns in float64 takes 0.5 MB: several of them stay in the
# cache of a processor, and one is enough to keep it busy.
SIZE = 256
# Where more than SIZE rows lie on several devices they are cut into at least so many
# blocks; of 4, a symmetric matrix needs 10 of 16.
SHARES = 4


# Over how many devices the arrays are spread, where that is known.
_spread_over: ContextVar[int | None] = ContextVar("_spread_over", default=None)


@contextmanager
def spread_over(devices: int | None) -> Generator[None]:
    """Make blocks for arrays on so many devices; None leaves what is known."""
    before = _spread_over.set(devices or _spread_over.get())
    try:
        yield
    finally:
        _spread_over.reset(before)


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

    On one device, up to `size` rows and columns are one block. Of more, the memory that
    is needed is that of the result and of what one block needs. Derivatives in reverse
    mode compute each block anew, and need the cotangent of the result besides.

    On several devices each block has an equal share of the rows of each device. So all
    of them have work in each block, which is then larger by their number, and each row
    of the result comes up where that row is. Inside jit nobody knows where an array is;
    there all devices count.

    Args:
        block: function of some of the rows and some of the columns that returns an
            array of shape (their number, their number), or a pytree of such arrays,
            whose entries depend on one row and one column each.
        rows: array, or pytree of arrays, with the rows along the first axis.
        columns: the same for the columns; None stands for those of the rows.
        size: the largest number of rows (of each device) and of columns in one block.
    """
    parts = _parts(_count(rows))
    here = _cut(rows, size, parts)
    if columns is None:
        lower = _lower(block, rows, here)
        return jax.tree.map(lambda K: _mirrored(K, parts), lower)

    there = _cut(columns, size)
    if len(here.starts) == len(there.starts) == 1:
        return block(rows, columns)
    some, others = _by_part(rows, here), _in_turn(columns, there)

    def between(i, j):
        """The block of the rows from i on and the columns from j on."""
        return block(_rows(some, i, here), _columns(others, j, there))

    places = [(i, j) for i in here.starts for j in there.starts]
    return _filled(between, places, _empty(between, here, there), here, there)


def lower_blocks(
    block: Callable[[Any, Any], Any], rows: Any, *, size: int = SIZE
) -> Any:
    """`by_blocks(block, rows)` before the lower triangle is mirrored.

    What stands above the diagonal means nothing. Matrices of which many are added up
    need to be mirrored only once. Several devices compute the whole matrix, each its
    rows.
    """
    if _devices() > 1:
        return block(rows, None)
    return _lower(block, rows, _cut(rows, size))


def sum_of_parts(term: Callable[[Any], Any], rows: Any, *, size: int) -> Any:
    """`term(rows)` where it is a sum over the rows, computed for a few at a time.

    Derivatives in reverse mode compute each term anew.
    """
    number = _count(rows)
    parts = (number - 1) // size  # after the first, which takes what is left over
    first = number - parts * size
    total = term(jax.tree.map(lambda leaf: leaf[:first], rows))
    if parts == 0:
        return total
    again = jax.checkpoint(term, prevent_cse=False)

    def in_parts(leaf):
        return leaf[first:].reshape(parts, size, *leaf.shape[1:])

    def add(total, some):
        return jax.tree.map(jnp.add, total, again(some)), None

    return jax.lax.scan(add, total, jax.tree.map(in_parts, rows))[0]


def _lower(block, rows, cut):
    """`block(rows, None)`, of which the entries in blocks above the diagonal are 0."""
    if len(cut.starts) == 1:
        return block(rows, None)
    some, others = _by_part(rows, cut), _in_turn(rows, cut)

    def below(i, j):
        """The block of the rows from i on and the columns from j on."""
        return block(_rows(some, i, cut), _columns(others, j, cut))

    def diagonal(i, _):
        """The block of the rows from i on with themselves."""
        return block(_rows(some, i, cut), None)

    places = [(i, j) for i in cut.starts for j in cut.starts if j < i]
    result = _filled(below, places, _empty(below, cut, cut), cut, cut)
    # The diagonal comes last, because the last two blocks of rows may overlap.
    return _filled(diagonal, [(i, i) for i in cut.starts], result, cut, cut)


class Cut(NamedTuple):
    """How rows are cut into blocks.

    Attributes:
        parts: in how many equal parts, one after the other, devices may hold the rows.
        share: the number of rows in each part.
        length: how many rows of each part are in a block.
        starts: where in each part the blocks start. The last one ends with the last
            row, and may overlap with the one before.
    """

    parts: int
    share: int
    length: int
    starts: list[int]


def _cut(rows, size, parts=1) -> Cut:
    """Blocks with at most so many rows of each part."""
    share = _count(rows) // parts
    # From a single block of many rows XLA would gather what devices compute of them.
    least = SHARES if parts > 1 and share * parts > SIZE else 1
    blocks = max(-(-share // size), min(least, share))
    length = -(-share // blocks)
    starts = [min(k * length, share - length) for k in range(blocks)]
    return Cut(parts, share, length, starts)


def _parts(number) -> int:
    """In how many equal parts devices may hold so many rows; none is a single row."""
    parts = math.gcd(number, _devices())
    return parts if parts < number else 1


def _devices() -> int:
    """How many devices may have a share in the work: unless it is known, all."""
    inside_shard_map = jax.sharding.get_abstract_mesh().manual_axes
    return 1 if inside_shard_map else _spread_over.get() or jax.device_count()


def _count(rows) -> int:
    """How many rows there are."""
    return len(jax.tree.leaves(rows)[0])


def _by_part(rows, cut):
    """The rows with an axis for their parts."""
    return jax.tree.map(lambda a: a.reshape(cut.parts, cut.share, *a.shape[1:]), rows)


def _in_turn(rows, cut):
    """The rows in another order: the first one of each part, the second one, ...

    With this copy XLA gathers the rows once, and not what blocks compute of them.
    """

    def in_turn(a):
        return a.swapaxes(0, 1).reshape(-1, *a.shape[2:])

    return jax.tree.map(in_turn, _by_part(rows, cut))


def _rows(by_part, start, cut):
    """The rows of the block from the start on, each on its device."""

    def some(a):
        a = jax.lax.dynamic_slice_in_dim(a, start, cut.length, axis=1)
        return a.reshape(-1, *a.shape[2:])

    return jax.tree.map(some, by_part)


def _columns(in_turn, start, cut):
    """The same rows, all of them on each device."""

    def some(a):
        number = cut.parts * cut.length
        a = jax.lax.dynamic_slice_in_dim(a, cut.parts * start, number)
        a = a.reshape(cut.length, cut.parts, *a.shape[1:])
        return a.swapaxes(0, 1).reshape(-1, *a.shape[2:])

    return jax.tree.map(some, in_turn)


def _empty(block, here, there):
    """Matrices of zeros, of the kinds that the block returns."""
    shape = (here.parts * here.share, there.parts * there.share)

    def empty(leaf):
        zeros = jnp.zeros(shape, leaf.dtype)
        kind = leaf.manual_axis_type  # inside shard_map: what differs between devices
        varying = tuple(kind.varying) if kind else ()
        return jax.lax.pcast(zeros, varying, to="varying") if varying else zeros

    return jax.tree.map(empty, jax.eval_shape(block, 0, 0))


def _filled(block, places, result, here, there):
    """The result with `block(i, j)` put at each of the places (i, j).

    The program of the loop holds one block, and puts it into the result in place.
    Derivatives in reverse mode keep the places alone, and compute each block anew.
    """
    block = jax.checkpoint(block, prevent_cse=False)

    def put(result, place):
        i, j = place

        def put_one(K, B):
            return _put(K, B, i, j, here, there)

        return jax.tree.map(put_one, result, block(i, j)), None

    result = jax.tree.map(lambda K: _with_parts(K, here, there), result)
    result, _ = jax.lax.scan(put, result, np.array(places, np.int32))
    return jax.tree.map(_without_parts, result)


def _with_parts(K, here, there):
    """The matrix with an axis for the parts of the rows, and one for the columns'."""
    return K.reshape(here.parts, here.share, there.parts, there.share)


def _without_parts(K):
    """The matrix as a matrix again."""
    parts, share, parts2, share2 = K.shape
    return K.reshape(parts * share, parts2 * share2)


def _get(K, i, j, here, there):
    """The block from row i and column j on."""
    zero = jnp.zeros_like(i)
    sizes = (here.parts, here.length, there.parts, there.length)
    return _without_parts(jax.lax.dynamic_slice(K, (zero, i, zero, j), sizes))


def _put(K, B, i, j, here, there):
    """K with the block B from row i and column j on."""
    zero = jnp.zeros_like(i)
    B = B.reshape(here.parts, here.length, there.parts, there.length)
    return jax.lax.dynamic_update_slice(K, B, (zero, i, zero, j))


def _mirrored(K, parts):
    """The lower triangle of K, and its mirror image above the diagonal.

    Block by block, and at least in two of them, because what goes into a loop is kept
    in memory. From a formula such as tril(K) + tril(K, -1)^T, XLA would compute an
    entry of K a second time for its mirror image, and may round it differently.
    """
    m = len(K)
    if m == 1:
        return K
    cut = _cut(K, min(SIZE, -(-m // parts // 2)), parts)
    # A row of a part is below the row before it of each part.
    row = np.arange(parts * cut.length).reshape(cut.length, parts).T.ravel()
    lower = row[:, None] >= row[None, :]

    def mirror_diagonal(K, i):
        B = _get(K, i, i, cut, cut)
        return _put(K, jnp.where(lower, B, B.T), i, i, cut, cut), None

    def mirror_below(K, place):
        i, j = place
        B = _get(K, i, j, cut, cut)
        return _put(K, B.T, j, i, cut, cut), None

    # The diagonal comes first, because the last two blocks of rows may overlap.
    K = _with_parts(K, cut, cut)
    K, _ = jax.lax.scan(mirror_diagonal, K, np.array(cut.starts, np.int32))
    below = [(i, j) for i in cut.starts for j in cut.starts if j < i]
    K, _ = jax.lax.scan(mirror_below, K, np.array(below, np.int32))
    return _without_parts(K)
