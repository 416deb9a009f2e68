/* pg_out -- the messages that the server sends, appended to a buffer; and reading of the client's.
 * Each message: type byte, u32be length with itself, fields. Pure. */
#ifndef PAYSTREAK_SERVE_PG_OUT_H
#define PAYSTREAK_SERVE_PG_OUT_H
#include "serve/pg_types.h"
#include "port/query_service.h"

struct pg_in { struct str rest; bool bad; };        /* a message's body; `bad` once it was too short */
uint32_t pg_get_u32(struct pg_in *in);
uint16_t pg_get_u16(struct pg_in *in);
uint8_t pg_get_u8(struct pg_in *in);
struct str pg_get_z(struct pg_in *in);               /* up to NUL */
struct str pg_get_bytes(struct pg_in *in, size_t n);

size_t pg_begin(struct buf *b, char type);           /* returns a mark for pg_finish() */
void pg_finish(struct buf *b, size_t mark);
void pg_put_u16(struct buf *b, uint16_t v);
void pg_put_u32(struct buf *b, uint32_t v);
void pg_put_z(struct buf *b, struct str s);          /* with NUL; NULs inside are dropped */

void pg_empty(struct buf *b, char type);             /* '1' '2' '3' 'n' 'I' 's' */
void pg_auth(struct buf *b, uint32_t kind, struct str data);
void pg_parameter(struct buf *b, const char *name, struct str value);
void pg_ready(struct buf *b, char status);
void pg_complete(struct buf *b, const char *tag);
struct pg_report { const char *severity; const char *sqlstate; const char *msg; const char *hint; size_t position; /* 1-based, 0: none */ };
void pg_report(struct buf *b, char type, const struct pg_report *r); /* 'E' or 'N' */
/* formats: as Bind gave them, count 0: all text, 1: for all. */
struct pg_formats { const uint16_t *codes; size_t count; };
bool pg_is_binary(const struct pg_formats *f, size_t column);
void pg_row_description(struct buf *b, const struct query_column *cols, size_t n, const struct pg_formats *f);
int pg_data_row(struct buf *b, const struct query_cell *cells, size_t n, const struct pg_type *types,
                const struct pg_formats *f, struct err *err) MUST_CHECK;
const char *pg_sqlstate(const struct err *err);
#endif
