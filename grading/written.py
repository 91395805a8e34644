"""What a student wrote: the code of each answer, and the derivation for a person."""

STUB = "YOUR ANSWER HERE"  # nbgrader's, where a derivation belongs


def fill(submission, exercises):
    """Keep the code and the derivation of each exercise that a submission has.

    A derivation is "" if nothing was written, and missing if its cell is.
    """
    for name in exercises.points:
        for cell in submission.cells:
            if cell.id == name:
                submission.answers[name] = cell.source
                break
        cells = derivation(submission.cells, name, exercises)
        if cells:
            text = "\n\n".join(cell.source for cell in cells)
            submission.derivations[name] = text.replace(STUB, "").strip()


def derivation(cells, name, exercises):
    """The cells of a derivation: its own, and those that the student put after it."""
    handed_out = {cell.id for cell in exercises.cells}
    found = []
    for cell in cells:
        if cell.id == f"{name}-derivation":
            found.append(cell)
        elif found and (cell.kind != "markdown" or cell.id in handed_out):
            break
        elif found:
            found.append(cell)
    return found
