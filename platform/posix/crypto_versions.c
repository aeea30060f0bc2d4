/*
 * crypto_versions.c - the versions of mbedTLS and OpenSSL; see checkup.h.
 */
#include <mbedtls/version.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include "checkup.h"

void rove__checkup_crypto(rove__checkup *checkup) {
    char running[32];
    mbedtls_version_get_string(running);
    rove__checkup_library(checkup, "mbedTLS", MBEDTLS_VERSION_STRING, running, NULL);
    rove__checkup_library(checkup, "OpenSSL", OPENSSL_VERSION_TEXT,
                          OpenSSL_version(OPENSSL_VERSION), NULL);
}
