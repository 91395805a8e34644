"""Cells run as Jupyter runs them: by IPython, whose screen nobody looks at."""

import ast
import sys

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from missing import NotThere
from traitlets.config import Config

# What a notebook may have had where it was written: a part of the library, a package
# such as pandas, a magic such as %autosave.
NOT_HERE = (NotThere, ModuleNotFoundError, UsageError)


class Shell(InteractiveShell):
    """IPython without a terminal, a history on disk, and printed tracebacks."""

    system = InteractiveShell.system_raw  # `!ls` without a terminal of its own

    def __init__(self):
        """Colours would take time, and nobody sees them."""
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        super().__init__(config=config)
        sys.path.insert(1, "")  # so that a file that the notebook wrote can be imported

    def enable_matplotlib(self, gui=None):
        """Figures are drawn out of sight, whatever backend `%matplotlib` asks for."""
        return gui, "agg"

    def ask_exit(self):
        """The notebook goes on after `exit`."""

    def showtraceback(self, *args, **kwargs):
        """The error is sent to the grader instead."""

    showsyntaxerror = showtraceback

    def run(self, source):
        """Run a cell; the error that it ended with, or None.

        A cell that meets what is not here goes on after this statement, and then after
        every other that fails, which may need its value.
        """
        first = error = self._error(source)
        while isinstance(first, NOT_HERE) and error:
            source = self._after(error, source)
            error = self._error(source)
        return first

    def _error(self, source):
        result = self.run_cell(source, store_history=True)
        return result.error_before_exec or result.error_in_exec

    def _after(self, error, source):
        """What stands in a cell after the statement that raised this error."""
        source = self.transform_cell(source)
        trace = error.__traceback__
        while trace and trace.tb_frame.f_globals is not self.user_ns:
            trace = trace.tb_next
        if trace is None:
            return ""
        raised_at = position(trace)
        for statement in ast.parse(source).body:
            if (statement.lineno, statement.col_offset) > raised_at:
                return from_statement(source, statement)
        return ""


def position(trace):
    """The line and the column at which an error was raised."""
    code = trace.tb_frame.f_code
    line, _, column, _ = list(code.co_positions())[trace.tb_lasti // 2]
    return line, column


def from_statement(source, statement):
    """The source from a statement on, which may begin within a line."""
    decorators = getattr(statement, "decorator_list", [])
    lines = source.splitlines()
    if decorators:  # which begin a line
        return "\n".join(lines[decorators[0].lineno - 1 :])
    first, *rest = lines[statement.lineno - 1 :]
    first = first.encode()[statement.col_offset :].decode()  # columns count bytes
    return "\n".join([first, *rest])
