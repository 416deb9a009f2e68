"""The orders and payments of this project, each a function of its number."""

ORDERS = 900
PAYMENTS = 800
DEPOTS = ("BER", "LIS", "OSL", "XXX")  # nobody lists XXX
ARTICLES = ("A-10", "A-20", "B-30", "C-40", "D-50")


def order(n):
    return {
        "id": "O-%05d" % n,
        "placed_at": "2026-03-%02dT%02d:%02d:00Z" % (1 + n % 28, n % 24, n % 60),
        "depot": DEPOTS[n % 7 % 4],
        "article": ARTICLES[n % 5] if n % 90 != 89 else " %s " % ARTICLES[n % 5].lower(),
        "pieces": 1 + n % 4,
        "price": 2.5 * (1 + n % 11),
        "gift": n % 10 == 0,
        "buyer": {"mail": "Buyer%d@Example.org" % (n % 60), "country": None if n % 9 == 0 else "PT"},
    }


def payment(n):
    """Every payment pays an order in full; one in a hundred is void, some orders are never paid."""
    paid = order(n)
    amount = paid["pieces"] * paid["price"]
    return {"order": paid["id"], "amount": -1.0 if n % 100 == 99 else amount, "method": ("card", "invoice")[n % 2]}
