"""What a file may make of itself: counted, or tried apart, before anything is built from it."""

from alignkit.bounds.files import RATIO as RATIO
from alignkit.bounds.files import SMALL as SMALL
from alignkit.bounds.files import check_holes as check_holes
from alignkit.bounds.files import check_ratio as check_ratio
from alignkit.bounds.files import free_memory as free_memory
from alignkit.bounds.files import most_of as most_of
from alignkit.bounds.files import require_regular as require_regular
