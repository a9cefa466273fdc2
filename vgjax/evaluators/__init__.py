"""Evaluators: each file has `make(*, split, ...)`, which gives `(run, state) -> Iterator[(name, value)]`.

A value is a number, a list of numbers (a curve over time), a uint8 picture `[height, width, 3]` or a uint8
video `[time, height, width, 3]`. A text says why the figure of that name is missing, and what to do. A dict
is no figure: it becomes part of the protocol card, as a module's `CONVENTIONS` do, which say in words what
its figures are; the dict `notes` is {figure: texts that its reader must be told}. Evaluators touch no files,
but for the partial results that let an evaluation go on.
"""
