"""The program that runs one submission, in a process of its own.

`grading.pool` starts this folder as a script. Its modules import nothing else of the
repository: what they import, a submission can reach.
"""
