"""Unmodified clients on a live run of the example: Kafka, PostgreSQL and Spark clients, and a browser."""

import json
import os
import shutil
import subprocess

import psycopg
import pytest

from conftest import DEADLINE_SEC, RETAIL, ROOT, until

RUNTIME_PYTHON = ROOT / "build" / "deps" / "venv" / "bin" / "python"
NODE_MODULES = ROOT / "build" / "deps" / "npm" / "node_modules"
PICTURES = os.environ.get("PAYSTREAK_PICTURES") == "1"  # a run of these tests makes the README's picture anew
PICTURE = ROOT / "docs" / "images" / "dashboard.png"
PICTURE_LINES = 60_000
CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A run with gold in place whose generated stream goes on; its addresses."""
    from conftest import Run

    settings = {"SALES_RATE": 6000 if PICTURES else 200}
    run = Run(RETAIL, tmp_path_factory.mktemp("clients") / "state", "--insecure-local", settings=settings)
    try:
        addresses = run.ready()
        until(lambda: job_is_over(run), "the job's success")
        yield addresses
        assert run.process.poll() is None, f"it ended by itself\n{run.said()}"
        assert run.stop() == 0, run.said()
    finally:
        run.kill()


def job_is_over(run):
    assert run.process.poll() is None, run.said()
    return any(o.get("part") == "job" and o.get("name") == "retail" and o.get("state") == "Succeeded" for o in run.objects())


def postgres(live):
    host, port = live["postgres"].split(":")
    return psycopg.connect(host=host, port=int(port), user="reader", dbname="main", connect_timeout=10, autocommit=True)


def tool(*command, text=None, env=None, seconds=DEADLINE_SEC):
    done = subprocess.run(
        [str(word) for word in command], input=text, capture_output=True, text=True, timeout=seconds, env=os.environ | (env or {})
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_kcat_lists_the_hub(live):
    listed = json.loads(tool("kcat", "-b", live["kafka"], "-L", "-J"))
    topics = {t["topic"]: t for t in listed["topics"]}
    assert len(topics["sales"]["partitions"]) == 4


def test_kcat_consumes_what_the_functions_sent(live):
    out = tool("kcat", "-b", live["kafka"], "-C", "-t", "sales", "-o", "beginning", "-c", "50", "-q")
    events = [json.loads(line) for line in out.splitlines()]
    assert len(events) == 50
    assert all({"order", "_meta"} <= event.keys() for event in events)


def test_kcat_produces_an_event_that_arrives_in_bronze(live):
    tool("kcat", "-b", live["kafka"], "-P", "-t", "sales", "-p", "1", "-X", "acks=all", text='{"hello": "from kcat"}\n')
    find = "SELECT count(*) FROM bronze.sales_events WHERE CAST(body AS STRING) = '{\"hello\": \"from kcat\"}'"
    with postgres(live) as db:
        until(lambda: db.execute(find).fetchone()[0] == 1, "the event in bronze")
        # An event that is no order line is dropped by an expectation; it stops nothing.
        sent = db.execute("SELECT count(*) FROM gold.fact_sales").fetchone()[0]
        until(lambda: db.execute("SELECT count(*) FROM gold.fact_sales").fetchone()[0] > sent, "more of gold")
        assert db.execute("SELECT count(*) FROM gold.fact_sales WHERE order_number IS NULL").fetchone()[0] == 0


def test_kafkajs_produces_and_consumes(live):
    if not (NODE_MODULES / "kafkajs").is_dir():
        pytest.skip("no kafkajs in build/deps/npm")
    script = """
const { Kafka, logLevel } = require('kafkajs');
const kafka = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.ERROR });
(async () => {
  const producer = kafka.producer(), consumer = kafka.consumer({ groupId: 'kafkajs-test' });
  await producer.connect();
  await producer.send({ topic: 'sales', acks: -1, messages: [{ key: 'k', value: '{"hello": "from kafkajs"}' }] });
  await producer.disconnect();
  await consumer.connect();
  await consumer.subscribe({ topics: ['sales'], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => {
    if (message.value.toString() === '{"hello": "from kafkajs"}') { console.log(message.key.toString()); process.exit(0); }
  } });
})().catch((e) => { console.error(e); process.exit(1); });
"""
    assert tool("node", "-", live["kafka"], text=script, env={"NODE_PATH": str(NODE_MODULES)}) == "k\n"


def test_psycopg_reads_gold(live):
    with postgres(live) as db:
        rows = db.execute(
            "SELECT country, sum(sales_amount) AS amount, count(DISTINCT order_number) FROM gold.fact_sales "
            "JOIN gold.dim_customers USING (customer_key) WHERE quantity >= %s GROUP BY country ORDER BY amount DESC",
            (1,),
        ).fetchall()
        assert {"United States", "Germany"} <= {country for country, *_ in rows}
        assert all(amount > 0 and orders > 0 for _, amount, orders in rows)
        with pytest.raises(psycopg.errors.Error, match="no_such_table"):
            db.execute("SELECT * FROM gold.no_such_table")


def test_psql_reads_gold(live):
    host, port = live["postgres"].split(":")
    base = ("psql", "-X", "-h", host, "-p", port, "-U", "reader", "-d", "main")
    out = tool(*base, "-At", "-c", "SELECT count(*), min(order_date) FROM fact_sales")
    count, first = out.strip().split("|")
    assert int(count) > 0 and first == "2023-01-01"
    assert "dim_customers" in tool(*base, "-c", "SHOW TABLES IN gold")


def test_spark_client_aggregates_gold(live):
    if not RUNTIME_PYTHON.exists():
        pytest.skip("no build/deps/venv")
    script = f"""
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.remote("{live['spark']}/;use_ssl=false").getOrCreate()
lines = spark.table("gold.fact_sales").join(spark.table("gold.dim_products"), "product_key")
table = lines.groupBy("category").agg(F.sum("sales_amount").alias("amount"), F.count("*").alias("n")).orderBy("category").toPandas()
print(table.to_json(orient="records"))
"""
    rows = json.loads(tool(RUNTIME_PYTHON, "-", text=script).splitlines()[-1])
    assert len([row for row in rows if row["category"]]) >= 2
    assert all(row["amount"] > 0 and row["n"] > 0 for row in rows)


def test_spark_client_gets_the_columns_of_no_rows(live):
    if not RUNTIME_PYTHON.exists():
        pytest.skip("no build/deps/venv")
    script = f"""
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote("{live['spark']}/;use_ssl=false").getOrCreate()
query = "SELECT 1 AS a, 'x' AS b, array(1) AS c, named_struct('d', map('e', true)) AS f, current_date() AS g WHERE 1 = 0"
table = spark.sql(query).toPandas()
print(list(table.columns), len(table), spark.sql(query).collect(), spark.table("gold.fact_sales").where("quantity < 0").count())
"""
    assert tool(RUNTIME_PYTHON, "-", text=script).splitlines()[-1] == "['a', 'b', 'c', 'f', 'g'] 0 [] 0"


def test_the_dashboard_follows_new_events_without_a_reload(live):
    if not CHROMIUM:
        pytest.skip("no chromium")
    from playwright.sync_api import sync_playwright

    value = '[data-widget="total_quantity"] .counter-value'
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1100})
        problems, loads = [], []
        page.on("pageerror", lambda e: problems.append(str(e)))
        page.on("load", lambda _: loads.append(page.url))
        page.goto(live["console"])
        page.click('nav.links >> text="Sales"', timeout=DEADLINE_SEC * 1000)
        for widget in ("sales_over_time", "sales_by_country", "sales_by_category"):
            page.wait_for_selector(f'[data-widget="{widget}"] canvas', timeout=DEADLINE_SEC * 1000)
        page.wait_for_selector('[data-widget="top_customers"] td', timeout=DEADLINE_SEC * 1000)
        first, before = page.inner_text(value), len(loads)
        page.wait_for_function(
            "([value, first]) => document.querySelector(value).textContent !== first",
            arg=[value, first],
            timeout=DEADLINE_SEC * 1000,
        )
        assert any(c.isdigit() for c in first)
        assert len(loads) == before, "the page was loaded again"
        assert not problems
        if PICTURES:
            with postgres(live) as db:
                count = "SELECT count(*) FROM gold.fact_sales"
                until(lambda: db.execute(count).fetchone()[0] > PICTURE_LINES, "lines enough for a picture", 3 * DEADLINE_SEC)
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(1500)  # the charts' movement ends
            page.screenshot(path=str(PICTURE), full_page=True)
        browser.close()


def test_a_signal_right_after_the_addresses_stops_it_cleanly(start, tmp_path):
    run = start(RETAIL, tmp_path / "state")
    run.ready()
    assert run.stop() == 0, run.said()
    assert run.failures() == []


def test_without_insecure_local_keys_are_asked(start, tmp_path):
    run = start(RETAIL, tmp_path / "state")
    addresses = run.ready()
    keys = json.loads((tmp_path / "state" / "keys").read_text())
    host, port = addresses["postgres"].split(":")
    where = {"host": host, "port": int(port), "user": "reader", "dbname": "main", "connect_timeout": 10}
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**where, password="wrong")
    with psycopg.connect(**where, password=keys["password"]) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    sasl = ("-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanisms=PLAIN", "-X", "sasl.username=$ConnectionString")

    def listing(key):
        secret = f"Endpoint=sb://paystreak-retail.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={key}"
        command = ["kcat", "-b", addresses["kafka"], *sasl, "-X", f"sasl.password={secret}", "-L", "-m", "5"]
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SEC)

    assert 'topic "sales"' in listing(keys["sas"]).stdout
    assert listing("d3Jvbmc=").returncode != 0
    assert run.stop() == 0, run.said()
