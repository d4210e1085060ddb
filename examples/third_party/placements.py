"""Placements are plain data. This file can be used as it is:

alignkit --plugin examples/third_party/placements.py train --placement two_late
"""

import alignkit


@alignkit.hookimpl
def register_placements(register: alignkit.RegisterPlacements) -> None:
    register("two_late", [8, 11], summary="two fusions, both late")
    register("crossed", {"text": [9, 11], "vision": [3, 5]}, summary="late text, early vision")
