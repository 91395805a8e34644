"""Material that the tests of the library share."""

import pytest

from ntklib._gaussian import averages


@pytest.fixture
def one_rule(monkeypatch):
    """one_rule(angles, radii): the only rule there is, so that one program is compiled.

    It agrees with itself: where it matters, the test has to know that it is fine enough.
    """

    def use(angles, radii):
        monkeypatch.setattr(averages, "LEVELS", [(angles, radii)] * 3)

    return use
