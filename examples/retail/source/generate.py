#!/usr/bin/env python3
"""Writes the batch source of the example: CRM and ERP exports of the shop in functions/catalogue.py.

    python3 generate.py [FOLDER]      (default: the folder of this file)

The files have the columns and the kinds of dirt of real exports: customers doubled, without id or with
padded names; genders and countries spelled in many ways; birthdays in the future; `NAS` before and dashes
inside of keys; products that end before they start, or without cost. Every run writes the same bytes.
"""

import csv
import sys
from datetime import date, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "functions"))

from catalogue import CATEGORIES, CUSTOMERS, FIRST_CUSTOMER, PRODUCTS, UNLISTED_CATEGORY, mix  # noqa: E402

FIRST_NAMES = (
    "Ada Bruno Carla Dario Elin Farid Greta Hana Ivo Jana Kofi Lena Milo Nadia Omar Pia Quentin Rosa Sven Tara "
    "Umar Vera Wanda Xenia Yusuf Zoë Åse Émile Jürgen Søren"
).split()
LAST_NAMES = (
    "Adler Berg Costa Dahl Evans Ferrer Grant Huber Ivers Jensen Kaya Lund Moreau Nagy Okafor Park Quist Rossi "
    "Silva Torres Ueda Varga Weber Xu Young Zeman Núñez Müller"
).split()
# The spellings of a country and how often each occurs among a hundred customers.
COUNTRIES = (
    (("Australia",), 19),
    (("United States", "USA", "US"), 38),
    (("United Kingdom",), 11),
    (("Germany", "DE"), 11),
    (("France",), 10),
    (("Canada",), 9),
    (("", " ", "   "), 2),
)
# The line codes of the products, by the first letters of their category.
LINES = {"CM": "T ", "CL": "M ", "HI": "M ", "WA": "S ", "": ""}
FIRST_EXPORT = date(2026, 1, 5)


def pick(values, *key):
    return values[mix(*key) % len(values)]


def customer_number(customer):
    return "AW%08d" % customer


def customers():
    """cust_info: some rows come twice, the older one with gaps; some have no id at all."""
    for n in range(CUSTOMERS):
        customer = FIRST_CUSTOMER + n
        first, last = pick(FIRST_NAMES, 11, n), pick(LAST_NAMES, 12, n)
        first = " " + first if mix(13, n) % 40 == 0 else first
        last = last + "  " if mix(14, n) % 40 == 0 else last
        created = FIRST_EXPORT + timedelta(days=mix(15, n) % 20)
        row = [customer, customer_number(customer), first, last, pick("MS", 16, n), pick(("M", "F", ""), 17, n), created]
        if mix(18, n) % 60 == 0:
            yield row[:2] + ["", last, "", "", created - timedelta(days=1)]
        if mix(19, n) % 150 == 0:
            row[4] = ""
        yield row
    for code in ("SF566", "PO25", "13451235", "A01Ass"):
        yield ["", code, "", "", "", "", ""]


def products():
    """prd_info: one or two versions of a product; the older one ends before it starts."""
    number = 200
    for n, (category, key, name, price) in enumerate(PRODUCTS):
        full_key = category.replace("_", "-") + "-" + key
        line = LINES["" if mix(21, n) % 25 == 0 else category[:2]]
        start = date(2022, 7, 1)
        cost = price * 6 // 10
        if mix(22, n) % 3 == 0:
            yield [number, full_key, name, "" if mix(23, n) % 9 == 0 else cost - 1, line, start, date(2018, 12, 28)]
            number += 1
            start = date(2023, 7, 1)
        yield [number, full_key, name, "" if mix(24, n) % 60 == 0 else cost, line, start, ""]
        number += 1


def birthdays():
    """CUST_AZ12: half of the keys with NAS before, birthdays far in the future, many spellings of a gender."""
    for n in range(CUSTOMERS):
        prefix = "NAS" if n < CUSTOMERS * 6 // 10 else ""
        born = date(1935, 1, 1) + timedelta(days=mix(31, n) % (70 * 365))
        if mix(32, n) % 100 == 0:
            born = date(2050 + mix(33, n) % 7900, 5, 10)
        gender = pick(("Male", "Female") * 12 + ("M", "F", "F ", " ", "", "  "), 34, n)
        yield [prefix + customer_number(FIRST_CUSTOMER + n), born, gender]


def countries():
    """LOC_A101: a dash inside of the key, many spellings of a country."""
    shares = [spellings for spellings, share in COUNTRIES for _ in range(share)]
    for n in range(CUSTOMERS):
        number = customer_number(FIRST_CUSTOMER + n)
        yield [number[:2] + "-" + number[2:], pick(pick(shares, 41, n), 42, n)]


def categories():
    """PX_CAT_G1V2: one category that is sold is not listed."""
    for category, name, subcategory, maintenance, _ in CATEGORIES:
        if category != UNLISTED_CATEGORY:
            yield [category, name, subcategory, maintenance]


FILES = (
    (
        "source_crm/cust_info.csv",
        "cst_id,cst_key,cst_firstname,cst_lastname,cst_marital_status,cst_gndr,cst_create_date",
        customers,
    ),
    ("source_crm/prd_info.csv", "prd_id,prd_key,prd_nm,prd_cost,prd_line,prd_start_dt,prd_end_dt", products),
    ("source_erp/CUST_AZ12.csv", "CID,BDATE,GEN", birthdays),
    ("source_erp/LOC_A101.csv", "CID,CNTRY", countries),
    ("source_erp/PX_CAT_G1V2.csv", "ID,CAT,SUBCAT,MAINTENANCE", categories),
)


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for path, header, rows in FILES:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(header.split(","))
            writer.writerows(rows())


if __name__ == "__main__":
    main()
