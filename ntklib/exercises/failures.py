"""Says in one sentence why an answer gave no value, and what to look at."""

from ntklib.exercises.cases import described

UNANSWERED = "not answered yet"

# What to look at, by what an error is about.
ADVICE = {
    "none": "something in it is None: does a function that it calls lack a `return`?",
    "traced": "within jax.grad, jax.jit and jax.vmap use jnp for np, and no `if` on "
    "values",
    "immutable": "arrays of JAX cannot be changed in place; start from np.zeros, or "
    "use `.at[...].set(...)`",
    "flat": "a number, or None, stands where an array is needed: does a function that "
    "it calls lack a `return`?",
    "objects": "an array in it holds what is no plain number: is None among its "
    "entries, from a function without a `return`?",
    "scalar": "an array has come where one number is needed; jnp.vectorize or jax.vmap "
    "applies a function to each entry",
    "singular": "a matrix in it has no inverse there; which one, and is it needed?",
    "dtype": "jax.grad needs a float: write 1.0 for 1",
    "index": "an index is too large; the sizes differ from case to case",
    "name": "is it misspelt, or has the cell that defines it not run?",
    "shapes": "print the shapes of what meets there; which of them should agree?",
    "error": "call it yourself with arguments of these shapes to see the line",
}


def sentence(exercise, failure, case=()):
    """The sentence for a Failure that an answer to this exercise had in this case."""
    about, detail = failure.about, failure.detail
    where = f" for {described(exercise.name, case)}" if case else ""
    if about in ADVICE:
        return f"it raised {detail}{where}; {ADVICE[about]}"
    arguments = f"({', '.join(exercise.arguments)})"
    sentences = {
        "unanswered": UNANSWERED,
        "nothing": f"it returned nothing{where}; a function gives its value by "
        "`return`",
        "function": f"expected a function of {arguments}, got {detail}",
        "signature": f"it is called as {exercise.name}{arguments}, but takes {detail}",
        "changed": f"it changes its argument {_argument(exercise, detail)} in place; "
        "work on a copy",
        "late": f"no value after {detail}{where}; does every loop in it end, and every "
        "function in it `return` a value?",
        "library": detail.partition(": ")[2],
        "hole": f"an entry is None{where}; does a function in it lack a `return`?",
    }
    return sentences.get(about, f"expected {_expected(exercise)}, got {detail}{where}")


def _expected(exercise):
    """What an answer to an exercise is, or returns."""
    if exercise.kind == "choice":
        return f"a choice from {', '.join(sorted(exercise.choices))}"
    return "a number" if exercise.kind == "exponent" else "real numbers"


def _argument(exercise, number):
    """The name of an argument by its number, whatever the number is."""
    names = dict(zip(map(str, range(9)), exercise.arguments, strict=False))
    return names.get(number, "")
