"""`python -m vgjax.data doctor FOLDER`: what is in a folder of videos, and what is wrong with it.

`examine` looks at one file, `duplicates` finds which are the same, `splits` divides them so that no video
is in two splits, `findings` puts the result into words, `console` and `sheet` show it, and `command` is the
command itself.
"""
