/*
 * pki_until.c - when a certificate of any kind ends; see checkup.h.
 */
#include "checkup.h"
#include "pki_internal.h"

rove_status rove__checkup_until(const void *der, size_t size, int64_t *until_ms) {
    X509 *certificate = rove__pki_parse(der, size);
    int fine = certificate != NULL && rove__pki_time_ms(X509_get0_notAfter(certificate), until_ms);
    X509_free(certificate);
    return fine ? ROVE_OK : ROVE_INVALID;
}
