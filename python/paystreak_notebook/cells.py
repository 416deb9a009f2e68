"""Cells of a notebook: source files (`# COMMAND ----------`) and .ipynb. Text in, cells out."""

import json
import os
from dataclasses import dataclass

HEADER = "Databricks notebook source"
SEPARATOR = "COMMAND ----------"
EXTENSIONS = ("", ".py", ".sql", ".ipynb")


@dataclass
class Cell:
    text: str
    line: int  # of the first line of `text` in the file
    language: str  # python, sql, md, run, …


def split(path, text):
    if path.endswith(".ipynb"):
        return _ipynb(json.loads(text))
    comment = "--" if path.endswith(".sql") else "#"
    language = "sql" if path.endswith(".sql") else "python"
    lines = text.split("\n")
    if not lines or lines[0].strip() != f"{comment} {HEADER}":
        return [Cell(text, 1, language)]
    cells, start = [], 1
    for at in range(1, len(lines) + 1):
        if at == len(lines) or lines[at].strip() == f"{comment} {SEPARATOR}":
            cells.append(_cell(lines[start:at], start + 1, comment, language))
            start = at + 1
    return cells


def _cell(lines, line, comment, language):
    magic = f"{comment} MAGIC"
    while lines and (not lines[0].strip() or lines[0].startswith(f"{comment} DBTITLE")):
        lines, line = lines[1:], line + 1
    if not lines or not lines[0].startswith(magic):
        return Cell("\n".join(lines), line, language)
    body = [text[len(magic):].removeprefix(" ") if text.startswith(magic) else text for text in lines]
    return _magic(body, line, language)


def _magic(body, line, language):
    first = body[0].strip()
    if not first.startswith("%"):
        return Cell("\n".join(body), line, language)
    name, _, rest = first[1:].partition(" ")
    return Cell("\n".join([rest] + body[1:]), line, name)


def _ipynb(document):
    language = document.get("metadata", {}).get("application/vnd.databricks.v1+notebook", {}).get("language", "python")
    cells = []
    for number, cell in enumerate(document.get("cells", []), 1):
        source = cell.get("source", "")
        text = "".join(source) if isinstance(source, list) else source
        if cell.get("cell_type") == "code":
            cells.append(_magic(text.split("\n"), number, language.lower()))
    return cells


def statements(text):
    """SQL statements of a cell: split at semicolons outside of quotes and comments."""
    out, current, at, quote = [], "", 0, None
    while at < len(text):
        c = text[at]
        if quote:
            if c == "\\" and quote != "`":
                current += text[at:at + 2]
                at += 2
                continue
            quote = None if c == quote else quote
        elif c in "'\"`":
            quote = c
        elif text.startswith("--", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        elif text.startswith("/*", at):
            end = text.find("*/", at)
            at = len(text) if end < 0 else end + 2
            continue
        elif c == ";":
            out.append(current)
            current = ""
            at += 1
            continue
        current += c
        at += 1
    return [s.strip() for s in out + [current] if s.strip()]


def find(folder, name):
    base = os.path.normpath(os.path.join(folder, name))
    for extension in EXTENSIONS:
        if os.path.isfile(base + extension):
            return base + extension
    raise FileNotFoundError(f"there is no notebook '{name}' beside this one")
