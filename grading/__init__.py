"""Grading of returned exercise notebooks: `python -m grading folder`.

What a notebook says about itself is not believed. Its cells run in a process of their
own, which gets inputs drawn from a seed that no notebook sees and sends values back;
this program compares the values with references of its own.

- Which notebooks there are: `layouts` finds them in what a platform hands out (with
  `files` and `owners`), `roster` says who is in the course, `notebooks` reads one, and
  `submissions` has what is known about it. `course` reads the settings of a course.
- What they earn: `__main__` is the command line, `batch` grades several at a time and
  keeps each at once (`records`, `fingerprint`, `out`). For each, `pool` starts a process
  in a sandbox (`sandbox`), in which `inside` runs with a part of the library (`library`);
  `points` compares the values. `container` and `gradescope` do the same elsewhere.
- What comes out: `results` adds up, `report` writes tables and pages (`tables`, `pages`),
  and `marks` and `marking` are for the derivations, which a person reads.
"""
