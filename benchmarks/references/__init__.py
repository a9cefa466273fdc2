"""What `check_reference.py` compares: a file a reference.

Its `CHECKS` is {model: check}, with `check(path, size) -> {what: largest difference}`; `path` is the folder
of the reference's clone, `size` "small" or "published".
"""
