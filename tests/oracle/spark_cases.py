"""Records what real PySpark answers to the queries of QUERIES, as tests/cases/engine/*.json.

    python tests/oracle/spark_cases.py [group ...]

One file a group: {"spark": version, "cases": [{"q": query, "types": [...], "rows": [[...]]} or
{"q": query, "error": class}]}. Values are JSON as the engine renders it: dates and timestamps as
ISO text, decimals as numbers with their scale, binaries as base64, NaN and Infinity as text.
"""
import base64, datetime, decimal, json, math, os, re, sys

QUERIES = {
    "arithmetic": """
SELECT 5 + 3L, 5S + 3Y, 1.5 + 2, 2.5D * 2, 7 - 10, -(-5), +3
SELECT 10 / 4, 10.0 / 4, 10 / 4.0D, 7 div -2, -7 div 2, 7 % -3, -7.5 % 2, pmod(-7, -3), pmod(-7.5D, 2)
SELECT CAST(12.345 AS DECIMAL(10,3)) * CAST(2.5 AS DECIMAL(5,2)), CAST(1.10 AS DECIMAL(10,2)) + CAST(2.255 AS DECIMAL(10,3))
SELECT CAST(100 AS DECIMAL(38,10)) / CAST(3 AS DECIMAL(38,10)), CAST(1 AS DECIMAL(38,18)) * CAST(123456.789 AS DECIMAL(38,18))
SELECT CAST(10.5 AS DECIMAL(5,1)) / 3, CAST(10.5 AS DECIMAL(5,1)) % 3, CAST(10.5 AS DECIMAL(5,1)) div 3, CAST(10.5 AS DECIMAL(5,1)) / 3.0D
SELECT CAST(127 AS TINYINT) + CAST(1 AS TINYINT)
SELECT 9223372036854775807 + 1
SELECT 2147483647 * 2
SELECT abs(-5), abs(-2.5), abs(CAST(-3 AS TINYINT)), sign(-3), negative(4), positive(-1)
SELECT round(123.456, 1), round(123.456, -1), round(-2.5), round(2.5D), round(1.005D, 2), round(2.675D, 2), round(15, -1), bround(2.5D), bround(3.5D), bround(25, -1)
SELECT ceil(-1.5D), floor(-1.5D), ceil(5), floor(2.345, 2), ceil(2.345, 1), ceil(CAST(5 AS DECIMAL(5,0)))
SELECT sqrt(2), power(2, 10), exp(1), ln(10), log(2, 8), log10(1000), log2(8), cbrt(8), hypot(3, 4), atan2(1, 1)
SELECT ln(0), ln(-1), log(0), sqrt(-1), acos(2), asin(0.5D)
SELECT 1 / 0.0D
SELECT 1 % 0
SELECT try_divide(1, 0), try_add(2147483647, 1), try_subtract(-2147483648, 1), try_multiply(2147483647, 2), try_divide(10, 4), try_mod(5, 0)
SELECT greatest(1, 2.5, 3), least(1, NULL, 0.5), greatest('a', 'b'), greatest(DATE'2024-01-01', DATE'2023-01-01')
SELECT factorial(5), factorial(21), conv('100', 2, 10), conv('-10', 16, -10), conv('ff', 16, 2), bin(10), hex(255), shiftleft(1, 4), shiftright(-8, 1), 5 & 3, 5 | 3, 5 ^ 3, ~5, bit_count(255)
SELECT width_bucket(5.3, 0.2, 10.6, 5), rint(2.5), rint(3.5), degrees(3.141592653589793), radians(180), nanvl(CAST('NaN' AS DOUBLE), 1.0D), isnan(CAST('NaN' AS DOUBLE))
SELECT 0.1D + 0.2D, 1e10D, 1e-5D, 123456789.0D, 0.001D, 1.0E7D, 100.0D, CAST(1.5 AS FLOAT) * 2
SELECT '5' + 1, '5' * 2.0D, '3' - '1'
SELECT '5' + 1.5, 5 + '1.5'
SELECT 3 = 3.0, 3 = '3', '2024-01-01' = DATE'2024-01-01', 1 < 2L, true = 1
SELECT 5 BETWEEN 1 AND 10, 'b' BETWEEN 'a' AND 'c', 5 NOT BETWEEN 1 AND 4, 1 IN (1, 2, 3), 'a' IN ('b'), NULL IN (1), 1 NOT IN (2, NULL)
SELECT coalesce(NULL, 1, 2.5), nvl(NULL, 'x'), nvl2(1, 'a', 'b'), nullif(1, 1), nullif(1, 2), ifnull(NULL, 3), if(1 > 2, 'a', 'b'), zeroifnull(NULL), nullifzero(0)
SELECT CASE WHEN 1 > 2 THEN 'a' WHEN 2 > 1 THEN 'b' END, CASE 3 WHEN 1 THEN 'x' WHEN 3 THEN 'y' ELSE 'z' END, CASE WHEN false THEN 1 ELSE 2.5 END
SELECT NOT true, true AND NULL, false AND NULL, true OR NULL, NULL IS NULL, 1 IS NOT NULL, true IS TRUE, NULL IS NOT FALSE, 1 IS DISTINCT FROM NULL, 1 <=> 1
SELECT decode(2, 1, 'one', 2, 'two', 'other'), decode(5, 1, 'one', 'other'), decode(NULL, NULL, 'n')
""",
    "casts": """
SELECT CAST('12' AS INT), CAST(' 12 ' AS INT), CAST('-5' AS BIGINT), CAST('+7' AS SMALLINT), CAST('1.5' AS DOUBLE), CAST('1e3' AS DOUBLE), CAST('12.345' AS DECIMAL(10,2)), CAST('abc' AS STRING)
SELECT CAST('1e3' AS INT)
SELECT CAST('' AS DOUBLE)
SELECT CAST('abc' AS DOUBLE)
SELECT CAST('abc' AS DATE)
SELECT CAST('abc' AS BOOLEAN)
SELECT CAST('300' AS TINYINT)
SELECT try_cast('1.5' AS INT), try_cast('x' AS DATE), try_cast('300' AS TINYINT), try_cast('maybe' AS BOOLEAN), try_cast('9999999999' AS INT), try_cast('x' AS DOUBLE), try_cast('x' AS DECIMAL(5,2)), try_cast(1e20D AS INT), try_cast('2024-02-30' AS DATE)
SELECT CAST(3.99D AS INT), CAST(-3.99D AS INT), CAST(3.99 AS BIGINT), CAST(2.5 AS DECIMAL(3,0)), CAST(1.005D AS DECIMAL(10,2)), CAST(true AS INT), CAST(0 AS BOOLEAN), CAST(2 AS BOOLEAN), CAST(1.5D AS BOOLEAN)
SELECT CAST(1e20D AS BIGINT)
SELECT CAST(1000 AS TINYINT)
SELECT CAST(1234.5 AS DECIMAL(4,1)), CAST(99999 AS DECIMAL(4,1))
SELECT CAST(1.0D AS STRING), CAST(100D AS STRING), CAST(1.0E-4D AS STRING), CAST(12345678.9D AS STRING), CAST(CAST(1.1 AS FLOAT) AS STRING), CAST(1.10 AS STRING), CAST(true AS STRING), CAST(DATE'2024-01-05' AS STRING), CAST(TIMESTAMP'2024-01-05 10:00:00.5' AS STRING), CAST(X'414243' AS STRING), CAST('é' AS BINARY)
SELECT CAST(array(1, NULL, 3) AS STRING), CAST(named_struct('a', 1, 'b', NULL) AS STRING), CAST(map('k', 1.5D) AS STRING), CAST(array('x', 'y') AS STRING), CAST(array(array(1)) AS STRING)
SELECT CAST('2024-01-05' AS TIMESTAMP), CAST('2024-01-05 10:11:12.123456' AS TIMESTAMP), CAST('2024-01-05T10:11:12+01:00' AS TIMESTAMP), CAST('2024-01-05 10:11' AS TIMESTAMP), CAST(DATE'2024-01-05' AS TIMESTAMP), CAST(TIMESTAMP'2024-01-05 23:59:59' AS DATE)
SELECT CAST(1.5D AS TIMESTAMP), CAST(TIMESTAMP'2024-01-05 00:00:01.5' AS BIGINT), CAST(TIMESTAMP'2024-01-05 00:00:01.5' AS DOUBLE), CAST(-1 AS TIMESTAMP)
SELECT CAST(TIMESTAMP'2024-01-05 10:00:00' AS TIMESTAMP_NTZ), TIMESTAMP_NTZ'2024-01-05 10:00:00'
SELECT CAST(array(1, 2) AS ARRAY<STRING>), CAST(array('1', '2') AS ARRAY<INT>), CAST(named_struct('a', 1) AS STRUCT<b: STRING>), CAST(map('a', '1') AS MAP<STRING, INT>)
SELECT '12'::int, 12::string, int('5'), string(5), double('1.5'), date('2024-01-05'), boolean('true'), decimal('5'), bigint(5), timestamp('2024-01-05 00:00:00')
SELECT CAST(NULL AS INT), CAST(NULL AS STRING), NULL
SELECT CAST('2024-1-5' AS DATE), CAST('2024-01-05T00' AS DATE), CAST(' 2024-01-05 ' AS DATE)
SELECT CAST('2024/01/05' AS DATE)
SELECT CAST('t' AS BOOLEAN), CAST('NO' AS BOOLEAN), CAST(' yes ' AS BOOLEAN)
""",
    "strings": """
SELECT upper('aß'), lower('ÀB'), length('héllo'), char_length('abc '), octet_length('é'), bit_length('a'), reverse('abc'), initcap('hello wORLD'), repeat('ab', 3), space(2), ascii('a'), char(97), concat('a', 'b', 1), concat('a', NULL), 'a' || 1
SELECT substring('hello', 2), substring('hello', 2, 3), substring('hello', -3), substring('hello', -3, 2), substring('hello', 0, 2), substring('hello', 10), substring('hello', -10, 7), substring('hello', 2, -1), substr('hello', 2, 2), left('abc', 2), right('abc', 2), left('abc', -1), right('abc', 0)
SELECT trim('  a  '), ltrim('  a'), rtrim('a  '), trim(BOTH 'x' FROM 'xxaxx'), trim(LEADING 'x' FROM 'xxaxx'), trim(TRAILING 'x' FROM 'xxaxx'), btrim('xxaxx', 'x'), trim('\\ta\\t')
SELECT lpad('5', 3, '0'), rpad('5', 3, 'ab'), lpad('12345', 3, '0'), lpad('a', 5), rpad('a', -1, 'x')
SELECT instr('hello', 'l'), locate('l', 'hello'), locate('l', 'hello', 4), position('l' IN 'hello'), locate('z', 'hello'), locate('l', 'hello', 0), find_in_set('b', 'a,b,c'), find_in_set('a,b', 'a,b')
SELECT replace('aaa', 'a', 'b'), replace('abc', 'b'), translate('abc', 'ab', 'x'), overlay('Spark SQL' PLACING '_' FROM 6), overlay('Spark SQL' PLACING 'CORE' FROM 7), substring_index('a.b.c', '.', 2), substring_index('a.b.c', '.', -1), substring_index('abc', '.', 1), split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1), split_part('a,b', ',', 5)
SELECT split('a,b,,c', ','), split('a1b2c', '[0-9]'), split('', ','), split('abc', ''), split('a,b,c', ',', 2), split('a,b,c,,', ',', -1), split('a  b', ' +')
SELECT regexp_replace('100-200', '(\\\\d+)', 'num'), regexp_replace('a.b.c', '\\\\.', '-'), regexp_replace('abc', '(b)', '[$1]'), regexp_replace('aaa', 'a', 'b', 2), regexp_replace('foo', 'o$', 'x')
SELECT regexp_extract('100-200', '(\\\\d+)-(\\\\d+)', 1), regexp_extract('100-200', '(\\\\d+)-(\\\\d+)', 2), regexp_extract('abc', '(\\\\d+)', 1), regexp_extract('a1', '([a-z])(\\\\d)', 0), regexp_extract_all('100-200, 300-400', '(\\\\d+)-(\\\\d+)', 1), regexp_count('Steven Jones', 'e'), regexp_instr('abc', 'c'), regexp_substr('Steven', 'e+'), regexp_substr('abc', 'x')
SELECT 'abc' RLIKE 'b', 'abc' RLIKE '^b', '20240101' RLIKE '^[0-9]{8}$', 'ab' RLIKE '(?<=a)b', 'abc' LIKE 'a%', 'abc' LIKE '_b_', 'a%c' LIKE 'a\\\\%c', 'ABC' ILIKE 'abc', 'a_c' LIKE 'a!_c' ESCAPE '!', 'abc' NOT LIKE 'x%', 'x' LIKE ANY ('a', 'x'), 'abc' LIKE ALL ('a%', '%c')
SELECT concat_ws(',', 'a', NULL, 'b'), concat_ws(',', array('a', 'b')), concat_ws('-', 'x', array('a', NULL, 'b'), 'y'), concat_ws(','), concat_ws(NULL, 'a')
SELECT md5('abc'), sha1('abc'), sha2('abc', 256), sha2('abc', 512), sha2('abc', 0), crc32('abc'), base64('abc'), unbase64('YWJj'), hex('abc'), unhex('616263'), hash('abc', 1, NULL), xxhash64('abc'), hash(1.5D, 2L, true), xxhash64(1, 2L), hash(DATE'2024-01-01')
SELECT format_number(1234567.891, 2), format_number(0.5, 0), format_number(1.5, 0), format_number(-1234.5D, 1), format_string('%s has %d items at %.2f', 'x', 3, 1.5D), printf('%05d|%-5s|%5s', 42, 'ab', 'cd')
SELECT soundex('Robert'), soundex('Ashcraft'), levenshtein('kitten', 'sitting'), levenshtein('kitten', 'sitting', 2), url_encode('a b&c'), url_decode('a+b%26c'), parse_url('https://u@ex.com:80/p/a?x=1&y=2#f', 'HOST'), parse_url('https://ex.com/p?x=1&y=2', 'QUERY', 'y'), parse_url('https://ex.com/p?x=1', 'PATH'), mask('Ab12-x'), mask('Ab12', 'Q', 'q', 'd'), luhn_check('8112189876')
SELECT to_number('1,234.5', '9,999.9'), try_to_number('x', '999'), to_number('$12', '$99'), contains('abc', 'b'), startswith('abc', 'a'), endswith('abc', 'c'), elt(2, 'a', 'b'), encode('a', 'UTF-8'), decode(X'61', 'UTF-8'), to_binary('61', 'hex')
SELECT 'a' < 'b', 'A' < 'a', 'abc' = 'ABC', length(''), '' IS NULL, char_length(NULL), chr(256 + 65)
SELECT str_to_map('a:1,b:2'), str_to_map('a=1;b', ';', '='), listagg(x, '-') FROM VALUES ('p') t(x)
""",
    "dates": """
SELECT year(DATE'2024-03-05'), month(DATE'2024-03-05'), day(DATE'2024-03-05'), quarter(DATE'2024-03-05'), dayofweek(DATE'2024-03-05'), weekday(DATE'2024-03-05'), dayofyear(DATE'2024-03-05'), weekofyear(DATE'2024-12-30'), dayname(DATE'2024-03-05'), monthname(DATE'2024-03-05'), last_day(DATE'2024-02-05')
SELECT hour(TIMESTAMP'2024-03-05 14:07:09.5'), minute(TIMESTAMP'2024-03-05 14:07:09.5'), second(TIMESTAMP'2024-03-05 14:07:09.5'), extract(SECOND FROM TIMESTAMP'2024-03-05 14:07:09.5'), extract(YEAR FROM DATE'2024-03-05'), date_part('week', DATE'2024-03-05'), date_part('dow', DATE'2024-03-05'), extract(DOY FROM DATE'2024-03-05')
SELECT year('2024-03-05'), hour('2024-03-05 10:11:12'), month(TIMESTAMP'2024-03-05 00:00:00')
SELECT date_add(DATE'2024-02-28', 2), date_sub(DATE'2024-03-01', 1), DATE'2024-02-28' + 1, DATE'2024-03-01' - 1, DATE'2024-03-05' - DATE'2024-03-01', datediff(DATE'2024-03-05', DATE'2024-03-01'), datediff('2024-03-05', '2024-03-01'), date_add('2024-01-01', 1), dateadd(DAY, 3, DATE'2024-01-01'), add_months(DATE'2024-01-31', 1), add_months(DATE'2024-02-29', -12)
SELECT DATE'2024-01-31' + INTERVAL 1 MONTH, TIMESTAMP'2024-01-31 10:00:00' + INTERVAL 1 DAY, TIMESTAMP'2024-01-31 10:00:00' - INTERVAL '2' HOUR, DATE'2024-01-01' + INTERVAL 1 YEAR, DATE'2024-01-01' + INTERVAL 2 HOUR, '2024-01-01' + INTERVAL 1 DAY
SELECT months_between(DATE'2024-03-31', DATE'2024-02-29'), months_between(TIMESTAMP'1997-02-28 10:30:00', TIMESTAMP'1996-10-30 00:00:00'), months_between('2024-03-15', '2024-01-01'), next_day(DATE'2024-03-05', 'Tue'), next_day(DATE'2024-03-05', 'FRIDAY')
SELECT trunc(DATE'2024-05-17', 'MM'), trunc(DATE'2024-05-17', 'YEAR'), trunc(DATE'2024-05-17', 'Q'), trunc(DATE'2024-05-17', 'QUARTER'), trunc(DATE'2024-05-17', 'WEEK'), date_trunc('HOUR', TIMESTAMP'2024-05-17 10:11:12'), date_trunc('DAY', TIMESTAMP'2024-05-17 10:11:12'), date_trunc('QUARTER', DATE'2024-05-17'), date_trunc('YEAR', '2024-05-17'), CAST(date_trunc('MONTH', DATE'2024-05-17') AS DATE), date_trunc('nope', DATE'2024-05-17')
SELECT date_format(DATE'2024-03-05', 'yyyy-MM-dd'), date_format(TIMESTAMP'2024-03-05 14:07:09.123', 'dd/MM/yy HH:mm:ss.SSS'), date_format(DATE'2024-03-05', 'EEE, d MMM yyyy'), date_format(DATE'2024-03-05', 'MMMM'), date_format(TIMESTAMP'2024-03-05 00:07:09', 'h:mm a'), date_format(DATE'2024-03-05', 'yyyy-QQ'), date_format(DATE'2024-03-05', "yyyy'T'MM"), date_format('2024-03-05', 'yyyyMMdd'), date_format(TIMESTAMP'2024-03-05 14:07:09.123456', 'SSSSSS'), date_format(DATE'2024-03-05', 'D')
SELECT to_date('2024-03-05'), to_date('05/03/2024', 'dd/MM/yyyy'), to_date('20240305', 'yyyyMMdd'), to_date('5 Mar 2024', 'd MMM yyyy'), to_timestamp('2024-03-05 14:07:09'), to_timestamp('05.03.2024 14:07', 'dd.MM.yyyy HH:mm'), to_timestamp('2024-03-05T14:07:09Z', "yyyy-MM-dd'T'HH:mm:ssX"), to_timestamp('2024-03-05 02:07 PM', 'yyyy-MM-dd hh:mm a'), to_date('24', 'yy')
SELECT to_date('5/3/2024', 'dd/MM/yyyy')
SELECT to_date('2024-02-30', 'yyyy-MM-dd')
SELECT to_date('x')
SELECT try_to_timestamp('x'), try_to_timestamp('2024-13-01', 'yyyy-MM-dd'), try_to_date('x', 'yyyy'), try_to_date('20240230', 'yyyyMMdd'), try_to_date('20240229', 'yyyyMMdd')
SELECT unix_timestamp('2024-03-05 14:07:09'), unix_timestamp('05/03/2024', 'dd/MM/yyyy'), unix_timestamp(TIMESTAMP'2024-03-05 14:07:09'), from_unixtime(0), from_unixtime(1700000000, 'yyyy-MM-dd HH'), to_unix_timestamp('2024-03-05', 'yyyy-MM-dd'), timestamp_seconds(1700000000.5), timestamp_millis(1), timestamp_micros(1), unix_seconds(TIMESTAMP'1969-12-31 23:59:59.5'), unix_millis(TIMESTAMP'2024-01-01 00:00:00.123'), unix_date(DATE'2024-01-01'), date_from_unix_date(-1)
SELECT timestampdiff(MONTH, TIMESTAMP'2024-01-31 00:00:00', TIMESTAMP'2024-03-01 00:00:00'), timestampdiff(DAY, DATE'2024-01-01', DATE'2024-03-01'), timestampadd(MONTH, 1, TIMESTAMP'2024-01-31 00:00:00'), timestampadd(HOUR, -5, TIMESTAMP'2024-01-31 00:00:00'), date_diff(DATE'2024-01-05', DATE'2024-01-01'), timestampdiff(YEAR, DATE'2020-02-29', DATE'2024-02-28')
SELECT make_date(2024, 2, 29), make_timestamp(2024, 1, 2, 3, 4, 5.678), from_utc_timestamp('2024-07-01 12:00:00', 'America/New_York'), to_utc_timestamp('2024-07-01 12:00:00', 'America/New_York'), TIMESTAMP'2024-01-01 00:00:00+02:00', DATE'2024-01-05' < TIMESTAMP'2024-01-05 00:00:01'
SELECT make_date(2023, 2, 29)
SELECT sequence(DATE'2024-01-01', DATE'2024-01-03'), sequence(DATE'2024-01-31', DATE'2024-03-31', INTERVAL 1 MONTH), sequence(TIMESTAMP'2024-01-01 00:00:00', TIMESTAMP'2024-01-01 02:00:00', INTERVAL 1 HOUR)
SELECT window(TIMESTAMP'2024-01-01 10:07:00', '1 hour').end
SELECT window.start, window.end, count(*) FROM VALUES (TIMESTAMP'2024-01-01 10:07:00'), (TIMESTAMP'2024-01-01 10:09:00') t(x) GROUP BY window(x, '10 minutes')
""",
    "collections": """
SELECT array(1, 2, 3), array('a', 1), array(), array(1, NULL)[1], array(1, 2)[0], get(array(1, 2), 5), element_at(array(1, 2, 3), -1), element_at(map('a', 1), 'a'), element_at(map('a', 1), 'z'), map('a', 1)['a'], size(array(1, 2)), size(map('a', 1)), cardinality(array()), array_size(array(1))
SELECT array(1, 2)[2]
SELECT element_at(array(1, 2), 0)
SELECT array_contains(array(1, 2), 2), array_contains(array(1, NULL), 2), array_position(array(3, 2, 1), 1), array_position(array(1), 9), array_distinct(array(2, 1, 2, NULL, NULL)), array_union(array(2, 1), array(3, 2)), array_intersect(array(3, 1, 2), array(2, 3)), array_except(array(3, 1, 3, 2), array(2)), array_remove(array(1, 2, NULL, 2), 2), array_repeat('x', 3), array_compact(array(1, NULL, 2))
SELECT array_append(array(1), 2), array_prepend(array(1), 0), array_insert(array(1, 3), 2, 2), array_insert(array(1, 2), -1, 9), array_insert(array(1), 5, 9), array_max(array(1, 3, NULL)), array_min(array(3, 1)), array_join(array('a', NULL, 'b'), ','), array_join(array('a', NULL), ',', 'n'), arrays_overlap(array(1, 2), array(2)), arrays_overlap(array(1, NULL), array(2)), flatten(array(array(1, 2), array(3)))
SELECT sort_array(array(2, NULL, 1)), sort_array(array(2, NULL, 1), false), array_sort(array(2, NULL, 1)), reverse(array(1, 2)), slice(array(1, 2, 3, 4), 2, 2), slice(array(1, 2, 3), -2, 2), slice(array(1, 2), 3, 1), sequence(1, 5), sequence(5, 1), sequence(1, 10, 3), sequence(5, 1, -2), concat(array(1), array(2, 3))
SELECT transform(array(1, 2), x -> x + 1), transform(array(1, 2), (x, i) -> x * i), filter(array(1, 2, 3), x -> x > 1), filter(array(5, 6), (x, i) -> i > 0), exists(array(1, 2), x -> x > 1), exists(array(1, NULL), x -> x > 1), forall(array(1, 2), x -> x > 0), forall(array(1, NULL), x -> x > 0), aggregate(array(1, 2, 3), 0, (a, x) -> a + x), aggregate(array(1, 2, 3), 0, (a, x) -> a + x, a -> a * 10), reduce(array(1, 2), 0, (a, x) -> a + x), zip_with(array(1, 2), array(3, 4), (x, y) -> x + y), zip_with(array(1, 2), array(3), (x, y) -> x + coalesce(y, 0))
SELECT map('a', 1, 'b', 2), map_keys(map('a', 1)), map_values(map('a', 1)), map_entries(map('a', 1)), map_from_arrays(array('a', 'b'), array(1, 2)), map_from_entries(array(struct('a', 1))), map_concat(map('a', 1), map('b', 2)), map_contains_key(map('a', 1), 'a'), map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1), transform_values(map('a', 1), (k, v) -> v + 1), transform_keys(map('a', 1), (k, v) -> upper(k)), map()
SELECT named_struct('a', 1, 'b', 'x'), struct(1 AS a, 'x' AS b), struct(1, 'x'), named_struct('a', named_struct('b', 5)).a.b, array(named_struct('a', 1), named_struct('a', 2)).a, arrays_zip(array(1, 2), array('a', 'b'))
SELECT explode(array(10, 20))
SELECT explode(map('a', 1, 'b', 2))
SELECT posexplode(array('a', 'b'))
SELECT explode_outer(CAST(array() AS ARRAY<INT>))
SELECT id, v FROM VALUES (1, array('a', 'b')), (2, array()), (3, NULL) t(id, a) LATERAL VIEW OUTER explode(a) e AS v
SELECT id, p, v FROM VALUES (1, array('a', 'b')), (2, array()) t(id, a) LATERAL VIEW posexplode(a) e AS p, v
SELECT id, explode(a) AS x FROM VALUES (1, array(1, 2)) t(id, a)
SELECT id, k, v FROM VALUES (1, map('x', 9)) t(id, m) LATERAL VIEW explode(m) e AS k, v
SELECT inline(array(struct(1, 'a'), struct(2, 'b')))
SELECT stack(2, 1, 'a', 2, 'b') AS (n, s)
SELECT t.id, e.x FROM VALUES (1, array(1, 2)) t(id, a), LATERAL explode(t.a) AS e(x)
SELECT * FROM explode(array(1, 2))
SELECT from_json('{"a":1,"b":"x","c":[1,2],"d":{"e":1.5}}', 'a INT, b STRING, c ARRAY<INT>, d STRUCT<e: DOUBLE>')
SELECT from_json('{"a":"1","b":5,"c":true,"d":"2024-01-05","e":"2024-01-05T01:02:03Z","f":12.345}', 'a INT, b STRING, c BOOLEAN, d DATE, e TIMESTAMP, f DECIMAL(6,2)')
SELECT from_json('{"a":1.5,"b":{"x":1},"c":[1],"d":99999999999}', 'a INT, b STRING, c STRING, d INT')
SELECT from_json('{"a":1', 'a INT'), from_json(NULL, 'a INT'), from_json('[1,2]', 'ARRAY<INT>'), from_json('{"x":1,"y":2}', 'MAP<STRING, INT>'), from_json('', 'a INT'), from_json('{"a":null}', 'a INT')
SELECT to_json(named_struct('a', 1, 'b', NULL, 'c', array(1, 2), 'd', map('k', 1.0D))), to_json(array(named_struct('a', 1))), to_json(named_struct('t', TIMESTAMP'2024-01-05 01:02:03.5', 'd', DATE'2024-01-05', 'x', 1.10, 's', 'q"q'))
SELECT get_json_object('{"a":{"b":[1,{"c":"x"}]}}', '$.a.b[1].c'), get_json_object('{"a":1.50}', '$.a'), get_json_object('{"a":true}', '$.a'), get_json_object('{"a":[1,2]}', '$.a'), get_json_object('{"a":1}', '$.b'), get_json_object('{"a b":1}', "$['a b']"), json_array_length('[1,2,3]'), json_array_length('{"a":1}'), json_object_keys('{"a":1,"b":2}')
SELECT json_tuple('{"a":1,"b":"x"}', 'a', 'b', 'c')
SELECT schema_of_json('{"b":1,"a":[1.5]}'), parse_json('{"a":[1,2]}'):a[1]::int, parse_json('{"a":{"b":"x"}}'):a.b::string, variant_get(parse_json('{"a":5}'), '$.a', 'int'), try_variant_get(parse_json('{"a":"x"}'), '$.a', 'int')
""",
    "queries": """
SELECT a, sum(b) AS s FROM VALUES ('x', 1), ('y', 2), ('x', 3) t(a, b) GROUP BY a ORDER BY a
SELECT a AS k, count(*) FROM VALUES ('x', 1), ('y', 2), ('x', 3) t(a, b) GROUP BY k HAVING count(*) > 1
SELECT a, sum(b) FROM VALUES ('x', 1), ('y', 2), ('x', 3) t(a, b) GROUP BY ALL ORDER BY sum(b) DESC
SELECT upper(a) AS u, max(b) FROM VALUES ('x', 1), ('X', 2) t(a, b) GROUP BY upper(a) ORDER BY upper(a)
SELECT a, b, sum(c) FROM VALUES ('x', 'p', 1), ('x', 'q', 2) t(a, b, c) GROUP BY ROLLUP (a, b) ORDER BY a NULLS LAST, b NULLS LAST
SELECT a, grouping(a), sum(c) FROM VALUES ('x', 1), ('y', 2) t(a, c) GROUP BY CUBE (a) ORDER BY 2, 1
SELECT a, b, sum(c) FROM VALUES ('x', 'p', 1), ('x', 'q', 2) t(a, b, c) GROUP BY GROUPING SETS ((a), (b), ()) ORDER BY a, b
SELECT count(*), count(x), count(DISTINCT x), sum(x), avg(x), min(x), max(x), sum(DISTINCT x), avg(DISTINCT x) FROM VALUES (1), (NULL), (1), (4) t(x)
SELECT sum(x), avg(x), min(x) FROM VALUES (CAST(1.25 AS DECIMAL(10,2))), (2.50), (NULL) t(x)
SELECT count(*), sum(x), collect_list(x), max(x) FROM VALUES (1) t(x) WHERE x > 5
SELECT first(x), last(x), first(x, true), last(x, true), any_value(x), collect_list(x), collect_set(y) FROM VALUES (NULL, 'a'), (1, 'a'), (2, 'a'), (NULL, 'a') t(x, y)
SELECT count_if(x > 1), bool_and(x > 0), bool_or(x > 2), every(x > 1), some(x > 1), max_by(y, x), min_by(y, x), bit_and(x), bit_or(x), bit_xor(x) FROM VALUES (1, 'a'), (2, 'b'), (3, 'c') t(x, y)
SELECT stddev(x), stddev_pop(x), variance(x), var_pop(x), corr(x, y), covar_pop(x, y), covar_samp(x, y), skewness(x), kurtosis(x) FROM VALUES (1, 2), (2, 4), (4, 5) t(x, y)
SELECT percentile(x, 0.5), percentile(x, array(0.25, 0.75)), percentile_approx(x, 0.5), median(x), percentile_cont(0.5) WITHIN GROUP (ORDER BY x), percentile_disc(0.5) WITHIN GROUP (ORDER BY x) FROM VALUES (1), (2), (3), (10) t(x)
SELECT sum(x) FILTER (WHERE x > 1), count(*) FILTER (WHERE y = 'a'), collect_list(x) FILTER (WHERE x < 3) FROM VALUES (1, 'a'), (2, 'b'), (3, 'a') t(x, y)
SELECT x, row_number() OVER (ORDER BY x DESC), rank() OVER (ORDER BY y), dense_rank() OVER (ORDER BY y), ntile(2) OVER (ORDER BY x), percent_rank() OVER (ORDER BY x), cume_dist() OVER (ORDER BY x) FROM VALUES (1, 1), (2, 1), (3, 2) t(x, y) ORDER BY x
SELECT x, lag(x) OVER (ORDER BY x), lead(x, 1, 0) OVER (ORDER BY x), sum(x) OVER (ORDER BY x), sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), avg(x) OVER (), first_value(x) OVER (ORDER BY x), last_value(x) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), nth_value(x, 2) OVER (ORDER BY x) FROM VALUES (1), (2), (3) t(x) ORDER BY x
SELECT k, v, sum(v) OVER (PARTITION BY k ORDER BY v) AS r, count(*) OVER w FROM VALUES ('a', 1), ('a', 2), ('b', 3) t(k, v) WINDOW w AS (PARTITION BY k) ORDER BY k, v
SELECT k, sum(v) AS s, rank() OVER (ORDER BY sum(v) DESC) AS r FROM VALUES ('a', 1), ('a', 2), ('b', 5) t(k, v) GROUP BY k ORDER BY r
SELECT * FROM (SELECT k, row_number() OVER (PARTITION BY k ORDER BY v) AS rn FROM VALUES ('a', 1), ('a', 2) t(k, v)) WHERE rn = 1
SELECT a.x, b.y FROM VALUES (1), (2) a(x) LEFT JOIN VALUES (1, 'p') b(x, y) ON a.x = b.x ORDER BY a.x
SELECT * FROM VALUES (1, 'l') a(x, l) FULL JOIN VALUES (2, 'r') b(x, r) USING (x) ORDER BY x
SELECT * FROM VALUES (1, 'l') a(x, l) NATURAL JOIN VALUES (1, 'r') b(x, r)
SELECT a.x, b.x FROM VALUES (1), (2) a(x) CROSS JOIN VALUES (3) b(x) ORDER BY 1
SELECT * FROM VALUES (1), (2) a(x) LEFT SEMI JOIN VALUES (1) b(x) ON a.x = b.x
SELECT * FROM VALUES (1), (2) a(x) LEFT ANTI JOIN VALUES (1) b(x) ON a.x = b.x
SELECT a.*, b.y FROM VALUES (1) a(x) JOIN VALUES (1, 2) b(x, y) ON a.x <=> b.x
SELECT x FROM VALUES (1), (2), (3) t(x) WHERE x IN (SELECT y FROM VALUES (1), (3) u(y)) ORDER BY x
SELECT x FROM VALUES (1), (2) t(x) WHERE EXISTS (SELECT 1 FROM VALUES (2) u(y) WHERE u.y = t.x)
SELECT x FROM VALUES (1), (2) t(x) WHERE x NOT IN (SELECT y FROM VALUES (1), (NULL) u(y))
SELECT x, (SELECT max(y) FROM VALUES (1, 10), (2, 20) u(k, y) WHERE u.k = t.x) AS m FROM VALUES (1), (2), (3) t(x) ORDER BY x
SELECT x FROM VALUES (1), (5) t(x) WHERE x > (SELECT avg(y) FROM VALUES (1), (3) u(y))
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b
WITH a(p, q) AS (SELECT 1, 2) SELECT q, p FROM a
WITH a AS (SELECT 1 AS x UNION ALL SELECT 2) SELECT a1.x, a2.x FROM a a1 JOIN a a2 ON a1.x < a2.x
SELECT 1 AS x UNION SELECT 1 UNION ALL SELECT 2 ORDER BY x
SELECT 1 AS x INTERSECT SELECT 1
SELECT x FROM VALUES (1), (2) t(x) EXCEPT SELECT 1
SELECT 1 AS x, 'a' AS y UNION ALL SELECT 2.5, 'b' ORDER BY x
SELECT DISTINCT x FROM VALUES (2), (1), (2) t(x) ORDER BY x DESC
SELECT x FROM VALUES (3, 1), (1, 2), (2, 0) t(x, y) ORDER BY y
SELECT x + 1 AS z FROM VALUES (1), (3) t(x) ORDER BY z DESC LIMIT 1
SELECT x FROM VALUES (1), (2), (3), (4) t(x) ORDER BY x LIMIT 2 OFFSET 1
SELECT x FROM VALUES (1), (NULL), (2) t(x) ORDER BY x DESC NULLS FIRST
SELECT * EXCEPT (b), b AS c FROM VALUES (1, 2) t(a, b)
SELECT t.*, s.f FROM (SELECT 1 AS a, named_struct('f', 2) AS s) t
SELECT s.* FROM (SELECT named_struct('f', 2, 'g', 3) AS s)
SELECT a AS b, b AS c FROM VALUES (1, 2) t(a, b)
SELECT sum(a) AS s, s * 2 AS d FROM VALUES (1), (2) t(a)
SELECT * FROM VALUES (1, 'a', 10), (1, 'b', 20) t(id, k, v) PIVOT (sum(v) AS s, count(v) AS c FOR k IN ('a' AS x, 'b'))
SELECT * FROM VALUES (1, 10, NULL) t(id, a, b) UNPIVOT (v FOR k IN (a, b))
SELECT * FROM range(2, 10, 3)
SELECT id FROM range(3) WHERE id > 0
SELECT a.k, count(DISTINCT b.v, b.k) AS n FROM VALUES ('a'), ('b') a(k) LEFT JOIN VALUES ('a', 1), ('a', 1), ('a', NULL) b(k, v) ON a.k = b.k GROUP BY a.k ORDER BY a.k
SELECT t.k, u.n FROM VALUES ('a'), ('b') t(k) JOIN (SELECT k, count(*) AS n FROM VALUES ('a'), ('a') v(k) GROUP BY k) u ON t.k = u.k
SELECT k FROM (SELECT k, v FROM VALUES ('a', 1), ('b', 2) t(k, v) ORDER BY v DESC LIMIT 1)
SELECT coalesce(sum(v), 0) AS s, CASE WHEN sum(v) > 2 THEN 'big' ELSE 'small' END AS c FROM VALUES (1), (2) t(v)
SELECT date_trunc('MONTH', d) AS m, count(*) FROM VALUES (DATE'2024-01-05'), (DATE'2024-01-20'), (DATE'2024-02-01') t(d) GROUP BY date_trunc('MONTH', d) ORDER BY m
SELECT year(d) AS y, sum(v) AS s FROM VALUES (DATE'2024-01-05', 1), (DATE'2023-01-20', 2) t(d, v) GROUP BY year(d) HAVING sum(v) > 0 ORDER BY year(d) DESC
SELECT x, sum(y) OVER (PARTITION BY x ORDER BY y DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM VALUES ('a', 1), ('a', 2), ('a', 2) t(x, y) ORDER BY x, y
SELECT d, sum(v) OVER (ORDER BY d RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS s FROM VALUES (DATE'2024-01-01', 1), (DATE'2024-01-02', 2), (DATE'2024-01-05', 4) t(d, v) ORDER BY d
SELECT max(struct(v, k)).k AS best FROM VALUES ('a', 1), ('b', 3) t(k, v)
SELECT k, collect_list(struct(v, v * 2 AS w)) AS l FROM VALUES ('a', 1), ('a', 2) t(k, v) GROUP BY k
SELECT s.name, size(s.tags) FROM (SELECT from_json('{"name":"n","tags":["p","q"]}', 'name STRING, tags ARRAY<STRING>') AS s)
SELECT x FROM VALUES (1), (2), (3) t(x) WHERE NOT (x = 2 OR x > 2) AND x IS NOT NULL
SELECT DISTINCT a, count(*) OVER (PARTITION BY a) AS n FROM VALUES ('x'), ('x'), ('y') t(a) ORDER BY a
SELECT a, b FROM VALUES (1, 2), (3, 4) t(a, b) WHERE (a, b) IN (SELECT 1, 2)
SELECT concat_ws(' ', first, last) AS full FROM VALUES ('A', NULL), ('B', 'C') t(first, last) ORDER BY full
SELECT sum(CASE WHEN x > 1 THEN 1 ELSE 0 END) / count(*) AS share, round(avg(x), 2) AS m, round(sum(x) / 3, 2) FROM VALUES (1), (2), (4) t(x)
SELECT count(*) AS n, sum(n2) FROM (SELECT count(*) AS n2 FROM VALUES ('a'), ('a'), ('b') t(k) GROUP BY k)
SELECT * FROM (SELECT 1 AS x UNION ALL SELECT 2) t WHERE x > 1
SELECT CAST(SUM(amount) AS DECIMAL(18,2)) AS total, ROUND(AVG(amount), 2) AS mean FROM VALUES (CAST(10.10 AS DECIMAL(10,2))), (20.25) t(amount)
SELECT upper(trim(name)) AS n, length(name) FROM VALUES (' a '), (NULL) t(name) ORDER BY n
SELECT x, if(x % 2 = 0, 'even', 'odd') AS p FROM range(3) t(x)
SELECT stack(2, 'a', x, 'b', y) AS (k, v) FROM VALUES (1, 2) t(x, y)
SELECT nope FROM VALUES (1) t(x)
SELECT x FROM VALUES (1) a(x), VALUES (2) b(x)
SELECT x, sum(y) FROM VALUES (1, 2) t(x, y)
SELECT sum(sum(x)) FROM VALUES (1) t(x)
SELECT x FROM VALUES (1) t(x) WHERE sum(x) > 1
SELECT nosuch(1)
SELECT upper()
SELECT * FROM nosuch_table
SELECT x FROM VALUES (1) t(x) WHERE x
SELECT 1 UNION SELECT 1, 2
""",
}


def shown(v):
    """A day-time interval as the engine renders it: 1 days 2 hours -3 seconds."""
    us = v.days * 86400000000 + v.seconds * 1000000 + v.microseconds
    sign, rest = ("-", -us) if us < 0 else ("", us)
    parts = []
    for unit, size in (("days", 86400000000), ("hours", 3600000000), ("minutes", 60000000)):
        n, rest = divmod(rest, size)
        if n:
            parts.append(f"{sign}{n} {unit}")
    if rest or not parts:
        parts.append(f"{sign}{rest // 1000000}" + (f".{rest % 1000000:06}".rstrip("0") if rest % 1000000 else "") + " seconds")
    return " ".join(parts)


def year_month(text):
    """INTERVAL '-1-2' YEAR TO MONTH as the engine renders it: -1 years -2 months."""
    if text is None:
        return None
    m = re.match(r"INTERVAL '(-?)(?:(\d+)-)?(\d+)' (YEAR|MONTH)( TO MONTH)?$", text)
    first, second = int(m.group(2) or 0), int(m.group(3))
    total = first * 12 + second if m.group(5) else second * (12 if m.group(4) == "YEAR" else 1)
    sign = "-" if m.group(1) and total else ""
    parts = [f"{sign}{n} {unit}" for n, unit in ((total // 12, "years"), (total % 12, "months")) if n]
    return {"interval": " ".join(parts) or "0 seconds"}


def value(v):
    if v is None or isinstance(v, (bool, int, str)):
        return v
    if isinstance(v, float):
        return "NaN" if math.isnan(v) else ("Infinity" if v > 0 else "-Infinity") if math.isinf(v) else v
    if isinstance(v, decimal.Decimal):
        return {"decimal": format(v, "f")}
    if isinstance(v, datetime.datetime):
        text = f"{v.year:04}" + v.strftime("-%m-%dT%H:%M:%S") + (f".{v.microsecond:06d}".rstrip("0") if v.microsecond else "")
        return text
    if isinstance(v, datetime.date):
        return v.isoformat()
    if isinstance(v, datetime.timedelta):
        return {"interval": shown(v)}
    if isinstance(v, (bytes, bytearray)):
        return base64.b64encode(bytes(v)).decode()
    if isinstance(v, dict):
        return {str(k): value(x) for k, x in v.items()}
    if type(v).__name__ == "VariantVal":
        return {"variant": str(v)}
    if hasattr(v, "asDict"):
        return {k: value(x) for k, x in zip(v.__fields__, v)}
    if isinstance(v, (list, tuple)):
        return [value(x) for x in v]
    return str(v)


def pieces(line):
    """SELECT a, b, c without FROM as three queries: an error, or a wrong answer, then is of one expression."""
    if not line.startswith("SELECT ") or line.startswith("SELECT /*"):
        return [line]
    out, depth, quote, start, i = [], 0, "", 7, 7
    while i < len(line):
        c = line[i]
        if quote:
            if c == "\\" and quote != "`":
                i += 1
            elif c == quote:
                quote = ""
        elif c in "'\"`":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif depth == 0 and c == ",":
            out.append(line[start:i])
            start = i + 1
        elif depth == 0 and re.match(r"\s(FROM|UNION|WHERE|INTERSECT|EXCEPT|AS|--)\b", line[i:]):
            return [line]
        i += 1
    return [line] if quote or depth else ["SELECT " + e.strip() for e in [*out, line[start:]]]


def groups():
    """name -> (queries, whether ANSI mode is on)."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    import spark_pairs
    out = {name: (text.strip().split("\n"), True) for name, text in QUERIES.items()}
    files = {}
    for name in sorted(os.listdir(os.path.join(here, "queries"))):
        with open(os.path.join(here, "queries", name), encoding="utf-8") as f:
            files[name[:-4]] = [q for line in f if line.strip() for q in pieces(line.rstrip("\n"))]
    out |= {name: (queries, True) for name, queries in files.items()}
    out["legacy_math"] = (files["math"], False)
    out |= {name: ([f"SELECT {e}" for e in make()], True) for name, make in spark_pairs.GROUPS.items()}
    out |= {name: ([f"SELECT {e}" for e in make()], False) for name, make in spark_pairs.LEGACY.items()}
    return out


def answer(spark, q):
    """The case of a query; None where it is Python that cannot take the answer."""
    from pyspark.errors import PySparkException
    from pyspark.sql.types import YearMonthIntervalType
    try:
        df = spark.sql(q)
        types, names = [t for _, t in df.dtypes], df.columns
        months = [isinstance(f.dataType, YearMonthIntervalType) for f in df.schema]
        if any(months):
            df = df.toDF(*[f"c{i}" for i in range(len(months))])
            df = df.selectExpr(*[f"CAST(c{i} AS STRING)" if m else f"c{i}" for i, m in enumerate(months)])
        rows = [[year_month(v) if m else value(v) for v, m in zip(r, months)] for r in df.collect()]
        return {"q": q, "types": types, "names": names, "rows": rows}
    except PySparkException as e:
        m = re.search(r"\[([A-Z_0-9.]+)\]", str(e))
        return {"q": q, "error": m.group(1) if m else str(e)[:80]}
    except Exception as e:
        m = re.search(r"\[([A-Z_0-9]+[.A-Z_0-9]*)\]", str(e))
        return {"q": q, "error": m.group(1)} if m else None


def main():
    os.environ["TZ"] = "UTC"
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC")
             .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases", "engine")
    os.makedirs(folder, exist_ok=True)
    every = groups()
    for group in sys.argv[1:] or every:
        queries, ansi = every[group]
        spark.conf.set("spark.sql.ansi.enabled", str(ansi).lower())
        cases = [case for q in dict.fromkeys(queries) if (case := answer(spark, q))]
        with open(os.path.join(folder, f"spark_{group}.json"), "w", encoding="utf-8") as f:
            f.write('{"spark": %s, "ansi": %s, "cases": [\n' % (json.dumps(spark.version), json.dumps(ansi)))
            f.write(",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]}\n")
        print(group, len(cases), sum("error" in c for c in cases), flush=True)


if __name__ == "__main__":
    main()
