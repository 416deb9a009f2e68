"""The till of the shop: every second it sends the next sales lines to the event hub `sales`.

By default it makes an endless stream of its own (see catalogue.py). With SALES_FILE set it replays that CSV
file once, from its first line to its last, and then returns without output.

The position lives in a blob that is input and output of the same invocation as the events. Settings:

    SALES_FILE          a CSV file of sales lines to replay instead of the generated stream
    SALES_RATE          events per second (default: 12000 for a replay, 500 for the generated stream)
    SALES_INTERVAL_SEC  seconds between two invocations, as the timer's schedule has them (default: 1)
"""

import json
import logging
import os
from typing import List

import azure.functions as func

import catalogue
import replay

GENERATED = "generated"
REPLAY_RATE = 12000
GENERATED_RATE = 500

app = func.FunctionApp()


@app.function_name(name="emit_sales")
@app.timer_trigger(arg_name="timer", schedule="* * * * * *", use_monitor=False)
@app.blob_input(arg_name="position", path="functions/emit_sales/position.json", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="next_position", path="functions/emit_sales/position.json", connection="AzureWebJobsStorage")
@app.event_hub_output(arg_name="events", event_hub_name="sales", connection="SALES_HUB")
def emit_sales(
    timer: func.TimerRequest,
    position: func.InputStream,
    next_position: func.Out[str],
    events: func.Out[List[str]],
) -> None:
    path = os.environ.get("SALES_FILE") or ""
    source = os.path.basename(path) or GENERATED
    start = _position(position, source)
    count = _batch_size(REPLAY_RATE if path else GENERATED_RATE)
    rows = replay.rows(path, start, count) if path else _generated(start, count)
    if not rows:
        return
    events.set([_event(row, source, start + i) for i, row in enumerate(rows)])
    next_position.set(json.dumps({"source": source, "position": start + len(rows)}))
    logging.info("sent %d sales lines of %s from position %d", len(rows), source, start)


def _generated(start, count):
    return [catalogue.order_line(position) for position in range(start, start + count)]


def _event(row, source, position):
    """One event. It depends on nothing but the row and its place, so a line sent again is the same text."""
    return json.dumps({"order": row, "_meta": {"source": source, "position": position}}, separators=(",", ":"))


def _position(blob, source):
    """Where to go on: 0 if nothing is kept yet, or if what is kept belongs to another source."""
    text = blob.read() if blob is not None else b""
    if not text:
        return 0
    kept = json.loads(text)
    return kept["position"] if kept["source"] == source else 0


def _batch_size(default_rate):
    rate = float(os.environ.get("SALES_RATE") or default_rate)
    return max(1, round(rate * float(os.environ.get("SALES_INTERVAL_SEC") or 1)))
