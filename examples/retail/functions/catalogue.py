"""What the shop of this example sells and to whom: one definition, used twice.

The function app draws its generated order lines from it; `source/generate.py` writes the CRM and ERP
files of the same products and customers from it, so the keys of stream and batch join.

Everything here is a pure function of its arguments and of SEED: no clock, no random state. Position N of
the stream is the same order line on every machine and after every restart.
"""

SEED = 20260101
FIRST_CUSTOMER = 11000
CUSTOMERS = 600
FIRST_DAY = (2023, 1, 1)
DAYS = 3 * 365
ORDERS_A_DAY = 25
LINES_AN_ORDER = 3
DIRTY_ONE_IN = 500

# id, category, subcategory, maintenance, model names with their prices. The products of the last one are
# sold though the ERP does not know their category.
CATEGORIES = (
    ("CM_TE", "Camping", "Tents", "Yes", (("Fjord Tent 2P", 289), ("Summit Tent 1P", 419))),
    ("CM_SL", "Camping", "Sleeping Bags", "Yes", (("Dusk Sleeping Bag", 119), ("Frost Sleeping Bag", 249))),
    ("CM_ST", "Camping", "Stoves", "Yes", (("Ember Stove", 64), ("Blaze Stove", 92))),
    ("CM_LI", "Camping", "Lights", "No", (("Glow Lantern", 29), ("Beam Headlamp", 45))),
    ("CL_RO", "Climbing", "Ropes", "Yes", (("Granite Rope 60m", 179), ("Basalt Rope 80m", 229))),
    ("CL_HA", "Climbing", "Harnesses", "Yes", (("Ledge Harness", 69), ("Crux Harness", 99))),
    ("CL_CA", "Climbing", "Carabiners", "No", (("Snap Carabiner", 9), ("Lock Carabiner", 14))),
    ("CL_HE", "Climbing", "Helmets", "No", (("Talus Helmet", 59), ("Scree Helmet", 84))),
    ("HI_BO", "Hiking", "Boots", "No", (("Ridge Boot", 169), ("Moor Boot", 139))),
    ("HI_JA", "Hiking", "Jackets", "No", (("Squall Jacket", 199), ("Drizzle Jacket", 109))),
    ("HI_PA", "Hiking", "Packs", "No", (("Trail Pack 28L", 95), ("Haul Pack 55L", 185))),
    ("HI_PO", "Hiking", "Poles", "Yes", (("Stride Poles", 75), ("Carbon Poles", 129))),
    ("WA_KA", "Water", "Kayaks", "Yes", (("Heron Kayak", 749), ("Otter Kayak", 899))),
    ("WA_PD", "Water", "Paddles", "No", (("Reed Paddle", 89), ("Willow Paddle", 119))),
    ("WA_DR", "Water", "Dry Bags", "No", (("Dew Dry Bag", 19), ("Rain Dry Bag", 27))),
    ("WA_VE", "Water", "Vests", "No", (("Buoy Vest", 79), ("Tide Vest", 99))),
)
COLOURS = (("G", "Green"), ("R", "Red"), ("B", "Black"))
UNLISTED_CATEGORY = "WA_VE"


def mix(*values):
    """A 64-bit hash of the values (splitmix64): the same on every machine, unlike hash()."""
    h = SEED
    for value in values:
        h = (h + value + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        h ^= h >> 31
    return h


def _products():
    products = []
    for category, _, _, _, models in CATEGORIES:
        for number, (name, price) in enumerate(models, start=1):
            for letter, colour in COLOURS:
                key = "%s-%d%02d-%s" % (category[3:], number, mix(len(products)) % 100, letter)
                products.append((category, key, "%s- %s" % (name, colour), price))
    return tuple(products)


# (category id, product key, name, price)
PRODUCTS = _products()


def _day(order):
    """The order date as the sales system writes it: yyyymmdd. Ship and due date follow within weeks."""
    from datetime import date, timedelta

    day = date(*FIRST_DAY) + timedelta(days=(order // ORDERS_A_DAY) % DAYS)
    return [int((day + timedelta(days=after)).strftime("%Y%m%d")) for after in (0, 7, 12)]


def order_line(position):
    """The order line at a position of the endless stream, with the same kinds of dirt as real ones."""
    order, line = divmod(position, LINES_AN_ORDER)
    _, key, _, price = PRODUCTS[(mix(1, order) + line * 7) % len(PRODUCTS)]
    quantity = 1 if mix(2, position) % 20 else 2 + mix(3, position) % 4
    order_day, ship_day, due_day = _day(order)
    row = {
        "sls_ord_num": "SO%d" % (100000 + order),
        "sls_prd_key": key,
        "sls_cust_id": FIRST_CUSTOMER + mix(4, order) % CUSTOMERS,
        "sls_order_dt": order_day,
        "sls_ship_dt": ship_day,
        "sls_due_dt": due_day,
        "sls_sales": quantity * price,
        "sls_quantity": quantity,
        "sls_price": price,
    }
    if mix(5, position) % DIRTY_ONE_IN == 0:
        _soil(row, mix(6, position) % len(DIRT))
    return row


# What goes wrong in real sales lines: column -> the wrong value made from the row.
DIRT = (
    {"sls_order_dt": lambda row: 0},
    {"sls_order_dt": lambda row: row["sls_order_dt"] % 100000},
    {"sls_order_dt": lambda row: row["sls_order_dt"] // 10000 * 10000 + 231},
    {"sls_sales": lambda row: None},
    {"sls_sales": lambda row: 0},
    {"sls_sales": lambda row: -row["sls_sales"]},
    {"sls_sales": lambda row: row["sls_sales"] + 7},
    {"sls_price": lambda row: None},
    {"sls_price": lambda row: -row["sls_price"]},
    {"sls_price": lambda row: None, "sls_sales": lambda row: row["sls_sales"] + 1},
)


def _soil(row, kind):
    row.update({column: wrong(row) for column, wrong in DIRT[kind].items()})
