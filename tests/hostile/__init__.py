"""Hostile files: what damage, other programs and ill will leave where results are expected.

``python -m hostile`` in ``tests`` prints how many there are of each family.
"""

from hostile.contents import DOCUMENTS as DOCUMENTS
from hostile.contents import TABLES as TABLES
from hostile.contents import VALUES as VALUES
from hostile.contents import documents as documents
from hostile.contents import pipe as pipe
from hostile.contents import tables as tables
from hostile.contents import values as values
