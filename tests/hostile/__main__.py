"""Print how many hostile inputs there are of each family."""

from collections import Counter

from hostile.inputs import INPUTS

counts = Counter(each.family for each in INPUTS)
for family, count in counts.items():
    print(f"{count:5} {family}")
print(f"{counts.total():5} in all")
