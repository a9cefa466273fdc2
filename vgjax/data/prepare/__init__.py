"""`python -m vgjax.data prepare FOLDER OUT`: videos, decoded once and kept small, in ArrayRecord shards.

`inputs` lists what there is to do, `recipe` says how, `clips` cuts and encodes one video, `record` is the
layout of one record, `shards` writes them so that a killed run goes on, and `command` is the command itself.
`pool` and `progress` serve the doctor too. `vgjax.data.array_records` trains from the result.
"""
