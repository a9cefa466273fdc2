"""Ways to learn and to sample. One file a method, each with `make(models, ...) -> Method`."""
