"""Validation of arguments: what passes, what is refused, and in which sentence."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import _check, _functions


class Unreadable:
    """What no array can be made of, with a long name on two lines."""

    def __repr__(self):
        """Two lines."""
        return "first line\nsecond line " + 1000 * "x"


class Unspeakable:
    """What cannot even be shown."""

    def __repr__(self):
        """Fail."""
        raise RuntimeError("no words")


def test_concrete_says_whether_values_can_be_seen():
    """Numbers can be looked at; tracers, and arrays that live partly on other machines,
    cannot.
    """
    assert _check.concrete(np.ones(2))
    assert _check.concrete(jnp.ones(2))
    elsewhere = types.SimpleNamespace(is_fully_addressable=False)
    assert not _check.concrete(elsewhere)
    elsewhere.is_fully_replicated = True
    assert _check.concrete(elsewhere)
    assert jax.jit(lambda a: jnp.asarray(_check.concrete(a)))(1.0).item() is False


def test_finite_leaves_tracers_alone():
    """Inside jit only shapes are checked: a NaN goes through, and comes out."""
    assert jnp.isnan(jax.jit(lambda a: _check.finite("a", a))(jnp.nan))
    assert jnp.isnan(jax.jit(lambda a: _check.array("a", [a, 1.0], "m"))(jnp.nan)[0])


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), jnp.array(0.5)])
def test_finite_accepts_a_number(value, refuses):
    """A scalar passes as it is; where it is infinite no index is named."""
    assert _check.finite("a", value) is value
    with pytest.raises(ValueError, match=r"^a must be finite; got inf$"):
        _check.finite("a", value * np.inf)


BAD_NUMBERS = [np.nan, np.inf, -np.inf]
LARGE = (700, 600)  # more entries than are copied to the host


def by_axis(a, axis):
    """The array on two devices, cut along an axis."""
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("d",))
    spec = jax.sharding.PartitionSpec(*axis * (None,), "d")
    return jax.device_put(a, jax.sharding.NamedSharding(mesh, spec))


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("where", [(0, 0), (349, 599), (350, 0), (699, 599)])
@pytest.mark.parametrize("place", ["host", "one device", "rows", "columns"])
def test_finite_sees_every_entry(where, bad, place, refuses):
    """The first, the last and those between: in NumPy's blocks, and in what each of
    several devices holds.
    """
    a = np.zeros(LARGE, np.float32)
    a[where] = bad
    there = {
        "host": lambda a: a,
        "one device": jnp.asarray,
        "rows": lambda a: by_axis(a, 0),
        "columns": lambda a: by_axis(a, 1),
    }[place]
    message = f"a must be finite; got {bad} at index {where}"
    refuses(message, _check.finite, "a", there(a))
    assert _check.seen_infinite(there(a))
    a[where] = 0
    assert not _check.seen_infinite(there(a))


def test_finite_names_the_first_of_several_entries(refuses):
    """In the order of the indices, whatever the order of the devices is."""
    a = np.zeros(LARGE)
    a[100, 599] = a[200, 1] = a[699, 0] = np.nan
    for value in (a, by_axis(a, 0)):
        refuses(
            "a must be finite; got nan at index (100, 599)", _check.finite, "a", value
        )


def test_finite_sees_a_constant_inside_jit(refuses):
    """An array on several devices that is no tracer has values, also while JAX traces
    and maps and differentiates.
    """
    bad = by_axis(np.full(LARGE, np.nan), 0)

    def f(x):
        _check.finite("a", bad)
        return x

    one = jnp.ones(())
    for transformed, x in [(jax.jit(f), one), (jax.grad(f), one), (jax.vmap(f), [one])]:
        refuses("a must be finite", transformed, jnp.asarray(x))


def test_finite_leaves_large_arrays_where_they_are(monkeypatch):
    """What comes to the host from several devices is one truth value."""
    a = by_axis(np.ones(LARGE), 0)
    seen = []

    def asarray(value, *args):
        seen.append(np.size(value))
        return original(value, *args)

    original = np.asarray
    monkeypatch.setattr(np, "asarray", asarray)
    _check.array("a", a, "m n")
    assert max(seen, default=1) == 1


def test_finite_makes_no_array_of_truth_values():
    """On each of the devices the check needs less than a row."""
    check = _check.all_finite.lower(by_axis(np.ones(LARGE), 0)).compile()
    memory = check.memory_analysis()
    assert memory is not None
    assert memory.temp_size_in_bytes < LARGE[1]


def test_finite_says_where_it_cannot_look(monkeypatch, refuses):
    """If the entry lives in another process, that is what is said."""
    monkeypatch.setattr(_check, "_parts", lambda a: [])
    refuses(
        "a must be finite; got nan or infinity in a part that another process holds",
        _check.finite,
        "a",
        np.nan,
    )


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1, 2], jnp.float64),
        ((1.0, 2.0), jnp.float64),
        (np.array([1, 2], np.uint8), jnp.float64),
        (np.array([True, False]), jnp.float64),
        (np.array([1, 2], np.float16), jnp.float16),
        (jnp.array([1, 2], jnp.bfloat16), jnp.bfloat16),
        (np.array([1, 2], np.float32), jnp.float32),
    ],
)
def test_array_keeps_floats_and_converts_integers(value, dtype):
    """A floating dtype stays, integers become JAX's default float.

    For the host all become NumPy float64.
    """
    got, host = _check.array("a", value, "m"), _check.host("a", value, "m")
    assert isinstance(got, jax.Array)
    assert got.dtype == dtype
    assert type(host) is np.ndarray
    assert host.dtype == np.float64
    assert got.tolist() == host.tolist() == [float(v) for v in value]


def test_array_without_x64():
    """Where JAX's flag is off the default float is float32, and a list becomes that
    without a warning.
    """
    with jax.enable_x64(False):
        assert (
            _check.array("a", [0.5, 1.0], "m").dtype
            == _check.array("a", [1, 2], "m").dtype
            == jnp.float32
        )


@pytest.mark.parametrize("convert", [_check.array, _check.host])
@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "None"),
        ({}, "{}"),
        (b"12", "b'12'"),
        ([], "shape (0,)"),
        (3.0, "shape ()"),
        (np.zeros((2, 2)), "shape (2, 2)"),
        (np.array([None]), "dtype object"),
        (np.array(["2020-01-01"], "M8[D]"), "dtype datetime64[D]"),
        (["a"], "dtype <U1"),
        ([10**400], "dtype object"),
        ([[1], [2, 3]], "a list that is not a rectangular array of numbers"),
        (jax.random.key(0), "dtype key<fry>"),
        (Unreadable(), "first line"),
        (iter([1.0]), "<list_iterator"),
        (Unspeakable(), "a Unspeakable"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_array_refuses_what_is_no_vector(convert, value, got, refuses):
    """Neither route makes numbers out of what is none."""
    empty = " and must not be empty" if got == "shape (0,)" else ""
    refuses(
        f"a must be a real array of shape (m,){empty}; got {got}",
        convert,
        "a",
        value,
        "m",
    )


def test_host_refuses_tracers(refuses):
    """Values that are still to come are no numbers."""
    for trace in (lambda v: v, lambda v: [v[0], 1.0]):
        traced = jax.jit(lambda v, trace=trace: _check.host("K", trace(v), "m"))
        refuses(
            "K must hold numbers, not a JAX tracer; call this function outside jit",
            traced,
            jnp.ones(2),
        )


@pytest.mark.parametrize("convert", [_check.array, _check.host])
def test_times_accepts_repetitions(convert):
    """0 = t = t <= ... is non-decreasing; minus zero is zero."""
    assert _check.times([-0.0, 0.0, 0.0, 2, 2], convert=convert).tolist() == [
        0.0,
        0.0,
        0.0,
        2.0,
        2.0,
    ]


def test_times_names_the_first_step_back(refuses):
    """Of several steps back the first is named, with the times before and after it."""
    refuses(
        "ts must be non-decreasing; got ts[1] = 2.0 before ts[2] = 1.0",
        _check.times,
        [0, 2, 1, 3, 2.5],
    )


def test_times_inside_jit_are_checked_for_their_shape(refuses):
    """A tracer has a shape but no values."""
    assert jax.jit(_check.times)(jnp.array([2.0, 1.0])).tolist() == [2.0, 1.0]
    refuses(
        "ts must be a real array of shape (T,); got shape (1, 2)",
        jax.jit(_check.times),
        jnp.ones((1, 2)),
    )


@pytest.mark.parametrize("convert", [_check.array, _check.host])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_symmetric_up_to_rounding(convert, dtype, scale, refuses):
    """max|M - M^T| <= 1e3 eps max|M| passes, eps that of the dtype that came, and is
    then exactly symmetric.
    """
    M = np.array([[4, 1], [1, 3]], dtype) * dtype(scale)
    limit = 1e3 * np.finfo(dtype).eps * M[0, 0]
    for part, passes in [
        (0.999, True),
        (1.001, False),
        (-0.999, True),
        (-1.001, False),
    ]:
        M[0, 1] = M[1, 0] + dtype(part * limit)
        if passes:
            got = np.asarray(_check.symmetric("M", M, convert=convert))
            np.testing.assert_array_equal(got, got.T)
            assert abs(got[0, 1] - M[1, 0] - part * limit / 2) < 0.02 * limit
        else:
            refuses(
                "M must be symmetric; got max|M - M^T| = ",
                _check.symmetric,
                "M",
                M,
                convert=convert,
            )


def test_symmetric_takes_any_scale(close):
    """The zero matrix is symmetric, and so is one whose entries double beyond the
    largest float.
    """
    close(_check.symmetric("M", np.zeros((2, 2))), np.zeros((2, 2)), 0)
    huge = np.full((2, 2), 1.7e308)
    close(_check.symmetric("M", huge, convert=_check.host) / 1e308, huge / 1e308, 1e-15)


@pytest.mark.parametrize("convert", [_check.array, _check.host])
def test_symmetric_keeps_what_is_symmetric(convert):
    """A matrix that is symmetric to the last bit is not copied."""
    M = convert("M", np.array([[1.0, 2.0], [2.0, 3.0]]), "m m")
    assert _check.symmetric("M", M, convert=convert) is M


@pytest.mark.parametrize("where", [(0, 1), (0, 699), (350, 349), (699, 698)])
@pytest.mark.parametrize("place", ["host", "devices"])
def test_symmetric_sees_every_pair(where, place, refuses):
    """In NumPy's blocks and on several devices: a gap of 3 at one place, where the
    largest entry is 5.
    """
    M = np.full((700, 700), -2.0, np.float32)
    M[-1, -1] = -5
    M[where] = 1
    there = by_axis(M, 0) if place == "devices" else M
    refuses(
        "M must be symmetric; got max|M - M^T| = 3 where max|M| = 5",
        _check.symmetric,
        "M",
        there,
    )


def test_symmetric_leaves_large_arrays_where_they_are():
    """A matrix on several devices is compared with its transpose there, and stays."""
    M = by_axis(np.ones((700, 700)), 0)
    assert _check.symmetric("M", M) is M
    whole_numbers = by_axis(np.ones((700, 700), int), 0)
    assert _check.symmetric("M", whole_numbers).sharding == M.sharding


def test_symmetric_inside_jit():
    """A tracer is checked for its shape, and made symmetric."""
    assert jax.jit(lambda M: _check.symmetric("M", M))(
        jnp.array([[1, 2], [4, 3]])
    ).tolist() == [[1, 3], [3, 3]]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_symmetric_checks_a_constant_inside_jit(dtype, refuses):
    """A matrix that is no tracer has values, and they are looked at even where every
    operation would be traced.
    """
    good, bad = jnp.eye(2, dtype=dtype), jnp.array([[1, 2], [16, 3]], dtype)
    assert jax.jit(lambda a: a + _check.symmetric("M", good))(dtype(1)).tolist() == [
        [2, 1],
        [1, 2],
    ]
    refuses(
        "M must be symmetric; got max|M - M^T| = 14",
        jax.jit(lambda a: a + _check.symmetric("M", bad)),
        dtype(1),
    )


@pytest.mark.parametrize(
    ("dtype", "least"), [(jnp.float32, 1.1920929e-6), (jnp.float64, 2.220446e-15)]
)
def test_tolerance_starts_at_ten_roundings(dtype, least, refuses):
    """From 10 eps to below 1: eps is 2^-23 in float32 and 2^-52 in float64."""
    name = jnp.dtype(dtype).name
    message = f"rtol must lie between {least:.2g} (ten roundings in {name}) and 1; got "
    for good in (
        10 * float(jnp.finfo(dtype).eps),
        1.001 * least,
        np.float32(0.5),
        jnp.array(0.25),
        0.999,
    ):
        assert _check.tolerance("rtol", good, dtype) == float(good)
    for bad in (
        0.999 * least,
        1,
        True,
        None,
        "0.5",
        10**400,
        np.eye(2),
        np.array([0.5]),
        Unreadable(),
    ):
        refuses(message, _check.tolerance, "rtol", bad, dtype)


NO_NUMBER = [
    -1e-300,
    np.inf,
    -np.inf,
    np.nan,
    None,
    "1",
    10**400,
    np.ones(1),
    Unreadable(),
]
NO_NUMBER += [
    b"1",
    np.array("2"),
    np.complex128(1 + 5j),
]


def test_nonnegative_starts_at_zero(refuses):
    """0 <= number < infinity, and the number comes back as a float."""
    for good in (0, -0.0, 1e-300, np.float32(0.5), jnp.array(2), 1e300):
        assert _check.nonnegative("lam", good) == float(good)
    for bad in NO_NUMBER:
        message = f"lam must be a finite number and at least 0; got {_check.shown(bad)}"
        refuses(message, _check.nonnegative, "lam", bad)


@pytest.mark.parametrize("below", [np.inf, 2])
def test_positive_lies_between_its_limits(below, refuses):
    """0 < number < below, neither limit included; the number comes back as a float."""
    for good in (1e-300, np.float32(0.5), jnp.array(1), 1.999):
        assert _check.positive("eta", good, below) == float(good)
    for bad in (0, -0.0, below, *NO_NUMBER):
        message = (
            f"eta must be a number above 0 and below {below}; got {_check.shown(bad)}"
        )
        refuses(message, _check.positive, "eta", bad, below)
    refuses(
        "eta must be a number above 0 and below inf; got inf",
        _check.positive,
        "eta",
        np.inf,
    )
    assert _check.positive("eta", 1e300) == 1e300


def test_shown_cuts_at_forty():
    """Forty characters are shown; of more, the first 37 and three dots."""
    assert _check.shown("x" * 38) == f"'{'x' * 38}'"
    assert _check.shown("x" * 39) == f"'{'x' * 36}..."


def test_count_takes_positive_integers(refuses):
    """1, 2, ... of any integer type come back as int.

    a truth value is no number of things.
    """
    for good in (1, np.uint8(3), jnp.array(2)):
        assert type(_check.count("n", good)) is int
        assert _check.count("n", good) == good
    for bad in (0, -1, True, False, 1.0, "1", None):
        refuses(f"n must be a positive integer; got {bad!r}", _check.count, "n", bad)


def test_count_has_an_upper_limit(refuses):
    """One that was asked for, and 2^53 where none was: floats are exact up to there."""
    assert _check.count("n", 5, most=5) == 5
    assert _check.count("n", 2**53) == 2**53
    for bad in (0, 6, 2.0):
        message = f"n must be an integer from 1 to 5; got {bad!r}"
        refuses(message, _check.count, "n", bad, most=5)
    message = "n must be an integer from 2 to 9007199254740992; got 1000000000"
    refuses(message, _check.count, "n", 10**400, least=2)


@pytest.mark.parametrize(
    "value",
    [Unreadable(), np.eye(9), list(range(1000))],
    ids=["repr", "matrix", "long list"],
)
def test_count_answers_in_one_short_line(value):
    """However large the value is, the message is one line of a readable length."""
    with pytest.raises(
        ValueError, match=r"^n must be a positive integer; got [^\n]{1,80}$"
    ):
        _check.count("n", value)


def test_activation_keeps_the_dtype():
    """psi(z) has the dtype of z, even where psi would widen it."""
    psi = _functions.activation(
        lambda z: 2 * z.astype(jnp.float64), jnp.ones((2, 3), jnp.float32)
    )
    assert psi(jnp.ones(2, jnp.float32)).dtype == jnp.float32
    assert psi(jnp.ones(2, jnp.float32)).tolist() == [2.0, 2.0]


def test_activation_reports_the_first_line_of_an_error(refuses):
    """What psi itself raises is named, in one line, with or without a message."""

    def broken(*message):
        def psi(z):
            raise ArithmeticError(*message)

        return psi

    refuses("psi must be ", _functions.activation, broken("one\ntwo"), jnp.ones((1, 1)))
    with pytest.raises(ValueError, match=r"got ArithmeticError: one$"):
        _functions.activation(broken("one\ntwo"), jnp.ones((1, 1)))
    with pytest.raises(ValueError, match=r"got ArithmeticError: $"):
        _functions.activation(broken(), jnp.ones((1, 1)))
