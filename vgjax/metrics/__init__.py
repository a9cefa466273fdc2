"""Metrics: pure functions of videos, each with the convention that it follows in its docstring."""
