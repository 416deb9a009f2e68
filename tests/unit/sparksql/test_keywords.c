/* Every keyword of Spark as a name, in every place: tests/cases/sparksql/spark_keywords.json, which
 * tests/oracle/spark_keywords.py renews. Where Spark takes the word for an ordinary name the
 * statement must be that of an ordinary name, except for the words of known.txt beside it: those that
 * are an operator or begin a clause in that very place, and CURRENT_DATE and its like, which are calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/doc.h"
#include "base/fs.h"
#include "sparksql/sparksql.h"
#include <string.h>

static struct str replaced(struct arena *a, struct str s, struct str word, const char *by)
{
    struct buf b;
    buf_init(&b);
    while (s.len) {
        bool here = s.len >= word.len && str_ieq(str_sub(s, 0, word.len), word);
        if (here)
            buf_z(&b, by);
        else
            buf_char(&b, s.ptr[0]);
        s = str_from(s, here ? word.len : 1);
    }
    struct str out = str_copy(a, buf_view(&b));
    buf_release(&b);
    return out;
}

/* The statement's dump with `word` for KW, as if the word were zqw; NULL if it is refused. */
static const char *dumped(struct arena *a, struct str template, struct str word, struct err *err)
{
    struct stmts st = {0};
    struct buf b;
    if (sparksql_parse(a, "kw.sql", 1, replaced(a, template, STR("KW"), str_cz(a, word)), &st, err))
        return NULL;
    buf_init(&b);
    for (size_t i = 0; i < st.count; i++)
        stmt_dump(&b, st.items[i]);
    struct str lower = str_lower(a, buf_view(&b));
    buf_release(&b);
    return str_cz(a, replaced(a, lower, str_lower(a, word), "zqw"));
}

/* Is "template: … WORD …" a line of the list? */
static bool known(struct str list, struct str template, struct str word)
{
    struct str line, one;
    while (str_split(&list, '\n', &line)) {
        if (!str_starts(line, template) || line.len <= template.len || line.ptr[template.len] != ':')
            continue;
        line = str_from(line, template.len + 1);
        while (str_split(&line, ' ', &one))
            if (str_eq(one, word))
                return true;
    }
    return false;
}

static void keywords_are_names_where_spark_says_so(void **state)
{
    struct arena *a = arena_new();
    struct buf text, list;
    struct err err = {0};
    size_t wrong = 0, same = 0;
    (void)state;
    buf_init(&text);
    assert_int_equal(fs_read_file("tests/cases/sparksql/spark_keywords.json", 1 << 20, &text, &err), 0);
    buf_init(&list);
    assert_int_equal(fs_read_file("tests/cases/sparksql/spark_keywords_known.txt", 1 << 20, &list, &err), 0);
    const struct doc *d = doc_json(a, "spark_keywords.json", buf_view(&text), &err);
    const struct doc *templates = doc_get(d, "templates"), *words = doc_get(d, "keywords");
    for (size_t t = 0; t < templates->count; t++) {
        struct arena *each = arena_new();
        struct str template = templates->items[t]->text, plain;
        struct buf bad; /* as a line of the list */
        buf_init(&bad);
        const char *ordinary = dumped(each, template, STR("zqw"), &err);
        assert_non_null(ordinary);
        for (size_t w = 0; w < words->count; w++) {
            struct str word = words->keys[w].name;
            char spark = words->items[w]->text.ptr[t];
            if (spark != 'y')
                continue;
            /* Letters of the template that happen to spell the word change alike in both. */
            plain = replaced(each, str_z(ordinary), str_lower(each, word), "zqw");
            const char *got = dumped(each, template, word, &err);
            bool ok = (got && str_eqz(plain, got)) != known(buf_view(&list), template, word);
            same += ok;
            wrong += !ok;
            if (!ok)
                buf_printf(&bad, " %.*s", STR_ARGS(word));
        }
        if (bad.len)
            print_message("%.*s:%s\n", STR_ARGS(template), bad.ptr);
        buf_release(&bad);
        arena_free(each);
    }
    print_message("%zu as Spark, %zu not\n", same, wrong);
    buf_release(&text);
    buf_release(&list);
    arena_free(a);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keywords_are_names_where_spark_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
