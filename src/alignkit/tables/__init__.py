"""Tables that people bring: read right whatever wrote them, or refused by file and line."""

from alignkit.tables.ids import IdColumn as IdColumn
from alignkit.tables.ids import as_ids as as_ids
from alignkit.tables.ids import counts_rows as counts_rows
from alignkit.tables.ids import find_id as find_id
from alignkit.tables.ids import shown as shown
from alignkit.tables.numbers import Marks as Marks
from alignkit.tables.read import Table as Table
from alignkit.tables.read import read_rows as read_rows
from alignkit.tables.read import read_table as read_table
