SELECT approx_count_distinct(x), approx_count_distinct(y) FROM VALUES (1, 'a'), (2, 'a'), (2, NULL) t(x, y)
SELECT approx_percentile(x, 0.5), approx_percentile(x, array(0.1, 0.9)), approx_percentile(x, 0.5, 100), percentile_approx(x, 1.0) FROM VALUES (1), (2), (3), (4), (NULL) t(x)
SELECT array_agg(x), array_agg(DISTINCT y), collect_list(x), collect_set(y) FROM VALUES (1, 'a'), (NULL, 'a'), (3, 'a') t(x, y)
SELECT array_agg(x) FROM VALUES (1) t(x) WHERE x > 1
SELECT mean(x), mean(y), std(x), stddev(x), stddev_samp(x), stddev_pop(x), var_samp(x), var_pop(x), variance(x) FROM VALUES (1, 1.5), (2, 2.5), (NULL, NULL), (4, 1.0) t(x, y)
SELECT std(x), stddev_samp(x), var_samp(x), var_pop(x), stddev_pop(x), skewness(x), kurtosis(x), corr(x, x), covar_samp(x, x), covar_pop(x, x) FROM VALUES (1) t(x)
SELECT std(x), mean(x), sum(x), count(x), min(x), max_by(x, x), mode(x), median(x) FROM VALUES (1) t(x) WHERE x > 1
SELECT regr_avgx(y, x), regr_avgy(y, x), regr_count(y, x), regr_intercept(y, x), regr_r2(y, x), regr_slope(y, x), regr_sxx(y, x), regr_sxy(y, x), regr_syy(y, x) FROM VALUES (1, 2), (2, 4), (3, 7), (NULL, 1), (4, NULL) t(x, y)
SELECT regr_avgx(y, x), regr_count(y, x), regr_slope(y, x), regr_intercept(y, x), regr_r2(y, x), regr_sxx(y, x) FROM VALUES (1, 2) t(x, y)
SELECT regr_count(y, x), regr_slope(y, x), regr_r2(y, x) FROM VALUES (1, 2) t(x, y) WHERE x > 1
SELECT try_sum(x), try_sum(y), try_avg(x), try_avg(y) FROM VALUES (1, 1.5), (2, 2.5), (NULL, NULL) t(x, y)
SELECT try_sum(x) FROM VALUES (9223372036854775807L), (1L) t(x)
SELECT sum(x) FROM VALUES (9223372036854775807L), (1L) t(x)
SELECT sum(x) FROM VALUES (CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0))), (1) t(x)
SELECT sum(x), avg(x), typeof(sum(x)), typeof(avg(x)) FROM VALUES (1Y), (2Y) t(x)
SELECT sum(x), avg(x), typeof(sum(x)), typeof(avg(x)) FROM VALUES (1.25), (2.50) t(x)
SELECT sum(x), avg(x) FROM VALUES (CAST(1.5 AS FLOAT)), (CAST(2.5 AS FLOAT)) t(x)
SELECT sum(x), avg(x) FROM VALUES ('1'), ('2.5'), (NULL) t(x)
SELECT sum(x) FROM VALUES ('a') t(x)
SELECT sum(x), avg(x) FROM VALUES (INTERVAL 1 DAY), (INTERVAL 2 DAYS) t(x)
SELECT sum(x) FROM VALUES (true) t(x)
SELECT min(x), max(x), min(y), max(y) FROM VALUES ('b', DATE'2024-01-01'), ('a', NULL), (NULL, DATE'2023-01-01') t(x, y)
SELECT min(x), max(x) FROM VALUES (array(1, 2)), (array(1, 3)) t(x)
SELECT min(x), max(x) FROM VALUES (1D), (CAST('NaN' AS DOUBLE)), (CAST('-Infinity' AS DOUBLE)) t(x)
SELECT min(x), max(x), max_by(x, y), min_by(x, y) FROM VALUES (true, NULL), (false, 2) t(x, y)
SELECT max(m) FROM VALUES (map('a', 1)) t(m)
SELECT count(*), count(1), count(x), count(x, y), count(DISTINCT x), count(DISTINCT x, y) FROM VALUES (1, 1), (1, NULL), (NULL, 2), (1, 1) t(x, y)
SELECT count_if(x), count_if(NULL), bool_and(x), bool_or(x), every(x), some(x), any(x) FROM VALUES (true), (NULL), (false) t(x)
SELECT bool_and(x), bool_or(x), any(x), every(x) FROM VALUES (NULL::boolean) t(x)
SELECT first(x), last(x), first(x, true), last(x, true), first_value(x), last_value(x), any_value(x), any_value(x, true), first_value(x) IGNORE NULLS FROM VALUES (NULL), (1), (2), (NULL) t(x)
SELECT bit_and(x), bit_or(x), bit_xor(x) FROM VALUES (5), (3), (NULL) t(x)
SELECT bit_and(x), bit_or(x), bit_xor(x) FROM VALUES (5L), (6L) t(x)
SELECT corr(x, y), covar_pop(x, y), covar_samp(x, y), skewness(x), kurtosis(x) FROM VALUES (1, 5), (2, 3), (3, NULL), (10, 1), (4, 4) t(x, y)
SELECT percentile(x, 0), percentile(x, 1), percentile(x, 0.3), percentile(x, array(0.0, 0.5, 1.0)), median(x), percentile_cont(0.25) WITHIN GROUP (ORDER BY x), percentile_cont(0.25) WITHIN GROUP (ORDER BY x DESC), percentile_disc(0.25) WITHIN GROUP (ORDER BY x), percentile_disc(0.5) WITHIN GROUP (ORDER BY x DESC) FROM VALUES (10), (20), (30), (NULL) t(x)
SELECT percentile(x, 2) FROM VALUES (1) t(x)
SELECT grouping_id(a, b), grouping(a), a, b, count(*) FROM VALUES ('x', 'p'), ('y', 'q') t(a, b) GROUP BY CUBE (a, b) ORDER BY 1, a, b
SELECT grouping_id(), a, b, sum(c) FROM VALUES ('x', 'p', 1), ('y', 'q', 2) t(a, b, c) GROUP BY ROLLUP (a, b) ORDER BY 1, a, b
SELECT grouping(a) FROM VALUES (1) t(a) GROUP BY a
SELECT a, sum(b) FILTER (WHERE b > 1), count(*) FILTER (WHERE b IS NULL) FROM VALUES ('x', 1), ('x', 2), ('y', NULL) t(a, b) GROUP BY a ORDER BY a
SELECT a, collect_list(b), max(b) FROM VALUES (NULL, 1), (NULL, 2), ('x', 3) t(a, b) GROUP BY a ORDER BY a NULLS FIRST
SELECT x % 2 AS k, sum(x) FROM VALUES (1), (2), (3), (-1) t(x) GROUP BY k ORDER BY k
SELECT a, sum(b) AS s FROM VALUES ('x', 1), ('y', 5) t(a, b) GROUP BY 1 HAVING s > 2
SELECT sum(x) + 1, max(x) - min(x), count(*) * 2 FROM VALUES (1), (5) t(x)
SELECT avg(x) FROM VALUES (CAST(1 AS DECIMAL(38,10))), (CAST(2 AS DECIMAL(38,10))) t(x)
SELECT avg(x) FROM VALUES (CAST(1 AS DECIMAL(5,2))), (CAST(2 AS DECIMAL(5,2))), (CAST(2 AS DECIMAL(5,2))) t(x)
SELECT sum(DISTINCT x), avg(DISTINCT x), count(DISTINCT x), max(DISTINCT x) FROM VALUES (1), (1), (3) t(x)
SELECT collect_list(x) FROM (SELECT x FROM VALUES (3), (1), (2) t(x) ORDER BY x)
SELECT max_by(x, y), min_by(x, y) FROM VALUES ('a', 10), ('b', 50), ('c', NULL) t(x, y)
SELECT histogram_numeric(x, 2) FROM VALUES (1), (2) t(x)
SELECT product(x) FROM VALUES (2), (3) t(x)
SELECT count_min_sketch(x, 0.5D, 0.5D, 1) IS NOT NULL FROM VALUES (1) t(x)
SELECT hll_sketch_estimate(hll_sketch_agg(x)) FROM VALUES (1), (2), (1) t(x)
SELECT bitmap_count(bitmap_construct_agg(bitmap_bit_position(x))) FROM VALUES (1), (2) t(x)
SELECT x, ntile(3) OVER (ORDER BY x), percent_rank() OVER (ORDER BY x), cume_dist() OVER (ORDER BY x), lag(x, 2) OVER (ORDER BY x), lag(x, 1, -1) OVER (ORDER BY x), lead(x) OVER (ORDER BY x DESC), nth_value(x, 2) OVER (ORDER BY x), first_value(x) OVER (ORDER BY x DESC), last_value(x) OVER (ORDER BY x) FROM VALUES (1), (2), (2), (5) t(x) ORDER BY x
SELECT x, lag(y) IGNORE NULLS OVER (ORDER BY x), lead(y) IGNORE NULLS OVER (ORDER BY x), first_value(y) IGNORE NULLS OVER (ORDER BY x), last_value(y, true) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), nth_value(y, 1) IGNORE NULLS OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM VALUES (1, NULL), (2, 'a'), (3, NULL), (4, 'b') t(x, y) ORDER BY x
SELECT x, sum(x) OVER (ORDER BY x RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING), count(*) OVER (ORDER BY x ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING), avg(x) OVER (ORDER BY x ROWS 2 PRECEDING), max(x) OVER (PARTITION BY x % 2), collect_list(x) OVER (ORDER BY x) FROM VALUES (1), (2), (4), (7) t(x) ORDER BY x
SELECT rank() OVER (PARTITION BY a ORDER BY b NULLS LAST), dense_rank() OVER (PARTITION BY a ORDER BY b DESC), row_number() OVER (ORDER BY a, b), a, b FROM VALUES ('x', 1), ('x', 1), ('x', NULL), ('y', 2) t(a, b) ORDER BY a, b, 3
SELECT row_number() OVER ()
SELECT rank() FROM VALUES (1) t(x)
SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM VALUES (1) t(x)
SELECT x FROM VALUES (1), (2), (3) t(x) QUALIFY row_number() OVER (ORDER BY x DESC) = 1
SELECT stddev(x) OVER (ORDER BY x), var_pop(x) OVER (), corr(x, x) OVER (), median(x) OVER () FROM VALUES (1), (2), (4) t(x) ORDER BY x
SELECT count(DISTINCT x) OVER () FROM VALUES (1) t(x)
SELECT std('x') FROM VALUES (1) t(x)
SELECT sum(array(1))
SELECT avg(DATE'2024-01-01')
SELECT max_by(1)
SELECT sum(x, 1) FROM VALUES (1) t(x)
