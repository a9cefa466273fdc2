"""A trained run on a video in hand: what `python -m vgjax.predict` and `python -m vgjax.interpolate` share.

`film` reads any input frame by frame, `opened` is a run that needs nothing but its folder, `tiles` has a
network work on frames of any size, `cuts` finds where scenes end, `between` puts frames between frames,
`writing` and `sound` write what comes out, `console` is what the two command lines have in common.

All is a stream: however long a film is, only some frames of it are in memory.
"""
