"""The sales lines of a CSV file as order rows, read once and kept while the file stays as it is."""

import csv
import os

# These are codes even where they look like numbers.
TEXT_COLUMNS = frozenset(("sls_ord_num", "sls_prd_key"))

_kept = {}  # path -> ((mtime in ns, size), column names, rows as lists of text)


def rows(path, start, count):
    """At most `count` rows from row `start` on; an empty list after the end."""
    stat = os.stat(path)
    stamp = (stat.st_mtime_ns, stat.st_size)
    kept = _kept.get(path)
    if kept is None or kept[0] != stamp:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            columns = next(reader, [])
            kept = (stamp, columns, [row for row in reader if row])
        _kept.clear()
        _kept[path] = kept
    _, columns, lines = kept
    text = [column in TEXT_COLUMNS for column in columns]
    return [
        {column: _value(cell, is_text) for column, cell, is_text in zip(columns, line, text)}
        for line in lines[start : start + count]
    ]


def _value(cell, is_text):
    """A CSV cell as JSON carries it: null if empty, a number if it is a whole one, else the text as it is."""
    if cell == "":
        return None
    if not is_text:
        try:
            number = int(cell)
        except ValueError:
            return cell
        if str(number) == cell:
            return number
    return cell
