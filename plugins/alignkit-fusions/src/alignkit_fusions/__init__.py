"""Other ways to fuse two streams: a stack on top, a bottleneck, attention in one direction.

The streams, their inputs and the head come from ``alignkit_vilbert.TwoStream``. Each
architecture here adds its options, its fusions and, where it needs one, its schedule.
"""
