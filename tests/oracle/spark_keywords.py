"""Records where real PySpark takes each of its keywords for a name, as tests/cases/sparksql/spark_keywords.json.

    python tests/oracle/spark_keywords.py

{"spark": version, "templates": [...], "keywords": {"FULL": "yyn…"}}: one letter a template, in which KW
stands for the word. y: the plan is that of an ordinary name; o: it is another plan; n: it does not parse.
"""

import json
import os
import re

TEMPLATES = """
SELECT KW FROM t
SELECT KW, b FROM t
SELECT a, KW FROM t
SELECT KW.x FROM t
SELECT a.KW FROM t
SELECT a.b.KW FROM t
SELECT a AS KW FROM t
SELECT a KW FROM t
SELECT a KW, b FROM t
SELECT a FROM t ORDER BY KW
SELECT a FROM t ORDER BY KW DESC, b
SELECT a FROM t ORDER BY b, KW NULLS LAST LIMIT 1
SELECT a FROM t SORT BY KW
SELECT count(1) FROM t GROUP BY KW
SELECT count(1) FROM t GROUP BY a, KW HAVING KW > 1
SELECT a FROM t WHERE KW = 1
SELECT a FROM t WHERE KW IS NULL AND b = 2
SELECT a FROM t WHERE a = KW
SELECT a FROM t WHERE a IN (KW, b)
SELECT a FROM t WHERE a BETWEEN KW AND b
SELECT a FROM t WHERE NOT KW
SELECT a FROM t AS KW
SELECT a FROM t KW
SELECT a FROM t KW WHERE a = 1
SELECT a FROM KW
SELECT a FROM s.KW
SELECT a FROM KW.t
SELECT a FROM (SELECT 1) AS KW
SELECT a FROM t JOIN u USING (KW)
SELECT a FROM t JOIN u ON t.KW = u.KW
SELECT a FROM t JOIN u ON KW = b
SELECT a FROM t JOIN KW ON true
SELECT KW(a) FROM t
SELECT KW(a, b) FROM t
SELECT KW() FROM t
SELECT KW + 1 FROM t
SELECT 1 + KW FROM t
SELECT -KW FROM t
SELECT (KW) FROM t
SELECT KW[0] FROM t
SELECT KW::INT FROM t
SELECT count(KW) FROM t
SELECT count(DISTINCT KW) FROM t
SELECT upper(KW) || KW FROM t
SELECT CASE WHEN KW THEN KW ELSE KW END FROM t
SELECT CASE KW WHEN 1 THEN 2 END FROM t
SELECT sum(a) OVER (PARTITION BY KW ORDER BY KW) FROM t
SELECT CAST(KW AS INT) FROM t
SELECT CAST(a AS STRUCT<KW: INT>) FROM t
SELECT named_struct('a', 1).KW
SELECT transform(a, KW -> KW + 1) FROM t
SELECT a FROM t LATERAL VIEW explode(KW) e AS x
SELECT a FROM t LATERAL VIEW explode(b) KW AS x
SELECT a FROM t LATERAL VIEW explode(b) e AS KW
WITH KW AS (SELECT 1 AS x) SELECT x FROM KW
SELECT * FROM VALUES (1, 2) AS v(KW, b)
SELECT * EXCEPT (KW) FROM t
CREATE TABLE q (KW INT, b STRING)
CREATE TABLE q (a STRUCT<KW: INT>)
INSERT INTO q (KW) SELECT 1
DROP TABLE KW
""".strip().split("\n")


def main():
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    parser = spark._jsparkSession.sessionState().sqlParser()

    def plan(template, word):
        try:
            text = parser.parsePlan(template.replace("KW", word)).treeString()
        except Exception:
            return None
        return re.sub(r"#\d+L?", "", text).lower().replace(word.lower(), "zqw")

    words = [row[0] for row in spark.sql("SELECT keyword FROM sql_keywords()").collect()]
    plain = [plan(template, "zqw") for template in TEMPLATES]
    assert all(plain), [t for t, p in zip(TEMPLATES, plain) if not p]
    found = {}
    for word in words:
        letters = ""
        for template, expected in zip(TEMPLATES, plain):
            got = plan(template, word)
            letters += "n" if got is None else "y" if got == plan_of(expected, word) else "o"
        found[word] = letters
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases", "sparksql", "spark_keywords.json")
    with open(path, "w") as f:
        f.write('{"spark": %s,\n"templates": [\n' % json.dumps(spark.version))
        f.write(",\n".join(json.dumps(t) for t in TEMPLATES) + '],\n"keywords": {\n')
        f.write(",\n".join(f"{json.dumps(w)}: {json.dumps(v)}" for w, v in found.items()) + "}}\n")
    print(len(found), sum(v.count("y") for v in found.values()), sum(v.count("o") for v in found.values()), sum(v.count("n") for v in found.values()))


def plan_of(expected, word):
    """What plan() gives of an ordinary name, as if it were `word`."""
    return expected.replace("zqx", "zqw") if word.lower() not in expected else expected.replace(word.lower(), "zqw").replace("zqx", "zqw")


if __name__ == "__main__":
    main()
