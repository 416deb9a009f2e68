"""Drives the server of test_pg.c with psycopg and psql. Usage: pg_client.py PORT PASSWORD. Exits 0 if all holds."""
import datetime as dt
import decimal
import os
import shutil
import subprocess
import sys
import threading

import psycopg

port, password = int(sys.argv[1]), sys.argv[2]


def connect(**kw):
    kw = {"password": password, "autocommit": True, **kw}
    return psycopg.connect(host="127.0.0.1", port=port, user="power", dbname="main", connect_timeout=10, **kw)


def check(name, ok, got=None):
    print(("ok   " if ok else "FAIL ") + name + ("" if ok else f": {got!r}"), flush=True)
    if not ok:
        sys.exit(1)


def fails(fn):
    try:
        fn()
    except psycopg.Error as e:
        return e
    return None


if password:
    e = fails(lambda: connect(password="wrong"))
    check("a wrong password is refused", e and "password authentication failed" in str(e), e)
c = connect()
check("server version", c.info.server_version == 160000, c.info.server_version)
row = c.execute("SELECT 1 AS a, 'x' AS b, NULL AS c, 1.50::DECIMAL(10,2) AS d, true AS e").fetchone()
check("values", row == (1, "x", None, decimal.Decimal("1.50"), True), row)
values = (1, 2**40, "it's \\ $1 \"q\"", 1.5, True, decimal.Decimal("-12345.678900"), dt.date(2024, 2, 29),
          dt.datetime(2024, 1, 2, 3, 4, 5, 678000), b"\x00\xff", None)
marks = ", ".join(["%s"] * len(values))
for binary in (False, True):
    cur = c.cursor(binary=binary)
    row = cur.execute(f"SELECT {marks}", values).fetchone()
    want = list(values)
    if isinstance(row[8], memoryview):
        row = row[:8] + (bytes(row[8]),) + row[9:]
    check(f"parameters, binary={binary}", list(row) == want, row)
row = c.execute("SELECT %b, %b, %b, %b, %b", [7, 1.25, decimal.Decimal("0.0001"), dt.date(1999, 1, 1), "ü"]).fetchone()
check("binary parameters", row == (7, 1.25, decimal.Decimal("0.0001"), dt.date(1999, 1, 1), "ü"), row)
cur = c.cursor(binary=True)
row = cur.execute("SELECT 7::SMALLINT, 1.5::REAL, DATE '1999-12-31', TIMESTAMPTZ '2001-02-03 04:05:06.5+00', "
                  "123456789.000100::DECIMAL(20,6), -0.05::DECIMAL(5,2), 0::DECIMAL(5,2), 10000::DECIMAL(9,0)").fetchone()
check("binary results", row == (7, 1.5, dt.date(1999, 12, 31), dt.datetime(2001, 2, 3, 4, 5, 6, 500000, dt.timezone.utc),
                                decimal.Decimal("123456789.000100"), decimal.Decimal("-0.05"), decimal.Decimal("0.00"),
                                decimal.Decimal("10000")), row)
check("columns of no rows", c.execute("SELECT 1 AS a WHERE false").fetchall() == [])
check("double-quoted names", c.execute('SELECT "t"."a b" FROM (SELECT 5 AS "a b") AS "t"').fetchone() == (5,))
rows = c.execute("SELECT i, 'row ' || i FROM range(300000) t(i)").fetchall()
check("300,000 rows", len(rows) == 300000 and rows[-1] == (299999, "row 299999"))
e = fails(lambda: c.execute("SELECT 'ä', nope FROM range(3)"))
check("an error has a state and a message", e is not None and e.sqlstate and "nope" in str(e), e)
e = fails(lambda: c.execute("SELECT fail_at_5"))
check("an error has a position", e.sqlstate == "42703" and e.diag.statement_position == "8", (e.sqlstate, e.diag.statement_position))
check("and the connection goes on", c.execute("SELECT 2").fetchone() == (2,))
e = fails(lambda: c.execute("COPY t TO STDOUT"))
check("COPY is refused by name", e.sqlstate == "0A000" and "copy" in str(e).lower(), e)
e = fails(lambda: c.execute("SELECT 'open"))
check("an open quote", e is not None and "unterminated" in str(e), e)
check("SHOW", c.execute("SHOW search_path").fetchone()[0].startswith("gold"))
c.execute("SET search_path TO silver, \"Odd Name\"")
check("SET", c.execute("SHOW search_path").fetchone()[0] == "silver, Odd Name")
c.execute("DISCARD ALL")
check("DISCARD ALL", c.execute("SHOW search_path").fetchone()[0].startswith("gold"))

t = connect(autocommit=False)
check("transaction", t.execute("SELECT 1").fetchone() == (1,) and t.info.transaction_status.name == "INTRANS")
fails(lambda: t.execute("SELECT nope"))
check("failed transaction", t.info.transaction_status.name == "INERROR")
check("25P02", fails(lambda: t.execute("SELECT 1")).sqlstate == "25P02")
t.rollback()
check("after rollback", t.execute("SELECT 3").fetchone() == (3,))
t.commit()
notices = []
t.add_notice_handler(lambda n: notices.append(n.message_primary))
t.execute("CREATE TABLE IF NOT EXISTS w(a INT)")
cur = t.execute("INSERT INTO w VALUES (1), (2)")
check("rows of an INSERT", cur.rowcount == 2, cur.rowcount)
t.rollback()
check("a rollback of a write says what it did not", notices and "stays" in notices[0], notices)
t.close()

for _ in range(8):  # prepared on the server after five
    check("prepared", c.execute("SELECT %s::INT + 1", (41,), prepare=True).fetchone() == (42,))
with c.pipeline():
    curs = [c.execute("SELECT %s::INT", (i,)) for i in range(50)]
    check("pipeline", [x.fetchone()[0] for x in curs] == list(range(50)))
got = [r[0] for r in c.cursor().stream("SELECT i FROM range(5000) t(i)")]
check("single-row mode", got == list(range(5000)))

timer = threading.Timer(0.5, c.cancel)
timer.start()
e = fails(lambda: c.execute("SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"))
check("cancel", e is not None and e.sqlstate == "57014", e)
check("after cancel", c.execute("SELECT 4").fetchone() == (4,))

many = [connect() for _ in range(20)]
check("20 connections", [m.execute("SELECT 1").fetchone()[0] for m in many] == [1] * 20)
for m in many:
    m.close()
gone = connect()
threading.Thread(target=lambda: fails(lambda: gone.execute("SELECT sum(a.range) FROM range(100000000) a, range(100) b"))).start()
gone_fd = gone.fileno()
c.close()

psql = shutil.which("psql")
if psql:
    env = {**os.environ, "PGPASSWORD": password, "PGCLIENTENCODING": "UTF8"}

    def run(sql, *more):
        return subprocess.run([psql, "-h", "127.0.0.1", "-p", str(port), "-U", "u", "-d", "main", "-X", *more, "-c", sql],
                              env=env, capture_output=True, text=True, timeout=60)
    r = run("SELECT 1 AS a, 'two' AS b; SELECT 3;")
    check("psql", "two" in r.stdout and "(1 row)" in r.stdout and r.returncode == 0, r)
    r = run("SELECT 'ä', nope", "-v", "VERBOSITY=verbose")
    check("psql error", r.returncode == 1 and "ERROR" in r.stderr, r)
    r = run("SELECT i FROM range(2500) t(i)", "-v", "FETCH_COUNT=0", "-At")
    check("psql rows", r.stdout.split() == [str(i) for i in range(2500)], r.stdout[:100])
else:
    print("skip psql: not installed")
os._exit(0)
