"""Layers which the models share; they import nothing else of vgjax."""
