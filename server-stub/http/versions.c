/*
 * http/versions.c - see versions.h.
 */
#include "http/versions.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>

#include "base/text.h"

void http_versions(rove__checkup *checkup) {
    char built[24];
    uint32_t number = MHD_VERSION; /* 0x00097500: 0.9.75 */
    rove__text_format(built, sizeof built, "%x.%x.%x", (unsigned)(number >> 24 & 0xffu),
                      (unsigned)(number >> 16 & 0xffu), (unsigned)(number >> 8 & 0xffu));
    rove__checkup_library(checkup, "libmicrohttpd", built, MHD_get_version(), NULL);
    rove__checkup_library(checkup, "GnuTLS", GNUTLS_VERSION, gnutls_check_version(NULL), NULL);
}
