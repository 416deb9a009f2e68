"""Runs one Databricks notebook or Python file: python -m paystreak_notebook FILE.

The notebook sees what a cluster gives it: `spark` (Spark Connect to the running project), `dbutils`,
`display`, `displayHTML`. Cells run in order in one namespace; %sql cells go through spark.sql, %md cells
are skipped, %run runs another notebook in the same namespace.

File descriptor 3 is the line to the job: one JSON object a line (see src/jobs/notebook.c).
"""

import json
import os
import sys
import traceback

from paystreak_notebook import cells as notebook_cells
from paystreak_notebook.dbutils import DBUtils, NotebookExit


class Line:
    """The job's end of file descriptor 3."""

    def __init__(self):
        self._file = os.fdopen(3, "r+b", buffering=0)

    def settings(self):
        text = b""
        while not text.endswith(b"\n"):
            part = self._file.read(65536)
            if not part:
                break
            text += part
        return json.loads(text or b"{}")

    def send(self, **message):
        data = (json.dumps(message) + "\n").encode()
        while data:
            data = data[self._file.write(data):]


def session():
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise RuntimeError(
            f"the Python that runs notebooks ({sys.executable}) has no Spark client ({error}): `{sys.executable} -m pip install pyspark-client`, "
            "or set PAYSTREAK_PYTHON to an interpreter that has it"
        ) from None
    return SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()


def display(value=None, *_args, **_kwargs):
    """Prints a table as text: what a notebook shows under its cell."""
    if hasattr(value, "toPandas"):
        value = value.limit(1000).toPandas()
    if hasattr(value, "to_string"):
        value = value.to_string(index=False)
    if value is not None:
        print(value)


class Runner:
    def __init__(self, line, settings):
        self.line = line
        self.spark = session()
        self.dbutils = DBUtils(self, settings)
        self.scope = {"__name__": "__main__", "__file__": os.path.abspath(sys.argv[0]), "spark": self.spark, "dbutils": self.dbutils, "display": display,
                      "displayHTML": print}
        self.where = None  # (file, first line) of the cell that runs

    def run_file(self, path):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for cell in notebook_cells.split(path, text):
            self.where = (path, cell.line)
            self.run_cell(path, cell)

    def run_cell(self, path, cell):
        if cell.language == "md" or not cell.text.strip():
            return
        if cell.language == "sql":
            for statement in notebook_cells.statements(cell.text):
                result = self.spark.sql(statement, args=self.dbutils.widgets.getAll() or None)
                if result.columns:
                    display(result)
        elif cell.language == "run":
            name = cell.text.strip().split()[0].strip("\"'")
            self.run_file(notebook_cells.find(os.path.dirname(path), name))
        elif cell.language == "python":
            code = compile("\n" * (cell.line - 1) + cell.text, path, "exec")
            exec(code, self.scope)
        else:
            raise RuntimeError(f"a %{cell.language} cell cannot run here")


def failed_line(error, path):
    """The last line of the notebook's own code in a traceback; a syntax error knows its own."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno or 0
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return lines[-1] if lines else 0


def main():
    path = os.path.abspath(sys.argv[1])
    line = Line()
    settings = line.settings()
    sys.argv = [path] + [str(v) for v in settings.get("arguments", [])]
    sys.path.insert(0, os.path.dirname(path))
    runner = None
    try:
        runner = Runner(line, settings)
        runner.run_file(path)
    except NotebookExit as end:
        line.send(exit=end.value)
    except SystemExit as end:
        if end.code not in (None, 0):
            line.send(error=f"the notebook exited with {end.code}", line=0)
            return 1
    except BaseException as error:  # whatever the user's code raises ends this run
        at = failed_line(error, path) or (runner.where[1] if runner and runner.where else 0)
        traceback.print_exc()
        line.send(error=f"{type(error).__name__}: {error}"[:400], line=at)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
