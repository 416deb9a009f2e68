/* lex -- Spark SQL text as tokens.
 *
 * The whole text becomes one array of tokens before parsing, so that the parser may look ahead as
 * far as it likes. Comments (-- to the end of line, nested block ones, hints among them) and blanks
 * vanish. A word carries the keyword it spells, if any; whether it acts as one is the parser's
 * business, since almost every keyword of Spark may be a name. A parenthesis knows its partner.
 * Literals stay raw slices of the text: lex_string() decodes one when the parser wants it.
 *
 * Text must be UTF-8. Limit: LEX_MAX_BYTES. */
#ifndef PAYSTREAK_SPARKSQL_LEX_H
#define PAYSTREAK_SPARKSQL_LEX_H
#include "base/base.h"
#include "sparksql/keywords.h"

enum { LEX_MAX_BYTES = 16 << 20 };

enum tok_kind {
    TOK_END,
    TOK_WORD,   /* identifier or keyword */
    TOK_QUOTED, /* `identifier` */
    TOK_STRING, /* '…', "…", r'…', $$…$$ */
    TOK_INT,
    TOK_DECIMAL,
    TOK_EXPONENT, /* 1  1.5  1e3 */
    TOK_LONG,
    TOK_SHORT,
    TOK_BYTE,
    TOK_FLOAT,
    TOK_DOUBLE,
    TOK_BIGDEC, /* 1L 1S 1Y 1F 1D 1BD */
    TOK_OP
};

enum op {
    OP_NONE,
    OP_LPAREN,
    OP_RPAREN,
    OP_LBRACKET,
    OP_RBRACKET,
    OP_COMMA,
    OP_DOT,
    OP_SEMICOLON,
    OP_COLON,
    OP_CAST /* :: */,
    OP_FAT_ARROW /* => */,
    OP_ARROW /* -> */,
    OP_NSEQ /* <=> */,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_PLUS,
    OP_MINUS,
    OP_STAR,
    OP_SLASH,
    OP_PERCENT,
    OP_TILDE,
    OP_AMP,
    OP_PIPE,
    OP_CONCAT /* || */,
    OP_HAT,
    OP_QUESTION,
    OP_AT,
    OP_SHL,
    OP_SHR,
    OP_USHR /* >>> */,
    OP_PIPELINE /* |> */,
    OP_BANG
};

struct tok {
    uint8_t kind;         /* enum tok_kind */
    uint8_t op;           /* enum op; TOK_OP */
    uint16_t kw;          /* enum kw; TOK_WORD, KW_NONE if it is no keyword */
    uint32_t offset, len; /* slice of the text; QUOTED and STRING with their quotes */
    uint32_t line, col;   /* 1-based, bytes */
    uint32_t match;       /* OP_LPAREN: index of its OP_RPAREN; 0: none */
};

/* Fills `*toks` with `*count` tokens, the last of which is TOK_END. */
int lex(struct arena *a, const char *file, int line, struct str text, struct tok **toks,
        size_t *count, struct err *err) MUST_CHECK;
/* Value of a TOK_STRING's slice: quotes off, escapes decoded. */
struct str lex_string(struct arena *a, struct str raw);
/* Value of a TOK_QUOTED's slice. */
struct str lex_quoted(struct arena *a, struct str raw);
enum kw lex_keyword(struct str word); /* KW_NONE if it is none */
const char *op_text(enum op op);
#endif
