/*
 * transport_version.c - the version of libcurl, and with which TLS library it works; see checkup.h.
 */
#include <curl/curl.h>
#include <string.h>

#include "checkup.h"

void rove__checkup_curl(rove__checkup *checkup) {
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    rove__checkup_library(checkup, "libcurl", LIBCURL_VERSION, info->version, NULL);
    if (info->ssl_version == NULL || strstr(info->ssl_version, "OpenSSL") == NULL) {
        (void)rove__checkup_add(
            checkup, ROVE__WRONG, "TLS of libcurl",
            "Rove pins headquarters' key through OpenSSL: use a libcurl that was "
            "built with it.",
            "%s", info->ssl_version == NULL ? "none" : info->ssl_version);
    } else {
        (void)rove__checkup_add(checkup, ROVE__FINE, "TLS of libcurl", NULL, "%s",
                                info->ssl_version);
    }
}
