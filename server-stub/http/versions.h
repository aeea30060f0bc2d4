/*
 * http/versions.h - the versions of what carries HTTP at headquarters, for `rove-hq doctor`.
 */
#ifndef ROVE_HQ_HTTP_VERSIONS_H
#define ROVE_HQ_HTTP_VERSIONS_H

#include "posix/checkup.h"

/* libmicrohttpd and GnuTLS. */
void http_versions(rove__checkup *checkup);

#endif
