"""Other ways to fuse two streams: a stack on top, a bottleneck, one direction only.

The streams, their inputs and the head are those of ``alignkit_vilbert.architecture.TwoStream``.
Each architecture here is a schedule and a fusion.
"""
