/* query_service -- the endpoints' way to the engine: port/query_service.h over engine/session.h. */
#ifndef PAYSTREAK_CLI_QUERY_SERVICE_H
#define PAYSTREAK_CLI_QUERY_SERVICE_H
#include "engine/session.h"
#include "port/query_service.h"

/* Valid as long as the engine. */
struct query_service query_service_of(struct engine *e);
#endif
