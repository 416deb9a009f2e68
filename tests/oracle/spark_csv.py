"""Records how real PySpark reads CSV and JSON files, as tests/cases/engine/spark_files.json.

    python tests/oracle/spark_csv.py

Each case: {"format", "text", "options", "schema"?, and "rows" with "types" and "names", or "error"}.
"""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from spark_cases import value  # noqa: E402

H = {"header": "true"}
ABC = "a INT, b STRING, c DOUBLE"
CORRUPT = "a INT, b STRING, _corrupt_record STRING"
LONG_SHORT = "1,x,1.5\n2,y\n3,z,2.5,extra,more\n4\n"
BAD_VALUES = "1,x,1.5\noops,y,2.5\n3,z,?\n"


def csv(text, schema=None, **options):
    return {"format": "csv", "text": text, "schema": schema, "options": options}


def js(text, schema=None, **options):
    return {"format": "json", "text": text, "schema": schema, "options": options}


CASES = [
    # rows of another width
    *[csv(LONG_SHORT, ABC, mode=mode) for mode in ("PERMISSIVE", "DROPMALFORMED", "FAILFAST")],
    *[csv(BAD_VALUES, ABC, mode=mode) for mode in ("PERMISSIVE", "DROPMALFORMED", "FAILFAST", "failfast", "whatever")],
    csv("1,x\n2,y,z\n3\noops,w\n", CORRUPT),
    csv("1,x\n2,y,z\n3\noops,w\n", CORRUPT, mode="DROPMALFORMED"),
    csv("1,x\n2,y,z\n3\n", "a INT, b STRING, bad STRING", columnNameOfCorruptRecord="bad"),
    csv("1,x\n2,y,z\n3\n", "bad STRING, a INT, b STRING", columnNameOfCorruptRecord="bad"),
    csv("1,x\n2,y,z\n3\n", "a INT, b STRING", columnNameOfCorruptRecord="bad"),
    csv("a,b\n1,x,9\n2\n", **H),
    csv("1,x,9\n2\n3,y,z,w\n"),
    csv("1\n2,x\n3,y,z\n"),
    csv("", "a INT, b STRING"),
    csv("\n\n1,x\n\n2,y\n   \n", "a STRING, b STRING"),
    # header
    csv("a,b\n1,x\n", "p INT, q STRING", **H),
    csv("b,a\nx,1\n", "a STRING, b STRING", **H),
    csv("b,a\nx,1\n", "a STRING, b STRING", header="true", enforceSchema="false"),
    csv("A,b\nx,1\n", "a STRING, b STRING", header="true", enforceSchema="false"),
    csv("a,b,c\n1,2,3\n", "a STRING, b STRING", header="true", enforceSchema="false"),
    csv("a,,b,a\n1,2,3,4\n", **H),
    csv(" a , b \n1,2\n", **H),
    csv("\n\na,b\n1,2\n", **H),
    csv('"a,1","b""2"\n1,2\n', **H),
    csv("a,b\n", **H),
    csv("a,b\na,b\n", **H),
    csv("\ufeffa,b\n1,2\n", **H),
    # quotes and escapes
    csv('"x, y",2\n', "a STRING, b STRING"),
    csv('"x ""quoted"" y",2\n', "a STRING, b STRING"),
    csv('"x ""quoted"" y",2\n', "a STRING, b STRING", escape='"'),
    csv('"x \\"quoted\\" y",2\n', "a STRING, b STRING"),
    csv('"a\\\\",b\n', "a STRING, b STRING"),
    csv('a\\,b\n', "a STRING, b STRING"),
    csv('"a\\n",b\\"c\n', "a STRING, b STRING"),
    csv('"ab"cd,e\n', "a STRING, b STRING"),
    csv('ab"cd"ef,"g"\n', "a STRING, b STRING"),
    csv(' "x" , "y"\n', "a STRING, b STRING"),
    csv('"x" ,"y" \n', "a STRING, b STRING"),
    csv('"never closed,2\n3,4\n', "a STRING, b STRING"),
    csv('1,"never closed\n3,4\n', "a STRING, b STRING"),
    csv('1,"two\nlines"\n3,4\n', "a STRING, b STRING"),
    csv('1,"two\nlines"\n3,4\n', "a STRING, b STRING", multiLine="true"),
    csv('1,"two\r\nlines"\r\n3,4\r\n', "a STRING, b STRING", multiLine="true"),
    csv('1,"two\nlines, ""q"" \\"r\\""\n3,4,5\n6\n', "a STRING, b STRING, _corrupt_record STRING", multiLine="true"),
    csv("'x,y',2\n", "a STRING, b STRING", quote="'"),
    csv('"x",2\n', "a STRING, b STRING", quote=""),
    csv('"abc""",2\n', "a STRING, b STRING"),
    csv('"abc"",2\n', "a STRING, b STRING"),
    csv('"abc\\",2\n', "a STRING, b STRING"),
    csv('"a\\\\\\"b",2\n', "a STRING, b STRING"),
    csv('"a" "b",2\n', "a STRING, b STRING"),
    csv('"a""b""c",2\n"d""",""""\n', "a STRING, b STRING", escape='"'),
    csv("1,x\n\"2\",\"y\"\"\n", "a INT, b STRING", escape='"'),
    csv('""\n"",x\n', "a STRING, b STRING"),
    csv(',""\n"",\n', "a STRING, b STRING", emptyValue="EMPTY"),
    csv(',""\n-,"-"\n', "a STRING, b STRING", nullValue="-"),
    csv("1,\n,x\n", "a INT, b STRING"),
    # delimiters, spaces, comments, line ends
    csv("1;x\n", "a INT, b STRING", sep=";"),
    csv("1\tx\n", "a INT, b STRING", sep="\\t"),
    csv("1\tx\n", "a INT, b STRING", delimiter="\t"),
    csv("1||x||y\n", "a INT, b STRING, c STRING", sep="||"),
    csv(" x , y \n", "a STRING, b STRING"),
    csv(" x , y \n", "a STRING, b STRING", ignoreLeadingWhiteSpace="true", ignoreTrailingWhiteSpace="true"),
    csv(' " x " , y\n', "a STRING, b STRING", ignoreLeadingWhiteSpace="true", ignoreTrailingWhiteSpace="true"),
    csv(" 1 ,x\n", "a INT, b STRING"),
    csv("#no\n1,x\n # 2,y\n", "a STRING, b STRING", comment="#"),
    csv("1,x\r\n2,y\r\n", "a STRING, b STRING"),
    csv("1,x\r2,y\r", "a STRING, b STRING"),
    csv("1,x|2,y|", "a STRING, b STRING", lineSep="|"),
    csv("1,x\n2,y", "a STRING, b STRING"),
    csv("é,x\n", "a STRING, b STRING"),
    # values
    csv("1\n-1\n+1\n1.0\n1e1\n2147483648\n 1\n0x1\n", "a INT"),
    csv("127\n128\n", "a TINYINT"),
    csv("32768\n5\n", "a SMALLINT"),
    csv("9223372036854775807\n9223372036854775808\n", "a BIGINT"),
    csv("1\n1.5\n1e3\nNaN\nInf\n-Inf\nInfinity\nabc\n.5\n5.\n1d\n", "a DOUBLE"),
    csv("1.005\n-2\n1e2\n99999999\nabc\n1,5\n", "a DECIMAL(6,2)"),
    csv("true\nFALSE\nTrue\n1\nyes\nt\n", "a BOOLEAN"),
    csv("2024-01-02\n2024-1-2\n2024-13-01\n20240102\n2024-01-02 10:00:00\n2024\n", "a DATE"),
    csv("02/01/2024\n2/1/2024\n2024-01-02\n", "a DATE", dateFormat="dd/MM/yyyy"),
    csv("2024-01-02 03:04:05\n2024-01-02T03:04:05Z\n2024-01-02T03:04:05.123+02:00\n2024-01-02\nabc\n", "a TIMESTAMP"),
    csv("02.01.2024 03:04\nabc\n", "a TIMESTAMP", timestampFormat="dd.MM.yyyy HH:mm"),
    csv("2024-01-02 03:04:05\n2024-01-02T03:04:05Z\n", "a TIMESTAMP_NTZ"),
    csv("abc\n", "a BINARY"),
    # inference
    csv("i,l,d,b,s,dt,ts,n\n1,3000000000,1.5,true,x,2024-01-02,2024-01-02 03:04:05,\n2,1,2,false,y,2024-01-03,2024-01-02T03:04:05,\n", header="true", inferSchema="true"),
    csv("a,b,c,d\n1,1,2024-01-02,true\nx,2.5,2024-01-02 03:04:05,1\n", header="true", inferSchema="true"),
    csv("1,007,1e5,12345678901234567890,99999999999999999999999999999999999999999\n", inferSchema="true"),
    # JSON
    *[
        js('{"a": 1, "b": "x"}\n{"a": \n{"a": "oops", "b": "y"}\n[1]\n\n{"a": 4, "c": 1}\n', "a INT, b STRING", mode=mode)
        for mode in ("PERMISSIVE", "DROPMALFORMED", "FAILFAST")
    ],
    js('{"a": 1, "b": "x"}\n{"a": \n{"a": "oops", "b": "y"}\n', CORRUPT),
    js('{"a": 1, "b": "x"}\n{"a": \n{"a": "oops", "b": "y"}\n'),
    js('{"a": 1, "b": {"c": 2}}\n{"a": 2, "b": "x"}\n{"a": 3, "b": {"c": "x"}}\n', "a INT, b STRUCT<c: INT>"),
    js('{"a": 1.5, "b": true}\n{"a": "7", "b": 5}\n{"a": 12345678901, "b": [1]}\n', "a INT, b STRING"),
    js('[{"a": 1}, {"a": 2}]\n', "a INT"),
    js('[{"a": 1},\n {"a": 2}]\n', "a INT", multiLine="true"),
]


def main():
    os.environ["TZ"] = "UTC"
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    done = []
    for case in CASES:
        case = {k: v for k, v in case.items() if v is not None}
        with tempfile.NamedTemporaryFile("w", suffix="." + case["format"], newline="", encoding="utf-8") as f:
            f.write(case["text"])
            f.flush()
            try:
                reader = spark.read.format(case["format"]).options(**case["options"])
                if "schema" in case:
                    reader = reader.schema(case["schema"])
                df = reader.load(f.name)
                rows = [[value(v) for v in row] for row in df.collect()]
                case |= {"types": [t for _, t in df.dtypes], "names": df.columns, "rows": rows}
            except Exception as e:
                case["error"] = str(e).replace(f.name, "FILE")[:160]
        done.append(case)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases", "engine", "spark_files.json")
    with open(path, "w") as f:
        f.write('{"spark": %s, "cases": [\n' % json.dumps(spark.version))
        f.write(",\n".join(json.dumps(c, ensure_ascii=False) for c in done) + "\n]}\n")
    print(len(done), sum("error" in c for c in done))


if __name__ == "__main__":
    main()
