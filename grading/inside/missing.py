"""What stands for a part of the library that is not there in grading."""

# Names of the missing parts that were used; the parent reports them to the teacher.
touched: set[str] = set()


class NotThere(NotImplementedError):
    """A missing part was used."""


class Missing:
    """A part of ntklib that can be imported and handed on, and refuses to be used."""

    def __init__(self, name):
        """`name` is its full name, such as `ntklib.empirical_ntk`."""
        self._name = name

    def __getattr__(self, name):
        """A part of it, which is missing as well."""
        if name.startswith("__"):  # Python and NumPy ask for these on their own
            raise AttributeError(name)
        return Missing(f"{self._name}.{name}")

    def __call__(self, *args, **kwargs):
        """Note the name, and refuse."""
        touched.add(self._name)
        raise NotThere(
            f"{self._name} is not there while your work is graded; "
            "write this part yourself"
        )

    __getitem__ = __call__
