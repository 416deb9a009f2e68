"""Two timer functions, a hub each: orders as they are placed, payments as they come in. Both end."""

import json
import os
from typing import List

import azure.functions as func

import shop

app = func.FunctionApp()


@app.function_name(name="place_orders")
@app.timer_trigger(arg_name="tick", schedule="* * * * * *")
@app.blob_input(arg_name="seen", path="intake/orders.txt", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="done", path="intake/orders.txt", connection="AzureWebJobsStorage")
@app.event_hub_output(arg_name="out", event_hub_name="orders", connection="INTAKE_HUBS")
def place_orders(tick: func.TimerRequest, seen: func.InputStream, done: func.Out[str], out: func.Out[List[str]]) -> None:
    _send(shop.order, shop.ORDERS, seen, done, out)


@app.function_name(name="settle_payments")
@app.timer_trigger(arg_name="tick", schedule="*/1 * * * * *")
@app.blob_input(arg_name="seen", path="intake/payments.txt", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="done", path="intake/payments.txt", connection="AzureWebJobsStorage")
@app.event_hub_output(arg_name="out", event_hub_name="%PAYMENTS_HUB%", connection="INTAKE_HUBS")
def settle_payments(tick: func.TimerRequest, seen: func.InputStream, done: func.Out[str], out: func.Out[List[str]]) -> None:
    _send(shop.payment, shop.PAYMENTS, seen, done, out)


def _send(make, total, seen, done, out):
    start = int(seen.read()) if seen is not None else 0
    end = min(total, start + int(os.environ["BATCH"]))
    if start == end:
        return
    out.set([json.dumps(make(n)) for n in range(start, end)])
    done.set(str(end))
