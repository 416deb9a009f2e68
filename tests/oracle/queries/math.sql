SELECT acosh(1), acosh(2.5D), acosh(0.5D), acosh(NULL), asinh(0), asinh(-1.5D), asinh(1e10D), atanh(0), atanh(0.5D), atanh(1), atanh(-1), atanh(2)
SELECT atan(0), atan(1), atan(-1e300D), atan('1'), cos(0), cos(3.141592653589793D), cosh(0), cosh(1), cosh(1000), sin(0), sin(1), sinh(0), sinh(-1), sinh(1000), tan(0), tan(1), tanh(0), tanh(1), tanh(100)
SELECT cot(1), cot(0.5D), cot(0), csc(1), csc(0), sec(0), sec(1), cot(NULL), csc(NULL), sec(NULL)
SELECT expm1(0), expm1(1e-10D), expm1(1), expm1(NULL), log1p(0), log1p(1e-10D), log1p(-1), log1p(-2), log1p(NULL)
SELECT pi(), e(), signum(-2.5D), signum(0), signum(NULL), signum(INTERVAL '-1' DAY), sign(5), sign(-0.5), sign(0.0D)
SELECT ceiling(1.2), ceiling(-1.2D), ceiling(5), ceiling(NULL), ceiling(3.14159, 2), ceiling(-0.1D), ceil(1e10D), floor(-1e10D), floor(NULL)
SELECT pow(2, 3), pow(2, -1), pow(0, 0), pow(-8, 1.0D / 3), pow(NULL, 1), pow('2', '3'), power(1e200D, 2)
SELECT mod(7, 3), mod(-7, 3), mod(7.5, 2), mod(NULL, 3), mod(7Y, 3S), mod(5.5D, -2)
SELECT mod(1, 0)
SELECT 7 / 0
SELECT 7 div 0
SELECT pmod(7, 0)
SELECT pmod(-7, 3), pmod(7, -3), pmod(-7, -3), pmod(-7.5, 2), pmod(NULL, 2), pmod(-1L, 5L)
SELECT bit_get(11, 0), bit_get(11, 2), bit_get(11L, 3), getbit(11, 1), getbit(-1, 31), getbit(NULL, 0), bit_count(-1), bit_count(0), bit_count(true), bit_count(NULL)
SELECT bit_get(11, 32)
SELECT getbit(11, -1)
SELECT shiftrightunsigned(-8, 1), shiftrightunsigned(8L, 1), shiftrightunsigned(-1L, 60)
SELECT shiftleft(1, 33), shiftleft(1L, 33), shiftright(-16, 2), shiftleft(NULL, 1), 1 << 2, -8 >> 1
SELECT abs(NULL), abs(-9223372036854775807), abs(-1.5), abs(CAST(-2.5 AS FLOAT)), abs('-3'), abs(INTERVAL '-1' DAY)
SELECT abs(CAST(-128 AS TINYINT))
SELECT abs(-2147483648)
SELECT -(-2147483648)
SELECT negative(CAST(-128 AS TINYINT))
SELECT round(NULL), round(2.5), round(3.5), round(-0.5D), round(1234.5678, -2), round(1234.5678D, 2), round(1234, -2), round(150, -2), round(25, -1), round(CAST(12.5 AS FLOAT)), round(1e20D, 2), round(5, 3), round(2.55, 1), round(-2.55, 1)
SELECT round(2147483647, -1)
SELECT round(125Y, -1)
SELECT bround(2.5), bround(3.5), bround(-2.5), bround(2.675, 2), bround(NULL), bround(35, -1), bround(0.5D), bround(1.5D)
SELECT round('2.5'), round(CAST('NaN' AS DOUBLE)), round(CAST('Infinity' AS DOUBLE), 1), round(1.23456789D, 20), round(0.000012345D, 7)
SELECT sqrt(-1), sqrt(0), sqrt(NULL), sqrt('4'), cbrt(-27), cbrt(0), cbrt(NULL), exp(0), exp(710), exp(-1000), exp(NULL)
SELECT ln(1), ln(NULL), log(10), log(10, 100), log(1, 5), log(0, 5), log(-2, 4), log(2, 0), log2(0), log2(1), log10(0), log10(-1), log10(NULL)
SELECT degrees(0), degrees(NULL), radians(NULL), degrees(1e10D), hypot(NULL, 1), hypot(0, 0), hypot(1e200D, 1e200D), atan2(0, 0), atan2(-1, -1), atan2(NULL, 1), atan2(0, -1)
SELECT factorial(0), factorial(20), factorial(-1), factorial(NULL), factorial(1)
SELECT conv('7', 10, 2), conv('-1', 10, 16), conv('zz', 36, 10), conv('', 10, 2), conv('9', 8, 10), conv('12x', 10, 10), conv(NULL, 10, 2), conv('10', 1, 2), conv('10', 2, 37), conv('18446744073709551615', 10, 16), conv('FF', 16, -10)
SELECT bin(0), bin(-1), bin(NULL), bin(5L), hex(0), hex(-1), hex('é'), hex(X'00FF'), hex(NULL), hex(17L), unhex('F'), unhex('zz'), unhex(''), unhex(NULL)
SELECT greatest(NULL, NULL), least(NULL, 5), greatest(1, CAST('NaN' AS DOUBLE)), least(1, CAST('NaN' AS DOUBLE)), greatest(1, 2L, 3.5), greatest('10', '9'), greatest(true, false), greatest(array(1, 2), array(1, 3)), least(X'01', X'02')
SELECT greatest(1)
SELECT nanvl(NULL, 1), nanvl(CAST('NaN' AS DOUBLE), NULL), nanvl(2.5D, 1), isnan(NULL), isnan(1), isnan(CAST('NaN' AS FLOAT)), nanvl(CAST('NaN' AS FLOAT), CAST(1 AS FLOAT))
SELECT width_bucket(0, 0, 10, 5), width_bucket(10, 0, 10, 5), width_bucket(-1, 0, 10, 5), width_bucket(11, 0, 10, 5), width_bucket(5, 10, 0, 5), width_bucket(5, 0, 0, 5), width_bucket(5, 0, 10, 0), width_bucket(NULL, 0, 10, 5), width_bucket(5, 0, 10, -1)
SELECT rint(0.5D), rint(1.5D), rint(-0.5D), rint(NULL), rint('2.5')
SELECT try_add(NULL, 1), try_add(127Y, 1Y), try_add(9223372036854775807, 1), try_add(1.5, 2), try_add(DATE'2024-01-31', 1), try_add(DATE'2024-01-31', INTERVAL 1 MONTH), try_add(TIMESTAMP'2024-01-01 00:00:00', INTERVAL 1 DAY)
SELECT try_subtract(-128Y, 1Y), try_subtract(5, 7), try_subtract(NULL, 1), try_multiply(9223372036854775807, 2), try_multiply(3, 4), try_multiply(1.5, 2), try_divide(1, 0), try_divide(6, 4), try_divide(1.0, 0), try_divide(NULL, 1), try_divide(INTERVAL 2 HOURS, 2), try_mod(7, 3), try_mod(7, 0), try_mod(7.5, 0)
SELECT 127Y + 1Y
SELECT 32767S + 1S
SELECT 2147483647 + 1
SELECT -2147483648 - 1
SELECT 100Y * 2Y
SELECT 9223372036854775807 * 2
SELECT -9223372036854775808L div -1
SELECT CAST(9.99 AS DECIMAL(3,2)) + CAST(9.99 AS DECIMAL(3,2)), CAST(1 AS DECIMAL(38,0)) + 1, CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0)) - 1
SELECT CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0)) + 1
SELECT CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0)) * 10
SELECT CAST(1 AS DECIMAL(10,2)) / 3, CAST(1 AS DECIMAL(38,10)) / 7, 1.0 / 0.3, CAST(2 AS DECIMAL(5,0)) / CAST(3 AS DECIMAL(5,0)), 1 / 3.0, 1L / 3.0, CAST(1 AS DECIMAL(20,0)) / CAST(3 AS DECIMAL(20,5))
SELECT 1.0 / 0
SELECT 1.5 % 0
SELECT 5.5 div 2, 5.5 div -2, 7L div 2, 7.9D div 2, NULL div 2
SELECT 5.5 % 2.2, -5.5 % 2.2, 5.5 % -2.2, 5.5D % 2.2D, 10 % 3.3, 5 % 0.3
SELECT CAST(1.1 AS FLOAT) + 1, CAST(1.1 AS FLOAT) + 1.1D, CAST(1.1 AS FLOAT) * 1.1, 1.1D + 1.1, 1 + CAST(1 AS DECIMAL(5,2)), CAST(16777217 AS FLOAT), CAST(0.1 AS FLOAT) + CAST(0.2 AS FLOAT)
SELECT 1e400D, -1e400D, CAST('NaN' AS DOUBLE) = CAST('NaN' AS DOUBLE), CAST('NaN' AS DOUBLE) > CAST('Infinity' AS DOUBLE), 0.0D = -0.0D, CAST('NaN' AS DOUBLE) + 1
SELECT 5 & NULL, 5 | 2Y, 5L ^ 3, ~0, ~NULL, ~5Y, 6 & 3L
SELECT 1 + NULL, NULL * 2, NULL / 0, 'a' = NULL, NOT NULL, NULL AND false, NULL OR true
SELECT '1' + '2', '1.5' + 1, '10' / '4', '7' % 2, '7' div 2
SELECT 'a' + 1
SELECT true + 1
SELECT 1 = true
SELECT DATE'2024-01-01' + 'x'
SELECT mode(x), mode(y) FROM VALUES (1, 'a'), (1, 'b'), (2, 'b') t(x, y)
SELECT typeof(1), typeof(1L), typeof(1S), typeof(1Y), typeof(1.5), typeof(1.5D), typeof(1.5F), typeof('a'), typeof(NULL), typeof(true), typeof(X'00'), typeof(DATE'2024-01-01'), typeof(TIMESTAMP'2024-01-01 00:00:00'), typeof(array(1)), typeof(map('a', 1)), typeof(named_struct('a', 1)), typeof(INTERVAL 1 DAY), typeof(INTERVAL '1-2' YEAR TO MONTH), typeof(1.5BD), typeof(100000000000)
SELECT equal_null(1, 1), equal_null(NULL, NULL), equal_null(1, NULL), equal_null('a', 'b'), equal_null(1, '1'), 1 <=> NULL, NULL <=> NULL
SELECT true IS TRUE, false IS TRUE, NULL IS TRUE, true IS NOT TRUE, NULL IS NOT TRUE, false IS FALSE, NULL IS FALSE, false IS NOT FALSE, NULL IS NOT FALSE, NULL IS UNKNOWN, true IS NOT UNKNOWN
SELECT isnull(NULL), isnull(1), isnotnull(NULL), isnotnull(1), nvl2(NULL, 1, 2), nvl(1, 'a'), coalesce(NULL, NULL), ifnull(1, 2), nullif(NULL, 1), nullif('a', 'a')
SELECT coalesce(1, 2.5), coalesce('a', 1), coalesce(NULL, DATE'2024-01-01'), if(NULL, 1, 2), if(true, 1, 2.5), CASE NULL WHEN NULL THEN 1 ELSE 2 END, CASE WHEN NULL THEN 1 END
SELECT if(1, 2, 3)
SELECT CASE WHEN 1 THEN 2 END
SELECT raise_error('boom')
SELECT assert_true(1 < 2), assert_true(true, 'fine')
SELECT assert_true(1 > 2)
SELECT assert_true(false, 'told so')
SELECT random(1) BETWEEN 0 AND 1, rand(5) < 1, rand() >= 0, typeof(rand()), typeof(random())
SELECT zeroifnull(5), zeroifnull(NULL), nullifzero(5), nullifzero(0), zeroifnull(1.5), nullifzero(0.0D)
SELECT 1 IN (NULL), 1 IN (1, NULL), 2 NOT IN (1, NULL), NULL IN (1, 2), 1 IN ('1', '2'), 1.0 IN (1, 2), 'a' IN ('a', NULL), (1, 2) IN ((1, 2), (3, 4))
SELECT 5 BETWEEN NULL AND 10, 5 BETWEEN 6 AND NULL, NULL BETWEEN 1 AND 2, 5 BETWEEN 5 AND 5, 'b' BETWEEN 'a' AND 'b', DATE'2024-01-02' BETWEEN '2024-01-01' AND '2024-01-03'
SELECT 1 == 1, 1 != 2, 1 <> 1, 'a' <= 'b', NULL < 1, 1.5 > 1, '10' < '9', 10 < '9', X'01' < X'02', true > false, array(1, 2) < array(1, 3), named_struct('a', 1) = named_struct('b', 1)
SELECT map('a', 1) = map('a', 1)
SELECT cot(true)
SELECT sqrt('x')
SELECT sqrt(1, 2)
SELECT round(1.5, 'x')
SELECT hypot(1)
SELECT uniform(0, 10) IS NOT NULL
SELECT tan('')
