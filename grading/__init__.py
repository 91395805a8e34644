"""Grading of returned exercise notebooks: `python -m grading folder`.

What a notebook says about itself is not believed. Its cells run in a process of their
own, which gets inputs drawn from a seed that no notebook sees and sends values back;
this program compares the values with references of its own.

    __main__     the command line submissions  finds the notebooks, reads them, and
    tells which set they belong to pool         starts a process for each submission,
    feeds it, limits it, kills it inside/      the program that this process runs, shut
    off from the rest of the machine points       compares the values with the
    references and gives points report       writes grades.csv and a page of feedback
    for each student
"""
