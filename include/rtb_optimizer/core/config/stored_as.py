"""How the columns of a table of a lake lie in its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Columns of a table that its files have otherwise.

    Attributes:
        stored_as: The names that columns have in all files, by the names that the table gives them.
        by_id: The name and the SQL type of each column by its field id, where files differ in what they call it;
            empty where names are enough.
        shared: The SQL types of columns whose value all rows of a file share: the table's log has it, by file.
    """

    stored_as: Mapping[str, str] = field(default_factory=dict)
    by_id: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
