"""Grading of returned exercise notebooks: `python -m grading folder`.

What a notebook says about itself is not believed. Its cells run in a process of their
own, which gets inputs drawn from a seed that no notebook sees and sends values back;
this program compares the values with references of its own.

The command line is `__main__`. The modules, in the order in which they are used:

- before a run: `course` reads the settings of a course, `roster` the list of a class;
  `out` looks after the folder of the grades, `container` starts it all in a container;
- what was collected: `layouts` finds the submissions, with `files` in archives and
  `owners` in the platforms' names; `notebooks` reads one, `submissions` holds it;
- one submission after the other: `batch` grades them, `fingerprint` and `records` keep
  what is graded; `pool` starts a process for each in the `sandbox`, with what `library`
  lets it see; `inside` is the program that runs there;
- what it is worth: `points` compares the values with the references, `written` keeps
  what a person reads, `marks` what a person gives for it, `results` adds all up;
- what comes out: `report` writes the `tables` and the `pages` of feedback, `filling`
  fills in the platform's list, `marking_pages` writes the pages for marking, by
  `markdown`; `marking` is the form (`make mark`).

`gradescope` grades one submission by the same modules within Gradescope's container.
"""
