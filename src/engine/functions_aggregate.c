/* functions_aggregate.c -- aggregates and window functions. The same row serves as aggregate and,
 * with $W, over a window. Sums of integers are BIGINT and fail on overflow, as Spark's under ANSI. */
#include "engine/print_int.h"

static const struct expr *arg(const struct expr *c, size_t i)
{
    return c->args.items[i];
}

static void count(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    if (c->star_arg || !c->args.count) {
        print_template(p, b, "count(*)$F$W", c, w);
        return;
    }
    if (c->args.count == 1) {
        bool one = arg(c, 0)->kind == EXPR_LITERAL && arg(c, 0)->lit.kind != LIT_NULL && !c->distinct;
        print_template(p, b, one ? "count(*)$F$W" : "count($D$1)$F$W", c, w);
        return;
    }
    /* The $D of the template prints DISTINCT; a row counts if none of its values is NULL. */
    struct buf t;
    buf_init(&t);
    buf_z(&t, "count($DCASE WHEN ");
    for (size_t i = 0; i < c->args.count && i < 9; i++)
        buf_printf(&t, "%s@%zu IS NOT NULL", i ? " AND " : "", i + 1);
    buf_z(&t, c->distinct ? " THEN ($*) END)$F$W" : " THEN 1 END)$F$W");
    print_template(p, b, t.ptr, c, w);
    buf_release(&t);
}

/* Intervals are added as microseconds or months. */
static bool interval_sum(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w, bool mean)
{
    bool days = c->type->kind == TYPE_INTERVAL_DT;
    if (type_is_numeric(c->type))
        return false;
    buf_z(b, days ? "to_microseconds(CAST(round(" : "to_months(CAST(round(");
    if (days)
        print_template(p, b, mean ? "avg($Depoch_us($1))$F$W" : "sum($Depoch_us($1))$F$W", c, w);
    else
        print_template(p, b, mean ? "avg($Ddate_part('year', $1) * 12 + date_part('month', $1))$F$W"
                                  : "sum($Ddate_part('year', $1) * 12 + date_part('month', $1))$F$W", c, w);
    buf_z(b, days ? ") AS BIGINT))" : ") AS INTEGER))");
    return true;
}

static void sum(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    if (interval_sum(p, b, c, w, false))
        return;
    bool try_op = str_eqz(c->func, "try_sum");
    if (c->type->kind == TYPE_LONG || (c->type->kind == TYPE_DECIMAL && c->type->precision < 38))
        print_template(p, b, try_op || !p->with->ansi ? "TRY_CAST(sum($D$1)$F$W AS $T)" : "CAST(sum($D$1)$F$W AS $T)", c, w);
    else if (c->type->kind == TYPE_DECIMAL) { /* 38 digits are fewer than what DuckDB's type holds */
        print_template(p, b, try_op || !p->with->ansi ? "spark_try_sum_of(sum($D$1)$F$W, " : "spark_sum_of(sum($D$1)$F$W, ", c, w);
        buf_printf(b, "CAST('1e%d' AS DOUBLE))", 38 - c->type->scale);
    } else
        print_template(p, b, "sum($D$1)$F$W", c, w);
}

static void avg(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    if (interval_sum(p, b, c, w, true))
        return;
    if (c->type->kind != TYPE_DECIMAL) {
        print_template(p, b, "avg($D$1)$F$W", c, w);
        return;
    }
    buf_z(b, "CAST(spark_decimal_div(CAST(");
    print_template(p, b, "sum($D$1)$F$W", c, w);
    buf_z(b, " AS VARCHAR), CAST(nullif(");
    print_template(p, b, "count($D$1)$F$W", c, w);
    buf_printf(b, ", 0) AS VARCHAR), %d, false) AS ", c->type->scale);
    print_type(p, b, c->type);
    buf_char(b, ')');
}

static bool ignores_nulls(struct pr *p, const struct expr *c)
{
    if (c->args.count < 2)
        return c->ignore_nulls;
    const struct expr *f = arg(c, c->args.count - 1);
    if (f->kind != EXPR_LITERAL || f->lit.kind != LIT_BOOL)
        print_fail(p, f->at, ERR_INPUT, "the second argument of %.*s() must be true or false", STR_ARGS(c->func));
    return f->lit.i64 != 0;
}

static void first_last(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool last = str_starts_z(c->func, "last"), skip = ignores_nulls(p, c);
    if (w)
        print_template(p, b, last ? (skip ? "last_value($1 IGNORE NULLS)$F$W" : "last_value($1)$F$W")
                                  : (skip ? "first_value($1 IGNORE NULLS)$F$W" : "first_value($1)$F$W"), c, w);
    else
        print_template(p, b, last ? (skip ? "last($1$O)$N" : "last($1$O)$F") : (skip ? "first($1$O)$N" : "first($1$O)$F"), c, w);
}

static void nth_value(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool skip = c->ignore_nulls || (c->args.count > 2 && ignores_nulls(p, c));
    print_template(p, b, skip ? "nth_value($1, $2 IGNORE NULLS)$W" : "nth_value($1, $2)$W", c, w);
}

static void lag_lead(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    buf_printf(b, "%.*s(", STR_ARGS(c->func));
    print_list(p, b, &c->args, 0, ", ");
    buf_z(b, c->ignore_nulls ? " IGNORE NULLS)" : ")");
    print_template(p, b, "$W", c, w);
}

static void percentile(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool approx = str_starts_z(c->func, "percentile_approx") || str_starts_z(c->func, "approx");
    if (c->args.count > 2 && !approx)
        print_fail(p, c->at, ERR_UNSUPPORTED, "percentile() with a frequency is not supported");
    print_template(p, b, approx ? "quantile_disc($D$1, $2)$F$W" : "quantile_cont($D$1, $2)$F$W", c, w);
}

/* percentile_cont(p) WITHIN GROUP (ORDER BY x) */
static void percentile_within(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    const struct expr *s = c->order.items[0];
    bool cont = str_eqz(c->func, "percentile_cont");
    buf_z(b, cont ? "quantile_cont(CAST(" : "CAST(quantile_disc(");
    print_expr(p, b, s->args.items[0], P_ANY);
    buf_z(b, cont ? " AS DOUBLE), " : ", ");
    buf_z(b, s->descending ? "1 - " : "");
    print_expr(p, b, arg(c, 0), P_MUL);
    print_template(p, b, cont ? ")$F$W" : ")$F$W AS DOUBLE)", c, w);
}

static void collect(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    bool set = str_eqz(c->func, "collect_set");
    buf_z(b, "coalesce(");
    print_template(p, b, set ? "list(DISTINCT $1)$N$W" : "list($D$1$O)$N$W", c, w);
    buf_z(b, ", [])");
}

static void listagg(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    print_template(p, b, c->args.count == 1 ? "string_agg($D$1, ''$O)$F$W" : "string_agg($D$1, $2$O)$F$W", c, w);
}

/* DuckDB's skewness is the sample's; Spark's is the population's. */
static void skewness(struct pr *p, struct buf *b, const struct expr *c, const struct expr *w)
{
    buf_z(b, "spark_skewness(");
    print_template(p, b, "count($D$1)$F$W", c, w);
    buf_z(b, ", ");
    print_template(p, b, "var_pop($D$1)$F$W", c, w);
    buf_z(b, ", ");
    print_template(p, b, "skewness($D$1)$F$W", c, w);
    buf_char(b, ')');
}

#define SAME1(name) {#name, #name "($D$1)$F$W", 0, NULL, NULL}
#define SAME2(name) {#name, #name "($1, $2)$F$W", 0, NULL, NULL}
#define RANK(name, text) {#name, text, 0, NULL, NULL}

const struct fn_row fn_rows_aggregate[] = {
    {"count", NULL, 0, count, NULL}, {"sum", NULL, 0, sum, NULL}, {"try_sum", NULL, 0, sum, NULL},
    {"avg", NULL, 0, avg, NULL}, {"mean", NULL, 0, avg, NULL}, {"try_avg", NULL, 0, avg, NULL},
    SAME1(min), SAME1(max), SAME1(bool_or), SAME1(bool_and),
    {"any", "bool_or($D$1)$F$W", 0, NULL, NULL}, {"some", "bool_or($D$1)$F$W", 0, NULL, NULL},
    {"every", "bool_and($D$1)$F$W", 0, NULL, NULL}, SAME1(bit_and), SAME1(bit_or), SAME1(bit_xor),
    {"any_value", NULL, 0, first_last, NULL}, {"first", NULL, 0, first_last, NULL}, {"first_value", NULL, 0, first_last, NULL},
    {"last", NULL, 0, first_last, NULL}, {"last_value", NULL, 0, first_last, NULL},
    {"approx_count_distinct", "count(DISTINCT $1)$F$W", 0, NULL, "exact"},
    {"approx_percentile", NULL, 0, percentile, "exact"}, {"percentile_approx", NULL, 0, percentile, "exact"},
    {"percentile", NULL, 0, percentile, NULL}, {"percentile_cont", NULL, 0, percentile_within, NULL},
    {"percentile_disc", NULL, 0, percentile_within, NULL}, {"median", "quantile_cont($D$1, 0.5)$F$W", 0, NULL, NULL},
    {"array_agg", NULL, 0, collect, NULL}, {"collect_list", NULL, 0, collect, NULL}, {"collect_set", NULL, 0, collect, NULL},
    {"count_if", "count($D CASE WHEN $1 THEN 1 END)$F$W", 0, NULL, NULL},
    {"listagg", NULL, 0, listagg, NULL}, {"string_agg", NULL, 0, listagg, NULL},
    {"max_by", "arg_max_null($1, $2)$F$W", 0, NULL, NULL}, {"min_by", "arg_min_null($1, $2)$F$W", 0, NULL, NULL},
    {"mode", "mode($1)$F$W", 0, NULL, "among equally frequent values another one may be returned"},
    {"kurtosis", "kurtosis_pop($D$1)$F$W", 0, NULL, NULL}, {"skewness", NULL, 0, skewness, NULL},
    {"std", "stddev_samp($D$1)$F$W", 0, NULL, NULL}, {"stddev", "stddev_samp($D$1)$F$W", 0, NULL, NULL},
    SAME1(stddev_samp), SAME1(stddev_pop), SAME1(var_pop), SAME1(var_samp),
    {"variance", "var_samp($D$1)$F$W", 0, NULL, NULL},
    {"corr", "spark_nan_null(corr($1, $2)$F$W)", 0, NULL, NULL}, SAME2(covar_pop), SAME2(covar_samp), SAME2(regr_avgx), SAME2(regr_avgy),
    {"regr_count", "CAST(regr_count($1, $2)$F$W AS BIGINT)", 0, NULL, NULL}, SAME2(regr_intercept), SAME2(regr_r2),
    {"regr_slope", "spark_nan_null(regr_slope($1, $2)$F$W)", 0, NULL, NULL}, SAME2(regr_sxx), SAME2(regr_sxy), SAME2(regr_syy),
    RANK(row_number, "CAST(row_number()$W AS INTEGER)"), RANK(rank, "CAST(rank()$W AS INTEGER)"),
    RANK(dense_rank, "CAST(dense_rank()$W AS INTEGER)"), RANK(percent_rank, "percent_rank()$W"),
    RANK(cume_dist, "cume_dist()$W"), RANK(ntile, "CAST(ntile($1)$W AS INTEGER)"),
    {"lag", NULL, 0, lag_lead, NULL}, {"lead", NULL, 0, lag_lead, NULL}, {"nth_value", NULL, 0, nth_value, NULL},
    {0},
};
