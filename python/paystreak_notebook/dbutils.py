"""dbutils: widgets, task values, notebook.exit and notebook.run. What is not here raises by name."""

import json
import os

from paystreak_notebook import cells


class NotebookExit(BaseException):
    """Raised by dbutils.notebook.exit: ends the notebook, with success."""

    def __init__(self, value):
        super().__init__(value)
        self.value = str(value)


class _Unsupported:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, member):
        raise NotImplementedError(f"dbutils.{self._name}.{member} is not supported")


class Widgets:
    def __init__(self, parameters):
        self._values = dict(parameters)

    def _declare(self, name, default):
        self._values.setdefault(name, default)

    def text(self, name, defaultValue="", label=None):
        self._declare(name, defaultValue)

    def dropdown(self, name, defaultValue, choices, label=None):
        self._declare(name, defaultValue)

    combobox = dropdown
    multiselect = dropdown

    def get(self, name):
        if name not in self._values:
            raise ValueError(f"InputWidgetNotDefined: there is no widget named {name}")
        return self._values[name]

    getArgument = get

    def getAll(self):
        return dict(self._values)

    def remove(self, name):
        self._values.pop(name, None)

    def removeAll(self):
        self._values.clear()


class TaskValues:
    def __init__(self, line, values):
        self._line = line
        self._values = values

    def set(self, key, value):
        self._line.send(set=key, value=value)

    def get(self, taskKey, key, default=None, debugValue=None):
        values = self._values.get(taskKey, {})
        if key not in values:
            if default is None:
                raise ValueError(f"task '{taskKey}' has no value '{key}'")
            return default
        try:
            return json.loads(values[key])
        except ValueError:
            return values[key]


class Jobs:
    def __init__(self, line, values):
        self.taskValues = TaskValues(line, values)


class Notebook:
    def __init__(self, runner):
        self._runner = runner

    def exit(self, value=""):
        raise NotebookExit(value)

    def run(self, path, timeout_seconds=0, arguments=None):
        runner = self._runner
        outer = dict(runner.scope), runner.dbutils.widgets
        runner.dbutils.widgets = Widgets(arguments or {})
        folder = os.path.dirname(runner.where[0])
        try:
            runner.run_file(cells.find(folder, path))
            return ""
        except NotebookExit as end:
            return end.value
        finally:
            runner.scope.clear()
            runner.scope.update(outer[0])
            runner.dbutils.widgets = outer[1]


class DBUtils:
    def __init__(self, runner, settings):
        self.widgets = Widgets(settings.get("parameters", {}))
        self.jobs = Jobs(runner.line, settings.get("values", {}))
        self.notebook = Notebook(runner)
        self.secrets = _Unsupported("secrets")
        self.fs = _Unsupported("fs")
        self.library = _Unsupported("library")
