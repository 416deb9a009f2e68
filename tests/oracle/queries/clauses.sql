SELECT * FROM VALUES (1, 'a'), (2, NULL) t(x, y) ORDER BY x DESC
SELECT t.x, y FROM VALUES (1, 'a') AS t(x, y)
SELECT X, Y FROM VALUES (1, 'a') t(x, y)
SELECT `x` FROM VALUES (1) t(`x`)
SELECT x AS `a b`, x AS select_ FROM VALUES (1) t(x)
SELECT col1, col2 FROM VALUES (1, 'a')
VALUES (1, 'a'), (2, 'b')
SELECT 1 AS x, 2 AS x
SELECT x FROM (SELECT 1 AS x, 2 AS x)
SELECT DISTINCT x, y FROM VALUES (1, 'a'), (1, 'a'), (1, NULL), (1, NULL) t(x, y) ORDER BY y NULLS LAST
SELECT ALL x FROM VALUES (1), (1) t(x)
SELECT x FROM VALUES (1), (NULL), (3) t(x) ORDER BY x
SELECT x FROM VALUES (1), (NULL), (3) t(x) ORDER BY x DESC
SELECT x FROM VALUES (1), (NULL), (3) t(x) ORDER BY x ASC NULLS LAST
SELECT x FROM VALUES ('b'), ('B'), ('a'), ('') t(x) ORDER BY x
SELECT x, y FROM VALUES (1, 2), (1, 1), (0, 3) t(x, y) ORDER BY ALL
SELECT x FROM VALUES (2), (1) t(x) ORDER BY -x
SELECT x FROM VALUES (2), (1) t(x) ORDER BY 2
SELECT x FROM VALUES (1), (2), (3) t(x) ORDER BY x LIMIT 0
SELECT x FROM VALUES (1), (2), (3) t(x) ORDER BY x LIMIT ALL
SELECT x FROM VALUES (1), (2), (3) t(x) ORDER BY x OFFSET 2
SELECT x FROM VALUES (1), (2), (3) t(x) ORDER BY x LIMIT 1 + 1
SELECT x FROM VALUES (1) t(x) LIMIT -1
SELECT x FROM VALUES (1), (2) t(x) SORT BY x
SELECT x FROM VALUES (1), (2) t(x) WHERE x > 1 AND true OR false
SELECT x FROM VALUES (1), (NULL) t(x) WHERE x = NULL
SELECT x FROM VALUES (1), (NULL) t(x) WHERE x <=> NULL
SELECT x FROM VALUES (1), (2) t(x) WHERE x IN (SELECT 1)
SELECT x FROM VALUES (1), (2) t(x) WHERE x NOT IN (SELECT 1)
SELECT x FROM VALUES (1), (2) t(x) WHERE NOT EXISTS (SELECT 1 FROM VALUES (1) u(y) WHERE y = x)
SELECT x FROM VALUES (1), (2) t(x) WHERE x = (SELECT max(y) FROM VALUES (1), (2) u(y))
SELECT (SELECT 1), (SELECT max(x) FROM VALUES (1), (3) t(x))
SELECT (SELECT x FROM VALUES (1), (2) t(x))
SELECT (SELECT 1, 2)
SELECT (SELECT x FROM VALUES (1) t(x) WHERE x > 1)
SELECT x, (SELECT count(*) FROM VALUES (1), (1), (2) u(y) WHERE u.y = t.x) AS n FROM VALUES (1), (2), (3) t(x) ORDER BY x
SELECT x, EXISTS (SELECT 1 FROM VALUES (1) u(y) WHERE u.y = t.x) AS e FROM VALUES (1), (2) t(x) ORDER BY x
SELECT x IN (SELECT y FROM VALUES (1), (NULL) u(y)) FROM VALUES (1), (2) t(x) ORDER BY x
SELECT a.x, b.y FROM VALUES (1), (2) a(x) JOIN VALUES (1, 'p'), (1, 'q') b(x, y) ON a.x = b.x ORDER BY 1, 2
SELECT a.x, b.y FROM VALUES (1), (2) a(x) INNER JOIN VALUES (2, 'p') b(x, y) USING (x)
SELECT * FROM VALUES (1), (2) a(x) LEFT JOIN VALUES (2, 'p') b(x, y) USING (x) ORDER BY x
SELECT * FROM VALUES (1), (2) a(x) RIGHT JOIN VALUES (2, 'p'), (3, 'q') b(x, y) USING (x) ORDER BY x
SELECT * FROM VALUES (1), (2) a(x) FULL OUTER JOIN VALUES (2, 'p'), (3, 'q') b(x, y) ON a.x = b.x ORDER BY a.x, b.x
SELECT * FROM VALUES (NULL) a(x) JOIN VALUES (NULL) b(x) ON a.x = b.x
SELECT * FROM VALUES (1), (2) a(x), VALUES ('p'), ('q') b(y) ORDER BY x, y
SELECT * FROM VALUES (1), (2) a(x) JOIN VALUES (1), (2) b(y) ON x < y
SELECT * FROM VALUES (1), (2) a(x) SEMI JOIN VALUES (1), (1) b(x) ON a.x = b.x
SELECT * FROM VALUES (1), (2) a(x) ANTI JOIN VALUES (1) b(x) USING (x)
SELECT * FROM VALUES (1, 'a') a(x, y) NATURAL LEFT JOIN VALUES (1, 'z') b(x, w)
SELECT * FROM VALUES (1) a(x) NATURAL JOIN VALUES (2) b(y)
SELECT a.x FROM VALUES (1) a(x) JOIN VALUES (1) a(x) ON a.x = a.x
SELECT a.x, b.x, c.x FROM VALUES (1) a(x) JOIN VALUES (1) b(x) ON a.x = b.x LEFT JOIN VALUES (2) c(x) ON b.x = c.x
SELECT x, y FROM VALUES (1, array(1, 2)) t(x, ys), LATERAL (SELECT y FROM (SELECT explode(ys) AS y)) ORDER BY y
SELECT a.x, l.m FROM VALUES (1), (2) a(x), LATERAL (SELECT max(y) AS m FROM VALUES (1, 10), (2, 20) b(k, y) WHERE b.k = a.x) l ORDER BY 1
SELECT a.x, l.y FROM VALUES (1), (3) a(x) LEFT JOIN LATERAL (SELECT y FROM VALUES (1, 10) b(k, y) WHERE b.k = a.x) l ORDER BY 1
SELECT x, sum(y) FROM VALUES (1, 1), (1, 2), (NULL, 3) t(x, y) GROUP BY x ORDER BY x
SELECT x, sum(y) FROM VALUES (1, 1), (1, 2) t(x, y) GROUP BY x HAVING sum(y) > 5
SELECT x AS k, count(*) AS n FROM VALUES ('a'), ('b'), ('a') t(x) GROUP BY k ORDER BY n DESC
SELECT sum(y) FROM VALUES (1, 1), (1, 2) t(x, y) GROUP BY x
SELECT 1 FROM VALUES (1) t(x) GROUP BY x
SELECT x + 1, count(*) FROM VALUES (1), (1) t(x) GROUP BY x + 1
SELECT x + 2, count(*) FROM VALUES (1), (1) t(x) GROUP BY x
SELECT x, y, count(*) FROM VALUES (1, 'a'), (1, 'a') t(x, y) GROUP BY ALL
SELECT a, b, sum(c) FROM VALUES ('x', 'p', 1), ('y', 'q', 2) t(a, b, c) GROUP BY GROUPING SETS ((a, b), (a), ()) ORDER BY a, b
SELECT a, b, sum(c) FROM VALUES ('x', 'p', 1), ('y', 'q', 2) t(a, b, c) GROUP BY a, ROLLUP (b) ORDER BY a, b
SELECT a, sum(c) FROM VALUES ('x', 1), ('y', 2) t(a, c) GROUP BY a WITH ROLLUP ORDER BY a
SELECT a, b, sum(c) FROM VALUES ('x', 'p', 1), ('y', 'q', 2) t(a, b, c) GROUP BY a, b WITH CUBE ORDER BY a, b
SELECT count(*) FROM VALUES (1) t(x) WHERE x > 1 HAVING count(*) = 0
SELECT max(x) FROM VALUES (1), (2) t(x) HAVING max(x) > 5
SELECT x FROM VALUES (1), (1) t(x) GROUP BY x HAVING count(*) > 1
SELECT 1 UNION SELECT 1
SELECT 1 UNION ALL SELECT 1
SELECT 1 AS a UNION ALL SELECT 2.5 AS b
SELECT 1 AS a UNION ALL SELECT 'x'
SELECT NULL UNION ALL SELECT 1
SELECT x FROM VALUES (1), (1), (2) t(x) INTERSECT SELECT x FROM VALUES (1), (1) u(x)
SELECT x FROM VALUES (1), (1), (2) t(x) INTERSECT ALL SELECT x FROM VALUES (1), (1) u(x)
SELECT x FROM VALUES (1), (1), (2) t(x) EXCEPT ALL SELECT x FROM VALUES (1) u(x) ORDER BY x
SELECT x FROM VALUES (1), (1), (2) t(x) MINUS SELECT 2
SELECT 1 AS x UNION ALL SELECT 2 INTERSECT SELECT 2 ORDER BY x
(SELECT 1 AS x UNION ALL SELECT 2) EXCEPT SELECT 2
SELECT x FROM (SELECT 2 AS x UNION ALL SELECT 1) ORDER BY x LIMIT 1
SELECT 1 AS x, 2 AS y UNION BY NAME SELECT 3 AS y, 4 AS x
WITH t AS (SELECT 1 AS x) SELECT * FROM t
WITH t AS (SELECT 1 AS x), u AS (SELECT x + 1 AS y FROM t) SELECT t.x, u.y FROM t JOIN u ON u.y = t.x + 1
WITH t(a) AS (SELECT 1) SELECT (WITH t AS (SELECT 2 AS a) SELECT a FROM t), a FROM t
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r ORDER BY n
WITH RECURSIVE r AS (SELECT 1 AS n, 1 AS f UNION ALL SELECT n + 1, f * (n + 1) FROM r WHERE n < 5) SELECT * FROM r ORDER BY n
SELECT * FROM VALUES ('a', 'x', 1), ('a', 'y', 2), ('b', 'x', 3) t(k, c, v) PIVOT (sum(v) FOR c IN ('x', 'y')) ORDER BY k
SELECT * FROM VALUES ('a', 'x', 1), ('b', 'x', 3) t(k, c, v) PIVOT (sum(v) AS s, max(v) AS m FOR c IN ('x' AS p, 'y' AS q)) ORDER BY k
SELECT * FROM VALUES ('a', 'x', 1, 1) t(k, c, d, v) PIVOT (sum(v) FOR (c, d) IN (('x', 1) AS x1, ('y', 2) AS y2))
SELECT * FROM VALUES (1, 10, 20), (2, NULL, 40) t(id, a, b) UNPIVOT (v FOR k IN (a, b)) ORDER BY id, k
SELECT * FROM VALUES (1, 10, NULL) t(id, a, b) UNPIVOT INCLUDE NULLS (v FOR k IN (a AS `A1`, b AS `B1`)) ORDER BY k
SELECT * FROM VALUES (1, 10, 20, 30, 40) t(id, a, b, c, d) UNPIVOT ((v, w) FOR k IN ((a, b) AS p, (c, d) AS q)) ORDER BY k
SELECT * EXCEPT (y) FROM VALUES (1, 2) t(x, y)
SELECT t.* EXCEPT (x), x FROM VALUES (1, 2) t(x, y)
SELECT * EXCEPT (z) FROM VALUES (1, 2) t(x, y)
SELECT count(*) FROM range(5)
SELECT sum(id) FROM range(1, 4)
SELECT id FROM range(0, 10, 4) ORDER BY id
SELECT * FROM range(3) AS r(n) WHERE n > 0
SELECT * FROM VALUES (1) t(x) TABLESAMPLE (100 PERCENT)
SELECT x FROM VALUES (1), (2), (3) t(x) TABLESAMPLE (2 ROWS)
SELECT k, e FROM VALUES ('a', array(1, 2)), ('b', array()) t(k, xs) LATERAL VIEW explode(xs) AS e ORDER BY k, e
SELECT k, e FROM VALUES ('a', array(1, 2)), ('b', array()) t(k, xs) LATERAL VIEW OUTER explode(xs) v AS e ORDER BY k, e
SELECT k, e FROM VALUES ('a', array(1, 2)) t(k, xs) LATERAL VIEW explode(xs) v AS e WHERE e > 1
SELECT a, b, count(*) OVER (PARTITION BY a) FROM VALUES ('x', 1), ('x', 2), ('y', 3) t(a, b) ORDER BY a, b
SELECT a, sum(b) OVER w, avg(b) OVER w FROM VALUES ('x', 1), ('x', 2), ('y', 3) t(a, b) WINDOW w AS (PARTITION BY a) ORDER BY a, b
SELECT x, sum(x) OVER (ORDER BY x ROWS UNBOUNDED PRECEDING) FROM VALUES (1), (2) t(x) ORDER BY x
SELECT sum(sum(x)) OVER () FROM VALUES (1), (2) t(x)
SELECT a, sum(x) AS s, sum(sum(x)) OVER (ORDER BY a) AS r FROM VALUES ('p', 1), ('q', 2) t(a, x) GROUP BY a ORDER BY a
SELECT x, x + 1 AS y, y * 2 AS z FROM VALUES (1) t(x)
SELECT 1 AS x WHERE x > 0
SELECT t.nope FROM VALUES (1) t(x)
SELECT u.x FROM VALUES (1) t(x)
SELECT x FROM VALUES (1) t(x) GROUP BY y
SELECT x, count(*) FROM VALUES (1) t(x)
SELECT count(*) FROM VALUES (1) t(x) WHERE count(*) > 0
SELECT x FROM VALUES (1) t(x) ORDER BY nope
SELECT x FROM VALUES (1, 2) t(x)
SELECT * FROM VALUES (1, 2), (3) t
SELECT *
SELECT FROM
SELECT 1 FROM
SELEC 1
SELECT 1,
SELECT (1
SELECT 'abc
SELECT 1 +
SELECT CASE WHEN true THEN 1
SELECT x y z FROM VALUES (1) t(x)
SELECT named_struct('a', 1, 'b', 2).*
SELECT s.a, s.b.c FROM (SELECT named_struct('a', 1, 'b', named_struct('c', 2)) AS s)
SELECT s['a'] FROM (SELECT named_struct('a', 1) AS s)
SELECT m.k, m['k'] FROM (SELECT map('k', 1) AS m)
SELECT a[0], a[1] FROM (SELECT array(10, 20) AS a)
FROM VALUES (1), (2) t(x) |> WHERE x > 1
FROM VALUES (1), (2) t(x) |> SELECT x + 1 AS y |> ORDER BY y DESC |> LIMIT 1
FROM VALUES ('a', 1), ('a', 2) t(k, v) |> AGGREGATE sum(v) AS s GROUP BY k
FROM VALUES (1) t(x) |> EXTEND x + 1 AS y |> DROP x
FROM VALUES (1) t(x) |> SET x = x + 10
FROM VALUES (1) t(x) |> AS u |> JOIN VALUES (1, 'p') w(x, y) USING (x)
SELECT /* comment */ 1 -- end
SELECT 1 AS a, 'b' AS b, NULL AS n, true AS t, 1.5 AS d, 1e2 AS e, 1.5D AS f, 1.5F AS g, 10L AS h, X'1F' AS i, DATE'2024-01-01' AS j
SELECT 1e2, 1.0E-3, .5, 5., 123456789012345678901234567890, 0.1BD, -1, - -1, 1Y, 1S
SELECT "double quoted", 'it''s', 'a' 'b', 'tab\there', r'a\b'
SELECT current_date() = current_date, typeof(current_timestamp)
SELECT IF(x > 1, 'big', 'small') FROM VALUES (1), (2) t(x) ORDER BY x
SELECT CASE x WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'many' END FROM VALUES (1), (2), (3) t(x) ORDER BY x
SELECT nullif(x, 1), coalesce(nullif(x, 1), 0) FROM VALUES (1), (2) t(x) ORDER BY x
SELECT CAST(x AS STRING) || '!' FROM VALUES (1), (NULL) t(x) ORDER BY x
SELECT x::string, x::double / 2 FROM VALUES (3) t(x)
SELECT x, y FROM VALUES (1, 'a'), (2, 'b') t(x, y) WHERE (x, y) IN ((1, 'a'))
SELECT x FROM VALUES (1), (2), (3) t(x) WHERE x BETWEEN 2 AND 3 ORDER BY x
SELECT x FROM VALUES ('ab'), ('cd') t(x) WHERE x LIKE 'a%'
SELECT sum(x) FROM VALUES (1), (2) t(x) WHERE x > 10
SELECT count(*), sum(x), max(y) FROM (SELECT 1 AS x, 'a' AS y WHERE false)
SELECT x, y FROM (SELECT x, max(y) AS y FROM VALUES (1, 2), (1, 3) t(x, y) GROUP BY x) WHERE y > 2
SELECT t1.x FROM (SELECT 1 AS x) t1 JOIN (SELECT 1 AS x) t2 ON t1.x = t2.x AND t2.x > 0
SELECT /*+ BROADCAST(b) */ a.x FROM VALUES (1) a(x) JOIN VALUES (1) b(x) ON a.x = b.x
SELECT x FROM VALUES (1), (2) t(x) CLUSTER BY x
SELECT x FROM VALUES (1), (2) t(x) DISTRIBUTE BY x SORT BY x DESC
SELECT * FROM (VALUES (1, 2)) AS t(a, b)
SELECT a.* FROM VALUES (1, 2) a(x, y) CROSS JOIN VALUES (3) b(z)
SELECT array_agg(x) FILTER (WHERE x > 1) FROM VALUES (1), (2), (3) t(x)
SELECT first(x) FROM (SELECT * FROM VALUES (3), (1) t(x) ORDER BY x)
SELECT x FROM VALUES (1.5), (2) t(x) ORDER BY x
SELECT x FROM VALUES (1), ('a') t(x)
SELECT x FROM VALUES (1), (true) t(x)
SELECT x FROM VALUES (DATE'2024-01-01'), (TIMESTAMP'2024-01-01 10:00:00') t(x) ORDER BY x
SELECT typeof(x) FROM VALUES (1), (2L), (NULL) t(x)
SELECT id, sum(v) OVER (PARTITION BY g ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS s FROM VALUES (1, 'a', 1), (2, 'a', 2), (3, 'a', 3), (4, 'b', 4) t(id, g, v) ORDER BY id
SELECT id FROM VALUES (1, 'a'), (2, 'a'), (3, 'b') t(id, g) QUALIFY row_number() OVER (PARTITION BY g ORDER BY id) = 1 ORDER BY id
SELECT IDENTIFIER('x') FROM VALUES (1) t(x)
SELECT * FROM IDENTIFIER('nosuch')
