/*
 * http/credentials.c - see credentials.h. Sessions refer to the credentials that they were given, so that former ones are
 * kept until the end: renewals are rare.
 */
#include "http/credentials.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "keys.h"

typedef struct version {
    gnutls_certificate_credentials_t loaded;
    struct version *former;
} version;

struct credentials {
    hq *headquarters;
    pthread_mutex_t mutex; /* over what follows */
    const hq_keys *of;     /* the newest, or what could not be loaded */
    version *newest;
};

static int fill(gnutls_certificate_credentials_t loaded, const hq_keys *keys,
                const rove_pki_bytes *chain) {
    /* GnuTLS reads them only, and says so nowhere. */
    rove_pki_bytes trusted = keys->ca;
    rove_pki_bytes former = keys->ca_former;
    rove_pki_bytes certificate = *chain;
    rove_pki_bytes secret = keys->own.pem;
    gnutls_datum_t ca = {trusted.data, (unsigned)trusted.size};
    gnutls_datum_t shown = {certificate.data, (unsigned)certificate.size};
    gnutls_datum_t key = {secret.data, (unsigned)secret.size};
    gnutls_datum_t before = {former.data, (unsigned)former.size};
    int code = gnutls_certificate_set_x509_trust_mem(loaded, &ca, GNUTLS_X509_FMT_DER);
    if (code >= 0 && before.size > 0) {
        code = gnutls_certificate_set_x509_trust_mem(loaded, &before, GNUTLS_X509_FMT_DER);
    }
    if (code >= 0) {
        code = gnutls_certificate_set_x509_key_mem(loaded, &shown, &key, GNUTLS_X509_FMT_PEM);
    }
    rove__wipe(&secret, sizeof secret);
    return code;
}

static rove_status load(credentials *self, rove_error *error) {
    const rove_allocator *allocator = &hq_get_ports(self->headquarters)->allocator;
    rove_pki_bytes chain;
    version *made = rove__alloc_zeroed(allocator, 1, sizeof *made);
    if (made == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    self->of = hq_get_keys(self->headquarters);
    rove_status status =
        rove_pki_to_pem(self->of->server.data, self->of->server.size, &chain, error);
    if (status == ROVE_OK) {
        int code = gnutls_certificate_allocate_credentials(&made->loaded);
        code = code < 0 ? code : fill(made->loaded, self->of, &chain);
        status = code < 0 ? rove__error_set(error, ROVE_TLS,
                                            "The server's certificate cannot be used: %s",
                                            gnutls_strerror(code))
                          : ROVE_OK;
    }
    if (status != ROVE_OK) {
        if (made->loaded != NULL) {
            gnutls_certificate_free_credentials(made->loaded);
        }
        rove__free(allocator, made);
        return status;
    }
    made->former = self->newest;
    self->newest = made;
    return ROVE_OK;
}

rove_status credentials_new(hq *headquarters, credentials **out, rove_error *error) {
    credentials *self = rove__alloc_zeroed(&hq_get_ports(headquarters)->allocator, 1, sizeof *self);
    *out = NULL;
    if (self == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    self->headquarters = headquarters;
    (void)pthread_mutex_init(&self->mutex, NULL);
    rove_status status = load(self, error);
    if (status != ROVE_OK) {
        credentials_free(self);
        return status;
    }
    *out = self;
    return ROVE_OK;
}

void credentials_free(credentials *self) {
    if (self == NULL) {
        return;
    }
    const rove_allocator *allocator = &hq_get_ports(self->headquarters)->allocator;
    while (self->newest != NULL) {
        version *at = self->newest;
        self->newest = at->former;
        gnutls_certificate_free_credentials(at->loaded);
        rove__free(allocator, at);
    }
    (void)pthread_mutex_destroy(&self->mutex);
    rove__free(allocator, self);
}

static void take_up(credentials *self) {
    rove_error error = {0};
    if (hq_get_keys(self->headquarters) == self->of) {
        return;
    }
    const rove_log *log = &hq_get_ports(self->headquarters)->log;
    if (load(self, &error) != ROVE_OK) {
        rove__log(log, ROVE_LOG_ERROR, "http", "the former certificate stays in service: %s",
                  error.message);
        return;
    }
    rove__log(log, ROVE_LOG_INFO, "http", "the renewed certificate is in service");
}

void credentials_give(credentials *self, gnutls_session_t session) {
    (void)pthread_mutex_lock(&self->mutex);
    take_up(self);
    (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, self->newest->loaded);
    (void)pthread_mutex_unlock(&self->mutex);
}
