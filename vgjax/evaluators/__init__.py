"""Evaluators: each file has `make(*, split, ...)`, which gives `(run, state) -> Iterator[(name, value)]`.

A value is a number, a list of numbers (a curve over time), a uint8 picture `[height, width, 3]` or a uint8
video `[time, height, width, 3]`. Evaluators touch no files. A module's `CONVENTIONS` says in words what its
figures are; it becomes part of the protocol card.
"""
