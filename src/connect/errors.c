/* errors -- an error as Spark's clients know it: google.rpc.Status in the trailer grpc-status-details-bin.
 *
 *     Status    1: int32 code   2: string message   3: Any details
 *     Any       1: "type.googleapis.com/google.rpc.ErrorInfo"   2: bytes
 *     ErrorInfo 1: reason   2: domain   3: map<string, string>: classes, errorClass, sqlState, messageParameters
 *
 * Our messages begin with Spark's error class in brackets; of it follow the Java class, from which
 * pyspark chooses the Python exception, and the SQL state. The messages are so small that they are
 * written here rather than generated. */
#include "connect/connect_int.h"
#include <string.h>

struct java_class { const char *starts, *name, *state; };
#define ANALYSIS "org.apache.spark.sql.AnalysisException"
#define PARSE "org.apache.spark.sql.catalyst.parser.ParseException"
static const struct java_class CLASSES[] = {
    {"PARSE_", PARSE, "42601"}, {"INVALID_SQL_SYNTAX", PARSE, "42000"}, {"INVALID_TYPED_LITERAL", PARSE, "42604"}, {"INVALID_IDENTIFIER", PARSE, "42602"},
    {"UNSUPPORTED_DATATYPE", PARSE, "0A000"},
    {"DIVIDE_BY_ZERO", "java.lang.ArithmeticException", "22012"}, {"REMAINDER_BY_ZERO", "java.lang.ArithmeticException", "22012"},
    {"ARITHMETIC_OVERFLOW", "java.lang.ArithmeticException", "22003"}, {"BINARY_ARITHMETIC_OVERFLOW", "java.lang.ArithmeticException", "22003"},
    {"CAST_OVERFLOW", "java.lang.ArithmeticException", "22003"}, {"NUMERIC_VALUE_OUT_OF_RANGE", "java.lang.ArithmeticException", "22003"},
    {"CAST_INVALID_INPUT", "java.lang.NumberFormatException", "22018"}, {"CANNOT_PARSE_TIMESTAMP", "java.time.DateTimeException", "22007"},
    {"INVALID_ARRAY_INDEX", "java.lang.ArrayIndexOutOfBoundsException", "22003"}, {"USER_RAISED_EXCEPTION", "org.apache.spark.SparkRuntimeException", "P0001"},
    {"SQL_CONF_NOT_FOUND", "org.apache.spark.SparkNoSuchElementException", "42K0I"},
    {"TABLE_OR_VIEW_NOT_FOUND", ANALYSIS, "42P01"}, {"TABLE_OR_VIEW_ALREADY_EXISTS", ANALYSIS, "42P07"}, {"SCHEMA_NOT_FOUND", ANALYSIS, "42704"},
    {"SCHEMA_ALREADY_EXISTS", ANALYSIS, "42P06"}, {"UNRESOLVED_COLUMN", ANALYSIS, "42703"}, {"UNRESOLVED_ROUTINE", ANALYSIS, "42883"},
    {"UNBOUND_SQL_PARAMETER", ANALYSIS, "42P02"}, {"DATATYPE_MISMATCH", ANALYSIS, "42K09"},
};

/* What stands in brackets at the start of a message; NONE if nothing does. */
static struct str class_of(const struct err *e)
{
    struct str msg = str_z(e->msg);
    int64_t end = msg.len && msg.ptr[0] == '[' ? str_chr(msg, ']') : -1;
    return end < 0 ? STR_NONE : str_sub(msg, 1, (size_t)end - 1);
}

static const struct java_class *java_of(const struct err *e, struct str class)
{
    static const struct java_class analysis = {"", ANALYSIS, NULL}, other = {"", "org.apache.spark.SparkException", NULL};
    static const struct java_class unsupported = {"", "java.lang.UnsupportedOperationException", "0A000"};
    for (size_t i = 0; class.len && i < COUNT_OF(CLASSES); i++)
        if (str_starts_z(class, CLASSES[i].starts))
            return &CLASSES[i];
    if (e->code == ERR_UNSUPPORTED)
        return &unsupported;
    return class.len || e->code == ERR_INPUT || e->code == ERR_NOT_FOUND || e->code == ERR_EXISTS ? &analysis : &other;
}

const char *error_message(struct arena *a, const struct err *e)
{
    return e->where.line ? arena_printf(a, "%s; line %d pos %d", e->msg, e->where.line, e->where.col ? e->where.col - 1 : 0) : arena_strdup(a, e->msg);
}

/* ---------------------------------------------------------------- the wire format of protobuf */

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_char(b, (char)(v | 0x80));
    buf_char(b, (char)v);
}

static void put_bytes(struct buf *b, int field, struct str s)
{
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, s.len);
    buf_str(b, s);
}

static void put_entry(struct buf *info, const char *key, struct str value)
{
    struct buf entry;
    buf_init(&entry);
    put_bytes(&entry, 1, str_z(key));
    put_bytes(&entry, 2, value);
    put_bytes(info, 3, buf_view(&entry));
    buf_release(&entry);
}

void error_trailer(struct h2_call *h, const struct err *e, const char *message)
{
    struct buf info, any, status;
    struct arena *a = arena_new();
    struct str class = class_of(e);
    const struct java_class *java = java_of(e, class);
    buf_init(&info);
    buf_init(&any);
    buf_init(&status);
    put_bytes(&info, 1, str_z(java->name));
    put_bytes(&info, 2, STR("org.apache.spark"));
    put_entry(&info, "classes", str_fmt(a, "[\"%s\", \"java.lang.Exception\"]", java->name));
    if (class.len)
        put_entry(&info, "errorClass", class);
    if (java->state)
        put_entry(&info, "sqlState", str_z(java->state));
    put_entry(&info, "messageParameters", STR("{}"));
    put_bytes(&any, 1, STR("type.googleapis.com/google.rpc.ErrorInfo"));
    put_bytes(&any, 2, buf_view(&info));
    put_varint(&status, 1 << 3);
    put_varint(&status, (uint64_t)h2_status_of(e->code));
    put_bytes(&status, 2, str_z(message));
    put_bytes(&status, 3, buf_view(&any));
    h2_call_trailer(h, "grpc-status-details-bin", buf_view(&status));
    buf_release(&info);
    buf_release(&any);
    buf_release(&status);
    arena_free(a);
}
