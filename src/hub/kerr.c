#include "hub/kerr.h"

const char *kerr_name(int code)
{
    static const struct { int code; const char *name; } names[] = {
#define X(code_, retriable, name_) {code_, #name_},
        KERR_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].code == code)
            return names[i].name;
    return "UNKNOWN";
}

enum kerr kerr_of(const struct err *err)
{
    static const enum kerr codes[ERR_CODE_COUNT] = {
        [ERR_INPUT] = KERR_INVALID_REQUEST,
        [ERR_UNSUPPORTED] = KERR_INVALID_REQUEST,
        [ERR_NOT_FOUND] = KERR_UNKNOWN_TOPIC_OR_PARTITION,
        [ERR_EXISTS] = KERR_TOPIC_ALREADY_EXISTS,
        [ERR_LIMIT] = KERR_POLICY_VIOLATION,
        [ERR_CORRUPT] = KERR_CORRUPT_MESSAGE,
        [ERR_IO] = KERR_KAFKA_STORAGE_ERROR,
        [ERR_AUTH] = KERR_SASL_AUTHENTICATION_FAILED,
        [ERR_DENIED] = KERR_TOPIC_AUTHORIZATION_FAILED,
    };
    enum kerr k = codes[err->code];
    return k ? k : KERR_UNKNOWN_SERVER_ERROR;
}
