"""The ground that machine, hub and clients share; the only part of the agent that others import.

`events` is the vocabulary, `records` the journal's lines, `state` the fold over events,
`wire` the frames, `errors` the one shape of a failure.
"""
