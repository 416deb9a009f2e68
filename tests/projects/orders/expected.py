"""What this project's mart must hold, in plain Python from the same shop and the files in drop/."""

import csv
import sys
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "apps" / "intake"))

import shop  # noqa: E402

# Per event table: rows, and of them those that an expectation drops or warns of.
PLACED = {"rows": shop.ORDERS, "domestic": sum(shop.order(n)["buyer"]["country"] is None for n in range(shop.ORDERS))}
PAID = {"rows": shop.PAYMENTS, "not_void": sum(shop.payment(n)["amount"] <= 0 for n in range(shop.PAYMENTS))}


def _table(name):
    with open(HERE / "drop" / name, newline="", encoding="utf-8") as file:
        return {row["code"]: row for row in csv.DictReader(file, delimiter=";")}


def order_status():
    """(order_id, placed_at, depot, article, weight_kg, total, method, status) of each order, by order id."""
    depots, articles = _table("depots.csv"), _table("articles.csv")
    paid = {p["order"]: p for p in map(shop.payment, range(shop.PAYMENTS)) if p["amount"] > 0}
    rows = []
    for order in map(shop.order, range(shop.ORDERS)):
        article = articles.get(order["article"].strip().upper())
        payment = paid.get(order["id"])
        rows.append(
            (
                order["id"],
                datetime.strptime(order["placed_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc),
                depots.get(order["depot"], {"title": "unknown depot"})["title"],
                article and article["title"],
                article and order["pieces"] * float(article["weight_kg"]),
                order["pieces"] * order["price"],
                payment and payment["method"],
                "paid" if payment else "open",
            )
        )
    return rows


def depot_revenue():
    """(depot, orders, open_orders, total, paid) by depot."""
    sums = {}
    for _, _, depot, _, _, total, _, status in order_status():
        row = sums.setdefault(depot, [0, 0, 0.0, 0.0])
        row[0] += 1
        row[1] += status == "open"
        row[2] += total
        row[3] += total if status == "paid" else 0
    return sorted((depot, *row) for depot, row in sums.items())
