"""Queries that are combinations: casts of values of every type to every type, date patterns, decimals.

Each function returns queries, one expression each.
"""

TYPES = ("TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(10,2)", "DECIMAL(38,18)", "STRING", "BINARY",
         "BOOLEAN", "DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "INTERVAL YEAR TO MONTH", "INTERVAL DAY TO SECOND", "ARRAY<INT>",
         "MAP<STRING, INT>", "STRUCT<a: INT>", "VARIANT")

TEXTS = ("", " ", "0", "1", " 12 ", "-1", "+5", "1.5", "-1.999", ".5", "5.", "1e3", "1E-2", "abc", "true", "F", "yes", "NaN", "Infinity",
         "-inf", "128", "32768", "2147483648", "9223372036854775808", "99999999999999999999999999999999999999", "1d", "1L", "0x10",
         "1 2", "1_000", "2024-01-05", "2024-1-5", "2024-01-05 10:11:12.5", "2024-01-05T10:11:12Z", "2024-02-30", "2024", "10:11:12",
         "0001-01-01", "9999-12-31 23:59:59.999999", "12345-01-01", "2024-01-05 24:00:00", "2024-01-05 10:11:12 Europe/Berlin",
         "2024-01-05 10:11:12+05:30", "é", "\\t7\\n")

VALUES = (
    "CAST(5 AS TINYINT)", "CAST(-128 AS TINYINT)", "CAST(300 AS SMALLINT)", "0", "1", "-7", "2147483647", "-2147483648", "5000000000L",
    "9223372036854775807L", "CAST(1.5 AS FLOAT)", "CAST(0.1 AS FLOAT)", "CAST(3e38 AS FLOAT)", "1.0D", "0.1D", "-2.5D", "1e20D", "1.0E-10D",
    "CAST('NaN' AS DOUBLE)", "CAST('Infinity' AS DOUBLE)", "123456789.987654321D", "1.50", "-0.005", "99999999.99", "12345678901234567890.123",
    "CAST(7 AS DECIMAL(38,0))", "true", "false", "X''", "X'4142'", "X'FF'", "X'00000005'", "DATE'2024-03-05'", "DATE'0001-01-01'",
    "DATE'9999-12-31'", "TIMESTAMP'2024-03-05 14:07:09.123456'", "TIMESTAMP'1969-12-31 23:59:59.5'", "TIMESTAMP_NTZ'2024-03-05 14:07:09.5'",
    "INTERVAL '2-3' YEAR TO MONTH", "INTERVAL '3 04:05:06.7' DAY TO SECOND", "INTERVAL '-1' DAY", "array(1, 2)", "array('1', NULL)", "array()",
    "map('a', 1)", "map('k', '2')", "named_struct('a', 1)", "named_struct('b', '7')", "named_struct('a', 1, 'b', 2)", "NULL",
)

PATTERNS = ("y", "yy", "yyy", "yyyy", "yyyyy", "M", "MM", "MMM", "MMMM", "L", "LL", "LLL", "d", "dd", "ddd", "D", "DD", "DDD", "E", "EE", "EEE",
            "EEEE", "EEEEE", "F", "Q", "QQ", "QQQ", "QQQQ", "q", "qqq", "a", "aa", "h", "hh", "H", "HH", "HHH", "k", "kk", "K", "KK", "m", "mm", "s", "ss",
            "S", "SS", "SSS", "SSSSSS", "SSSSSSSSS", "n", "N", "A", "V", "VV", "z", "zzzz", "O", "OOOO", "X", "XX", "XXX", "XXXX", "XXXXX", "x", "xx",
            "xxx", "Z", "ZZZZ", "ZZZZZ", "G", "GG", "GGGG", "GGGGG", "u", "uuuu", "w", "W", "Y", "e", "c", "p", "'x'", "''", "'it''s'", "yyyy-MM-dd",
            "dd/MM/yyyy HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "EEE, dd MMM yyyy", "h:mm a", "yyyyMMdd", "[yyyy]", "yyyy#", "yyyy{MM}", "b", "i",
            "'open", "MMM d, y", "HH:mm:ss.SSS z", "yyyy'年'MM'月'", "E d", "D/y", "kk:mm")

INSTANTS = ("TIMESTAMP'2024-03-05 14:07:09.123456'", "TIMESTAMP'0999-12-31 00:00:00'", "TIMESTAMP'2023-01-01 12:30:05.5'")

PARSED = (
    ("2024-03-05", "yyyy-MM-dd"), ("2024-3-5", "yyyy-M-d"), ("2024-3-5", "yyyy-MM-dd"), ("24-03-05", "yy-MM-dd"), ("70-03-05", "yy-MM-dd"),
    ("05/03/2024", "dd/MM/yyyy"), ("5/3/2024", "d/M/yyyy"), ("05032024", "ddMMyyyy"), ("20240305", "yyyyMMdd"), ("202403", "yyyyMM"), ("2024", "yyyy"),
    ("2024-03-05 14:07", "yyyy-MM-dd HH:mm"), ("2024-03-05 24:07", "yyyy-MM-dd HH:mm"), ("2024-03-05 02:07 PM", "yyyy-MM-dd hh:mm a"),
    ("2024-03-05 12:07 AM", "yyyy-MM-dd hh:mm a"), ("2024-03-05 02:07 pm", "yyyy-MM-dd hh:mm a"), ("5 Mar 2024", "d MMM yyyy"),
    ("5 March 2024", "d MMMM yyyy"), ("5 mar 2024", "d MMM yyyy"), ("Tue, 05 Mar 2024", "EEE, dd MMM yyyy"), ("2024-065", "yyyy-DDD"),
    ("2024-366", "yyyy-DDD"), ("2023-366", "yyyy-DDD"), ("2024-03-05T14:07:09.5Z", "yyyy-MM-dd'T'HH:mm:ss.SX"),
    ("2024-03-05T14:07:09+01:00", "yyyy-MM-dd'T'HH:mm:ssXXX"), ("2024-03-05T14:07:09+0100", "yyyy-MM-dd'T'HH:mm:ssxx"),
    ("2024-03-05 14:07:09.123", "yyyy-MM-dd HH:mm:ss.SSS"), ("2024-03-05 14:07:09.12", "yyyy-MM-dd HH:mm:ss.SSS"),
    ("2024-03-05 14:07:09.123456", "yyyy-MM-dd HH:mm:ss.SSSSSS"), ("2024-03-05 14:07:09", "yyyy-MM-dd HH:mm:ss[.SSS]"),
    ("2024-03-05 14:07:09.250", "yyyy-MM-dd HH:mm:ss[.SSS]"), ("2024-02-30", "yyyy-MM-dd"), ("2024-13-01", "yyyy-MM-dd"), ("2024-00-01", "yyyy-MM-dd"),
    ("", "yyyy-MM-dd"), (" 2024-03-05", "yyyy-MM-dd"), ("2024-03-05 ", "yyyy-MM-dd"), ("2024-03-05x", "yyyy-MM-dd"), ("-2024-03-05", "yyyy-MM-dd"),
    ("2024-Q1", "yyyy-'Q'Q"), ("14:07:09", "HH:mm:ss"), ("1709647629", "X"), ("2024-03-05 UTC", "yyyy-MM-dd z"), ("2024-03-05 America/New_York", "yyyy-MM-dd VV"),
    ("2024 AD", "yyyy G"), ("12.5", "s.S"), ("9999-12-31", "yyyy-MM-dd"), ("0001-01-01", "yyyy-MM-dd"), ("10000-01-01", "yyyy-MM-dd"),
    ("3/5/24 2:07 PM", "M/d/yy h:mm a"), ("2024-03-05", "uuuu-MM-dd"), ("2024-03-05", "YYYY-MM-dd"), ("it's 2024", "'it''s' yyyy"),
)

DECIMALS = ("CAST(1.10 AS DECIMAL(5,2))", "CAST(-3.333 AS DECIMAL(10,3))", "CAST(99999.99999 AS DECIMAL(10,5))", "CAST(7 AS DECIMAL(38,0))",
            "CAST(0.000000000000000001 AS DECIMAL(38,18))", "CAST(12345678901234567890 AS DECIMAL(20,0))", "5", "7L", "2.5D", "'1.5'")

NUMBERS = ("5Y", "300S", "-7", "9000000000L", "2.5F", "-1.25D", "3.75", "'12'", "NULL")


def quoted(text):
    return "'" + text.replace("'", "\\'") + "'"


def casts():
    for target in TYPES:
        for text in TEXTS:
            yield f"CAST('{text}' AS {target})"
        for value in VALUES:
            yield f"CAST({value} AS {target})"


def tries():
    for target in TYPES[:16]:
        for text in TEXTS:
            yield f"try_cast('{text}' AS {target})"
    for target in TYPES[:14]:
        for value in VALUES[:40]:
            yield f"try_cast({value} AS {target})"


def patterns():
    for pattern in PATTERNS:
        for instant in INSTANTS:
            yield f"date_format({instant}, {quoted(pattern)})"
    for text, pattern in PARSED:
        for function in ("to_timestamp", "to_date", "try_to_timestamp", "unix_timestamp"):
            yield f"{function}({quoted(text)}, {quoted(pattern)})"


def decimals():
    for a in DECIMALS:
        for b in DECIMALS:
            for op in ("+", "-", "*", "/", "%", "div"):
                yield f"{a} {op} {b}"
        for f in ("round({}, 1)", "round({}, -1)", "ceil({})", "floor({})", "abs({})", "-{}", "bround({}, 1)", "sign({})", "sqrt({})", "hex({})", "format_number({}, 2)"):
            yield f.format(a)


def numbers():
    for a in NUMBERS:
        for b in NUMBERS:
            for op in ("+", "*", "/", "%", "<", "=", "<=>"):
                yield f"{a} {op} {b}"
            yield f"coalesce({a}, {b})"
            yield f"pmod({a}, {b})"
            yield f"greatest({a}, {b})"


GROUPS = {"pairs_casts": casts, "pairs_tries": tries, "pairs_patterns": patterns, "pairs_decimals": decimals, "pairs_numbers": numbers}
LEGACY = {"legacy_casts": casts, "legacy_decimals": decimals, "legacy_numbers": numbers}
