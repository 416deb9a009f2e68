#include "connect/translate.h"
#include <string.h>

static bool varint(struct str *s, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 64 && s->len; shift += 7) {
        uint8_t c = (uint8_t)s->ptr[0];
        *s = str_from(*s, 1);
        *v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return true;
    }
    return false;
}

static int scan(const ProtobufCMessageDescriptor *d, struct str s, int depth, size_t *fields, struct err *err)
{
    if (depth > PROTO_MAX_DEPTH)
        return err_set(err, ERR_LIMIT, "a message nests deeper than PROTO_MAX_DEPTH (%d)", PROTO_MAX_DEPTH);
    while (s.len) {
        uint64_t tag, n = 0;
        if (++*fields > PROTO_MAX_FIELDS)
            return err_set(err, ERR_LIMIT, "a message has more than PROTO_MAX_FIELDS (%d) fields", PROTO_MAX_FIELDS);
        if (!varint(&s, &tag))
            return err_set(err, ERR_CORRUPT, "a message ends within a tag");
        unsigned wire = tag & 7;
        bool whole = wire == 0 ? varint(&s, &n) : wire == 1 ? s.len >= 8 : wire == 5 ? s.len >= 4 : wire == 2 && varint(&s, &n) && n <= s.len;
        if (!whole)
            return err_set(err, ERR_CORRUPT, "a field does not fit its message");
        const ProtobufCFieldDescriptor *f = wire == 2 ? protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3)) : NULL;
        if (f && f->type == PROTOBUF_C_TYPE_MESSAGE && scan(f->descriptor, str_sub(s, 0, n), depth + 1, fields, err))
            return -1;
        s = str_from(s, wire == 1 ? 8 : wire == 5 ? 4 : wire == 2 ? n : 0);
    }
    return 0;
}

int proto_check(const ProtobufCMessageDescriptor *d, struct str bytes, struct err *err)
{
    size_t fields = 0;
    return scan(d, bytes, 0, &fields, err);
}

const char *oneof_name(const ProtobufCMessageDescriptor *d, int number)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(d, (unsigned)number);
    return f ? f->name : "nothing";
}
