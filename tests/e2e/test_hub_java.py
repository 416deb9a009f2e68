"""The hub's Kafka side, driven by what comes with Apache Kafka (its Java client's command-line and performance tools) and by
Spark's Kafka source and sink."""

import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from hubd import Hub

KAFKA = ROOT / "build" / "deps" / "kafka"
JARS = ROOT / "build" / "deps" / "jars"
DEADLINE_SEC = 180
TOPICS = "org.apache.kafka.tools.TopicCommand"
PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
OFFSETS = "org.apache.kafka.tools.GetOffsetShell"
DELETE = "org.apache.kafka.tools.DeleteRecordsCommand"
PRODUCER_PERF = "org.apache.kafka.tools.ProducerPerformance"
CONSUMER_PERF = "org.apache.kafka.tools.ConsumerPerformance"
VERIFIABLE_PRODUCER = "org.apache.kafka.tools.VerifiableProducer"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    if not KAFKA.is_dir():
        pytest.skip("no Apache Kafka: scripts/deps test brings it")
    h = Hub(tmp_path_factory.mktemp("hub") / "state")
    yield h
    h.stop()


def tool(name, *words, said=None):
    """What one of Kafka's tools prints; its failure is the test's."""
    done = subprocess.run(
        ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{KAFKA}/*", name, *map(str, words)],
        input=said, capture_output=True, text=True, timeout=DEADLINE_SEC,
    )
    assert done.returncode == 0, f"{name} {words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def table(text):
    """Rows of the groups tool, by its headings."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    head = next(i for i, words in enumerate(lines) if words[0] == "GROUP")
    return [dict(zip(lines[head], words)) for words in lines[head + 1:]]


def test_console_tools(hub):
    at = ("--bootstrap-server", hub.address)
    tool(TOPICS, *at, "--create", "--topic", "console", "--partitions", 3, "--config", "retention.ms=7200000")
    told = tool(TOPICS, *at, "--describe", "--topic", "console")
    assert "PartitionCount: 3" in told and "retention.ms=7200000" in told, told
    keyed = "".join(f"k{i % 10}|value {i}\n" for i in range(1000))
    tool(PRODUCER, *at, "--topic", "console", "--property", "parse.key=true", "--property", "key.separator=|", "--producer-property", "compression.type=zstd",
         said=keyed)
    got = tool(CONSUMER, *at, "--topic", "console", "--group", "readers", "--from-beginning", "--max-messages", 1000, "--timeout-ms", 60000,
               "--property", "print.key=true", "--property", "key.separator=|", "--property", "print.partition=true")
    rows = re.findall(r"^Partition:(\d)\|(k\d)\|value (\d+)$", got, re.M)
    assert sorted(int(n) for _, _, n in rows) == list(range(1000))
    for key in {k for _, k, _ in rows}:
        mine = [(p, int(n)) for p, k, n in rows if k == key]
        assert len({p for p, _ in mine}) == 1 and mine == sorted(mine), f"{key}: one partition, in the order sent"
    lag = table(tool(GROUPS, *at, "--describe", "--group", "readers"))
    assert sum(int(r["CURRENT-OFFSET"]) for r in lag) == 1000 and all(r["LAG"] == "0" for r in lag), lag
    tool(GROUPS, *at, "--reset-offsets", "--group", "readers", "--topic", "console", "--to-earliest", "--execute")
    assert sum(int(r["LAG"]) for r in table(tool(GROUPS, *at, "--describe", "--group", "readers"))) == 1000
    tool(GROUPS, *at, "--delete", "--group", "readers")
    assert "readers" not in tool(GROUPS, *at, "--list")


def test_tools_of_administration(hub, tmp_path):
    at = ("--bootstrap-server", hub.address)
    tool(TOPICS, *at, "--create", "--topic", "admin", "--partitions", 1)
    tool(TOPICS, *at, "--alter", "--topic", "admin", "--partitions", 2)
    tool(CONFIGS, *at, "--alter", "--entity-type", "topics", "--entity-name", "admin", "--add-config", "retention.bytes=1000000")
    assert "retention.bytes=1000000" in tool(CONFIGS, *at, "--describe", "--entity-type", "topics", "--entity-name", "admin")
    acked = tool(VERIFIABLE_PRODUCER, *at, "--topic", "admin", "--max-messages", 200, "--acks", -1)
    acked = [json.loads(line) for line in acked.splitlines() if line.startswith("{")]
    assert sum(a["name"] == "producer_send_success" for a in acked) == 200
    ends = dict(line.rsplit(":", 1) for line in tool(OFFSETS, *at, "--topic", "admin").split())
    assert ends.keys() == {"admin:0", "admin:1"} and sum(map(int, ends.values())) == 200
    few = min(50, int(ends["admin:0"]))
    plan = tmp_path / "delete.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": "admin", "partition": 0, "offset": few}]}))
    tool(DELETE, *at, "--offset-json-file", plan)
    starts = dict(line.rsplit(":", 1) for line in tool(OFFSETS, *at, "--topic", "admin", "--time", "earliest").split())
    assert starts == {"admin:0": str(few), "admin:1": "0"}
    tool(TOPICS, *at, "--delete", "--topic", "admin")
    assert "admin" not in tool(TOPICS, *at, "--list").split()


def test_performance_tools(hub):
    at = ("--bootstrap-server", hub.address)
    for codec in ("none", "lz4"):
        sent = tool(PRODUCER_PERF, "--topic", "perf", "--num-records", 20000, "--record-size", 200, "--throughput", -1, "--producer-props",
                    f"bootstrap.servers={hub.address}", "acks=all", f"compression.type={codec}")
        assert "20000 records sent" in sent, sent
    read = tool(CONSUMER_PERF, *at, "--topic", "perf", "--messages", 40000, "--timeout", 60000).splitlines()
    row = dict(zip((w.strip() for w in read[-2].split(",")), (w.strip() for w in read[-1].split(","))))
    assert int(row["data.consumed.in.nMsg"]) == 40000, row


SPARK = """
import sys
from pyspark.sql import SparkSession
address, folder, jars = sys.argv[1:]
spark = (SparkSession.builder.master("local[2]").config("spark.jars", jars).config("spark.ui.enabled", "false")
         .config("spark.driver.memory", "1g").config("spark.sql.shuffle.partitions", "2").config("spark.sql.session.timeZone", "UTC").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
rows = spark.range(1000).selectExpr("CAST(id % 7 AS STRING) AS key", "CAST(id AS STRING) AS value",
                                    "array(named_struct('key', 'h', 'value', CAST('x' AS BINARY))) AS headers")
rows.write.format("kafka").option("kafka.bootstrap.servers", address).option("topic", "spark").save()
read = lambda: (spark.read.format("kafka").option("kafka.bootstrap.servers", address).option("subscribe", "spark").option("includeHeaders", "true"))
all_ = read().load()
print("batch", all_.count(), all_.selectExpr("sum(CAST(CAST(value AS STRING) AS INT))").first()[0], all_.selectExpr("count(headers[0].value)").first()[0],
      all_.selectExpr("count(DISTINCT partition, offset)").first()[0])
print("part", read().option("startingOffsets", '{"spark":{"0":10,"1":-2,"2":-2,"3":-2}}').option("endingOffsets", '{"spark":{"0":12,"1":0,"2":0,"3":0}}')
      .load().selectExpr("concat_ws(',', collect_list(offset))").first()[0])
def turn():
    stream = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", address).option("subscribePattern", "spar.")
              .option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", 300).load())
    q = (stream.selectExpr("CAST(value AS STRING) AS v", "partition", "offset").writeStream.format("parquet").option("path", folder + "/out")
         .option("checkpointLocation", folder + "/checkpoint").trigger(availableNow=True).start())
    q.awaitTermination()
    out = spark.read.parquet(folder + "/out")
    return out.count(), out.distinct().count()
print("stream", *turn())
rows.limit(10).write.format("kafka").option("kafka.bootstrap.servers", address).option("topic", "spark").save()
print("stream", *turn())
"""


def test_spark_reads_and_writes(hub, tmp_path):
    jars = sorted(p for p in JARS.glob("*.jar") if "delta" not in p.name)
    script = tmp_path / "spark.py"
    script.write_text(SPARK)
    done = subprocess.run([sys.executable, script, hub.address, tmp_path, ",".join(map(str, jars))], capture_output=True, text=True, timeout=DEADLINE_SEC * 2)
    assert done.returncode == 0, done.stderr[-3000:]
    said = [line.split() for line in done.stdout.splitlines() if line.startswith(("batch", "part", "stream"))]
    assert said == [["batch", "1000", str(sum(range(1000))), "1000", "1000"], ["part", "10,11"], ["stream", "1000", "1000"], ["stream", "1010", "1010"]]


def test_what_administers_several_brokers_is_answered_by_the_one(hub, tmp_path):
    at = ("--bootstrap-server", hub.address)
    tool(TOPICS, *at, "--create", "--topic", "alone", "--partitions", 2)
    tool(PRODUCER, *at, "--topic", "alone", said="one\ntwo\n")
    told = tool("org.apache.kafka.tools.LogDirsCommand", *at, "--describe", "--topic-list", "alone")
    folders = json.loads(told.splitlines()[-1])["brokers"][0]["logDirs"]
    sizes = {p["partition"]: p["size"] for p in folders[0]["partitions"]}
    assert len(folders) == 1 and folders[0]["error"] is None and set(sizes) == {"alone-0", "alone-1"} and sum(sizes.values()) > 50
    told = tool("org.apache.kafka.tools.LeaderElectionCommand", *at, "--election-type", "preferred", "--topic", "alone", "--partition", 1)
    assert "Valid replica already elected for partitions alone-1" in told, told
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": "alone", "partition": 0, "replicas": [1]}]}))
    reassign = ("org.apache.kafka.tools.reassign.ReassignPartitionsCommand", *at)
    assert "Successfully started partition reassignment for alone-0" in tool(*reassign, "--reassignment-json-file", plan, "--execute")
    assert "Reassignment of partition alone-0 is completed" in tool(*reassign, "--reassignment-json-file", plan, "--verify", "--preserve-throttles")
    assert "No partition reassignments found" in tool(*reassign, "--list")
