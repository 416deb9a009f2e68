"""The worker of the functions host: loads an Azure Functions app and runs its functions.

The host starts it as a child process and talks to it over file descriptor 3. A frame is

    u32le bytes that follow | u32le length of the JSON | JSON object | data

where `data` holds, back to back, the values that the JSON describes by {"type", "bytes"}: a value is
never JSON within JSON. The vocabulary is that of Azure's own worker protocol:

    host -> worker   {"do": "load", "lines": bool, "dir", "functions": null | [{"name", "dir", "script", "entry", "bindings"}]}
                     {"do": "invoke", "id", "function", "inputs": [{"name", "type", "bytes"}]}
    worker -> host   {"is": "loaded", "functions": [{"name", "file", "line", "col", "bindings", "places"}]}
                     {"is": "log", "id", "level", "logger", "message"}
                     {"is": "result", "id", "us", "lines", "outputs": [{"name", "type", "bytes"}]}
                     {"is": "failed", "id", "us", "error": {"message", "file", "line", "col", "trace"}}

If the load message asks for `lines`, a result has the lines of the longest data file that the app has read so far, 0 if none:
a function that replays a file ends by itself, and what runs it may wait that long (functions.h). "failed" without an id says that the app cannot be loaded. Everything that makes an app an app is done by its
own `azure.functions` package: decorators, bindings as function.json has them, converters between typed data and
Python values. Nothing is printed; standard output and error belong to the app.
"""

import ast
import asyncio
import concurrent.futures
import contextvars
import importlib
import inspect
import json
import logging
import os
import socket
import struct
import sys
import threading
import time
import traceback
import types
import typing

MAX_FRAME = 256 << 20
MAX_LOG = 16 << 10
THREADS = 32

invocation = contextvars.ContextVar("invocation", default=None)


class Channel:
    """Frames over descriptor 3."""

    def __init__(self):
        self.socket = socket.socket(fileno=3)
        self.lock = threading.Lock()

    def _read(self, count):
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self.socket.recv_into(view)
            if got == 0:
                return None
            view = view[got:]
        return data

    def receive(self):
        """The next frame as (object, data); None at the end."""
        head = self._read(8)
        if head is None:
            return None
        size, json_size = struct.unpack("<II", head)
        body = self._read(size - 4)
        if body is None:
            return None
        return json.loads(bytes(body[:json_size])), memoryview(body)[json_size:]

    def send(self, message, *data):
        text = json.dumps(message, separators=(",", ":")).encode("utf-8", "replace")
        size = 4 + len(text) + sum(len(d) for d in data)
        if size > MAX_FRAME:
            raise ValueError("the outputs of one invocation are %d bytes; at most %d fit" % (size, MAX_FRAME))
        with self.lock:
            try:
                self.socket.sendall(b"".join((struct.pack("<II", size, len(text)), text, *data)))
            except OSError:
                os._exit(0)  # the host is gone


class LogHandler(logging.Handler):
    def __init__(self, channel):
        super().__init__()
        self.channel = channel

    def emit(self, record):
        if os.sep + os.path.join("azure", "functions") + os.sep in record.pathname:
            return  # what the package says of itself, not the app
        try:
            message = self.format(record)[:MAX_LOG]
            self.channel.send(
                {"is": "log", "id": invocation.get(), "level": record.levelno, "logger": record.name, "message": message}
            )
        except Exception:
            self.handleError(record)


class Sources:
    """The data files that the app opens to read, and how many lines the longest has."""

    CODE = (".py", ".pyc", ".so", ".pyd", ".pth", ".egg-link")
    SAMPLE = 16 << 20  # of a longer file only so much is read, the rest is estimated

    def __init__(self, root):
        packages = os.sep + "site-packages" + os.sep
        skipped = tuple({os.path.realpath(p) + os.sep for p in (sys.prefix, sys.base_prefix, "/usr", "/etc", "/proc", "/sys", "/dev")})
        self.new, self.seen, self.lines, self.lock = [], set(), 0, threading.Lock()

        def opened(event, args):
            if event != "open" or not isinstance(args[0], (str, bytes)):
                return
            if isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            path = os.path.join(root, os.fsdecode(args[0]))
            if path in self.seen or path.endswith(self.CODE) or packages in path or os.path.realpath(path).startswith(skipped):
                return
            self.seen.add(path)
            self.new.append(path)

        sys.addaudithook(opened)

    def longest(self):
        with self.lock:
            while self.new:
                try:
                    self.lines = max(self.lines, self._count(self.new.pop()))
                except OSError:
                    pass  # gone, or not ours to read
        return self.lines

    def _count(self, path):
        if not os.path.isfile(path):
            return 0
        with open(path, "rb") as file:
            size, read, lines = os.fstat(file.fileno()).st_size, 0, 1
            while read < self.SAMPLE and (chunk := file.read(1 << 20)):
                read += len(chunk)
                lines += chunk.count(b"\n")
        return lines if read >= size else 2 * lines * size // read


class Refusal(Exception):
    """The app cannot run as it is; `place` is (file, line, column) of the app's own text."""

    def __init__(self, message, place=None):
        super().__init__(message)
        self.place = place


# ---------------------------------------------------------------- where things are in the app's text


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


class Places:
    """Finds the decorators of a function in its source file, to say where a binding is written."""

    NAMES = ("arg_name", "trigger_arg_name", "binding_arg_name")

    def __init__(self):
        self.files = {}

    def _functions(self, file):
        if file not in self.files:
            try:
                with open(file, "rb") as source:
                    tree = ast.parse(source.read())
                nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
            except (OSError, SyntaxError, ValueError):
                nodes = []
            self.files[file] = nodes
        return self.files[file]

    def of(self, function):
        """(file, line, column, {binding name: {"": [line, col], member: [line, col]}})."""
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is None:
            return "", 0, 0, {}
        file, first = code.co_filename, code.co_firstlineno
        for node in self._functions(file):
            lines = [node.lineno] + [d.lineno for d in node.decorator_list]
            if node.name == code.co_name and first in lines:
                return file, node.lineno, node.col_offset + 1, self._bindings(node)
        return file, first, 1, {}

    def _bindings(self, node):
        found = {}
        for call in node.decorator_list:
            if not isinstance(call, ast.Call):
                continue
            members = {camel(k.arg): [k.value.lineno, k.value.col_offset + 1] for k in call.keywords if k.arg}
            members[""] = [call.lineno, call.col_offset + 1]
            names = [k.value for k in call.keywords if k.arg in self.NAMES] + call.args[:1]
            for name in names:
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    found.setdefault(name.value, members)
            if isinstance(call.func, ast.Attribute) and call.func.attr == "route":
                found.setdefault("req", members)
                found.setdefault("$return", members)
        return found


def describe(error, root):
    """An exception as {"message", "file", "line", "col", "trace"}; the place is the app's innermost one."""
    said = {"message": "%s: %s" % (type(error).__name__, error) if str(error) else type(error).__name__}
    if isinstance(error, Refusal):
        said["message"] = str(error)
        place = error.place
    elif isinstance(error, SyntaxError) and error.filename:
        said["message"] = "%s: %s" % (type(error).__name__, error.msg)
        place = (error.filename, error.lineno or 0, error.offset or 0)
    else:
        place = None
        for frame in traceback.extract_tb(error.__traceback__):
            # Packages that lie in the app's folder are not the app.
            if frame.filename.startswith(root + os.sep) and "site-packages" not in frame.filename:
                column = getattr(frame, "colno", None)
                place = (frame.filename, frame.lineno or 0, column + 1 if column is not None else 0)
    if place:
        said["file"], said["line"], said["col"] = place
    said["trace"] = "".join(traceback.format_exception(type(error), error, error.__traceback__))[-MAX_LOG:]
    return said


# ---------------------------------------------------------------- functions and their bindings


class Out:
    """What a parameter `func.Out[T]` is given; `func.Out` is made its base once that is imported."""

    def __init__(self):
        self.value = None

    def set(self, value):
        self.value = value

    def get(self):
        return self.value


class Function:
    """A function ready to be invoked: which argument comes from which binding, and how it is converted."""

    def __init__(self, app, name, call, bindings, directory, place):
        self.app, self.name, self.call, self.directory, self.place = app, name, call, directory, place
        self.is_async = inspect.iscoroutinefunction(call)
        self.inputs, self.outputs, self.returns, self.context = {}, {}, None, None
        self._bind(bindings)

    def _refuse(self, message, *values):
        raise Refusal("function '%s': " % self.name + message % values, self.place)

    def _converter(self, binding):
        converter = self.app.meta.get_binding_registry().get(binding["type"])
        if converter is None:
            converter = self.app.meta.get_binding_registry().get("generic")
        return converter

    def _bind(self, bindings):
        parameters = dict(inspect.signature(self.call).parameters)
        try:
            hints = typing.get_type_hints(self.call)
        except Exception:
            hints = {}
        for binding in bindings:
            name = binding.get("name", "")
            out = str(binding.get("direction", "in")).lower() == "out"
            if name == "$return":
                self.returns = (binding, hints.get("return"))
                continue
            if name not in parameters:
                self._refuse("the binding '%s' is no parameter of the Python function", name)
            self._check(name, binding, out, hints.get(name))
            (self.outputs if out else self.inputs)[name] = binding
        for name, parameter in parameters.items():
            if name in self.inputs or name in self.outputs:
                continue
            if name == "context" or hints.get(name) is self.app.func.Context:
                self.context = name
            elif parameter.default is parameter.empty and parameter.kind in (
                parameter.POSITIONAL_OR_KEYWORD,
                parameter.KEYWORD_ONLY,
            ):
                self._refuse("the parameter '%s' has no binding", name)

    def _check(self, name, binding, out, hint):
        """As Azure's worker does: does the annotation go with the direction and the binding's type?"""
        if hint is None:
            return
        is_out = (typing.get_origin(hint) or hint) is self.app.func.Out
        if is_out != out:
            self._refuse(
                "the parameter '%s' is %s, but its binding's direction is '%s'",
                name, "an Out" if is_out else "no Out", "out" if out else "in",
            )
        wanted = (typing.get_args(hint) or (None,))[0] if out else hint
        if wanted is None or isinstance(wanted, typing.TypeVar):
            return
        converter = self._converter(binding)
        check = getattr(converter, "check_%s_type_annotation" % ("output" if out else "input"), None)
        try:
            fits = check is None or check(wanted)
        except TypeError:
            fits = True  # an annotation that is no class: the converter will see the value
        if not fits:
            self._refuse("the parameter '%s' of type %s does not go with the binding '%s'", name, wanted, binding["type"])

    def arguments(self, message, data):
        values, at = {}, 0
        for given in message["inputs"]:
            size = given.get("bytes", 0)
            values[given["name"]] = self._decode(given, data[at : at + size])
            at += size
        for name in self.outputs:
            values[name] = self.app.out()
        if self.context:
            values[self.context] = self.app.context(message["id"], self.name, self.directory)
        return values

    def _decode(self, given, data):
        binding, datum = self.inputs[given["name"]], self.app.meta.Datum
        if given["type"] == "none":
            typed = datum(None, None)
        elif given["type"] == "bytes":
            typed = datum(bytes(data), "bytes")
        elif given["type"] == "http":
            typed = self._request(given["http"], bytes(data))
        else:
            typed = datum(bytes(data).decode("utf-8"), given["type"])
        return self._converter(binding).decode(typed, trigger_metadata={})

    def _request(self, http, body):
        datum = self.app.meta.Datum
        wrap = lambda pairs: {name: datum(value, "string") for name, value in pairs.items()}
        return datum(
            {
                "method": datum(http["method"], "string"),
                "url": datum(http["url"], "string"),
                "headers": wrap(http["headers"]),
                "query": wrap(http["query"]),
                "params": wrap(http["params"]),
                "body": datum(body, "bytes"),
            },
            "http",
        )

    def results(self, values, returned):
        """The typed data that the call left: [(description, bytes)]."""
        given = [(name, binding, values[name].get(), None) for name, binding in self.outputs.items()]
        if self.returns:
            given.append(("$return", self.returns[0], returned, self.returns[1]))
        results = []
        for name, binding, value, hint in given:
            if value is None:
                continue
            results.append(self._encode(name, binding, value, hint))
        return results

    def _encode(self, name, binding, value, hint):
        try:
            typed = self._converter(binding).encode(value, expected_type=hint)
        except NotImplementedError:
            typed = None
        if typed is None or typed.type is None:
            raise TypeError(
                "a value of type %s cannot be sent to the binding '%s' (%s)" % (type(value).__name__, name, binding["type"])
            )
        if typed.type == "http":
            return self._response(name, typed.value)
        data = typed.value if isinstance(typed.value, bytes) else str(typed.value).encode("utf-8")
        return {"name": name, "type": typed.type, "bytes": len(data)}, data

    def _response(self, name, value):
        headers = [[header, datum.value] for header, datum in value["headers"].items()]
        for cookies in value.get("cookies") or ():
            headers += [["Set-Cookie", morsel.OutputString()] for morsel in cookies.values()]
        body = value["body"].value or b""
        http = {"status": int(value["status_code"].value), "headers": headers}
        return {"name": name, "type": "http", "bytes": len(body), "http": http}, body


# ---------------------------------------------------------------- the app


class App:
    def __init__(self, channel, message):
        self.channel, self.root = channel, message["dir"]
        self.functions, self.described = {}, []
        self.sources = Sources(self.root) if message.get("lines") else None
        self._paths()
        try:
            self.func = importlib.import_module("azure.functions")
        except ImportError as error:
            if (error.name or "").split(".")[0] != "azure":
                raise
            raise Refusal(
                "the Python that runs this app (%s) has no package 'azure-functions'; "
                "install the app's requirements.txt there, or name another Python in PAYSTREAK_PYTHON" % sys.executable
            )
        self.meta = importlib.import_module("azure.functions.meta")
        self.out = type("Out", (Out, self.func.Out), {})
        self._context_class()
        if message["functions"] is None:
            self._index()
        else:
            self._load(message["functions"])

    def _paths(self):
        packages = os.path.join(self.root, ".python_packages", "lib", "site-packages")
        sys.path[:] = [p for p in sys.path if p not in ("", self.root)]
        sys.path.insert(0, self.root)
        if os.path.isdir(packages):
            sys.path.insert(1, packages)
        os.chdir(self.root)

    def _context_class(self):
        trace = type(
            "TraceContext", (self.func._abc.TraceContext,), {"trace_state": "", "trace_parent": "", "attributes": {}}
        )()
        retry = type(
            "RetryContext", (self.func._abc.RetryContext,), {"retry_count": 0, "max_retry_count": 0, "exception": None}
        )()
        names = ("invocation_id", "function_name", "function_directory", "trace_context", "retry_context", "thread_local_storage")
        made = type("Context", (self.func.Context,), dict.fromkeys(names))

        def context(id, name, directory):
            self_ = made()
            self_.invocation_id, self_.function_name, self_.function_directory = id, name, directory
            self_.trace_context, self_.retry_context, self_.thread_local_storage = trace, retry, threading.local()
            return self_

        self.context = context

    def _add(self, name, call, bindings, directory, places):
        file, line, col, found = places
        self.functions[name] = Function(self, name, call, bindings, directory, (file, line, col))
        self.described.append(
            {"name": name, "file": file, "line": line, "col": col, "bindings": bindings, "places": found}
        )

    def _index(self):
        """The v2 model: function_app.py, decorators."""
        places = Places()
        module = importlib.import_module("function_app")
        registers = {id(v): v for v in vars(module).values() if isinstance(v, self.func.FunctionRegister)}
        file = module.__file__
        if len(registers) != 1:
            raise Refusal(
                "function_app.py must hold one FunctionApp, it holds %s" % (len(registers) or "none"), (file, 1, 1)
            )
        app = next(iter(registers.values()))
        try:
            functions = app.get_functions()
        except ValueError as error:
            raise Refusal(str(error), self._culprit(app, places) or (file, 1, 1))
        for function in functions:
            call = function.get_user_function()
            where = places.of(call)
            for setting in function._settings:
                if setting.get_setting_name() != "function_name":
                    raise Refusal(
                        "function '%s': the setting '%s' is not supported" % (function.get_function_name(), setting.get_setting_name()),
                        where[:3],
                    )
            bindings = [json.loads(b) for b in function.get_raw_bindings()]
            self._add(function.get_function_name(), call, bindings, self.root, where)

    def _culprit(self, app, places):
        names = {}
        for builder in getattr(app, "_function_builders", ()):
            function = builder._function
            if function.get_trigger() is None or function.get_function_name() in names:
                return places.of(function.get_user_function())[:3]
            names[function.get_function_name()] = True
        return None

    def _load(self, functions):
        """The v1 model: a folder with function.json for each function; the app is the package `__app__`."""
        package = types.ModuleType("__app__")
        package.__path__ = [self.root]
        sys.modules["__app__"] = package
        places = Places()
        for given in functions:
            place = (given["file"], given["line"], given["col"])
            stem, extension = os.path.splitext(given["script"])
            script = os.path.join(given["dir"], given["script"])
            if extension != ".py" or not os.path.isfile(script):
                raise Refusal("function '%s': the script '%s' is no Python file that exists" % (given["name"], script), place)
            parts = ["__app__"] + os.path.relpath(os.path.join(given["dir"], stem), self.root).split(os.sep)
            if parts[-1] == "__init__":
                parts.pop()
            module = importlib.import_module(".".join(parts))
            call = getattr(module, given["entry"], None)
            if not callable(call):
                raise Refusal(
                    "function '%s': %s has no function '%s'" % (given["name"], given["script"], given["entry"]), place
                )
            file, line, col, _ = places.of(call)
            self._add(given["name"], call, given["bindings"], given["dir"], (file, line, col, {}))

    # ------------------------------------------------------------ invocations

    def begin(self, message, data, loop, pool):
        function = self.functions[message["function"]]
        context = contextvars.copy_context()
        context.run(invocation.set, message["id"])
        if function.is_async:
            loop.call_soon_threadsafe(
                lambda: context.run(loop.create_task, self._run_async(function, message, data))
            )
        else:
            pool.submit(context.run, self._run, function, message, data)

    def _run(self, function, message, data):
        started = time.monotonic()
        try:
            values = function.arguments(message, data)
            started = time.monotonic()
            returned = function.call(**values)
            self._answer(message, function, values, returned, started)
        except BaseException as error:
            self._fail(message, error, started)

    async def _run_async(self, function, message, data):
        started = time.monotonic()
        try:
            values = function.arguments(message, data)
            started = time.monotonic()
            returned = await function.call(**values)
            self._answer(message, function, values, returned, started)
        except BaseException as error:
            self._fail(message, error, started)

    def _answer(self, message, function, values, returned, started):
        us = int((time.monotonic() - started) * 1e6)
        results = function.results(values, returned)
        described = [description for description, _ in results]
        head = {"is": "result", "id": message["id"], "us": us, "lines": self.sources.longest() if self.sources else 0, "outputs": described}
        self.channel.send(head, *(d for _, d in results))

    def _fail(self, message, error, started):
        us = int((time.monotonic() - started) * 1e6)
        self.channel.send({"is": "failed", "id": message["id"], "us": us, "error": describe(error, self.root)})


def main():
    channel = Channel()
    frame = channel.receive()
    if frame is None:
        return
    message, _ = frame
    root = logging.getLogger()
    root.addHandler(LogHandler(channel))
    root.setLevel(logging.INFO)
    try:
        app = App(channel, message)
    except BaseException as error:
        channel.send({"is": "failed", "error": describe(error, message["dir"])})
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pool = concurrent.futures.ThreadPoolExecutor(int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or THREADS))

    def read():
        while True:
            frame = channel.receive()
            if frame is None:
                os._exit(0)  # the host is gone, or wants no more
            app.begin(*frame, loop, pool)

    channel.send({"is": "loaded", "functions": app.described})
    threading.Thread(target=read, name="frames", daemon=True).start()
    loop.run_forever()


main()
