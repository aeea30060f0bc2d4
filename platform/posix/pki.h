/*
 * pki.h - headquarters' certificate authority: what a server needs to enrol and recognise devices.
 *
 *   authority  P-256, self-signed, 10 years; its key signs nothing but certificates
 *   server     P-256, serverAuth, names in subjectAltName, 825 days
 *   device     the key of its PKCS#10 request, clientAuth, 30 days, "CN=replica <n>" and, as subjectAltNames, the
 *              URIs urn:rove:replica:<n>, urn:rove:user:<id> and, of one that had another number before,
 *              urn:rove:former:<n>: what a headquarters that was restored from a backup needs to know
 *              a device again. Whatever else a request asks for is refused
 *
 * No function reads a clock: times are Unix ms and come from the caller; certificates hold whole
 * seconds, and begin ROVE_PKI_BACKDATE_MS before "now", for hosts whose clocks differ a little.
 * Nothing read from a peer is trusted: one DER value without a rest, P-256 only, signatures checked.
 *
 * Status values: ROVE_INVALID for arguments and for a key or certificate of our own that cannot be
 * used, ROVE_PROTOCOL for a request that breaks the rules, ROVE_UNAUTHORIZED for a certificate that is
 * no device's of this authority, ROVE_TOO_BIG, ROVE_NOMEM, ROVE_CRYPTO. Outputs are set on success
 * only.
 *
 * Threads: an authority may be used by any number of threads at once; the rest holds no state.
 */
#ifndef ROVE_PKI_H
#define ROVE_PKI_H

#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"
#include "rove/sys/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_PKI_BYTES_MAX      4096
#define ROVE_PKI_NAMES_MAX      16
#define ROVE_PKI_NAME_MAX       253 /* bytes of a DNS name */
#define ROVE_PKI_PROOF_MAX      64
#define ROVE_PKI_SERIAL_SIZE    16
#define ROVE_PKI_REPLICA_MAX    0x7fffffff
#define ROVE_PKI_BACKDATE_MS    ((int64_t)10 * 60 * 1000)
#define ROVE_PKI_DAY_MS         ((int64_t)24 * 60 * 60 * 1000)
#define ROVE_PKI_DEVICE_DAYS    30
#define ROVE_PKI_SERVER_DAYS    825
#define ROVE_PKI_AUTHORITY_DAYS 3652

/* A certificate or key, DER or PEM (PEM without a final NUL), in memory of the caller. */
typedef struct rove_pki_bytes {
    size_t size;
    uint8_t data[ROVE_PKI_BYTES_MAX];
} rove_pki_bytes;

/* An authority's certificate and private key, loaded. */
typedef struct rove_pki_authority rove_pki_authority;

/* A device's request, once it was found to obey the rules. */
typedef struct rove_pki_request {
    uint8_t public_der[ROVE_PUBLIC_KEY_DER_MAX]; /* SubjectPublicKeyInfo */
    size_t public_size;
    uint8_t proof[ROVE_PKI_PROOF_MAX]; /* of the private extension */
    size_t proof_size;                 /* 0 if the request carries none, as for renewal */
} rove_pki_request;

/* Whom a device's certificate names. */
typedef struct rove_pki_subject {
    uint32_t replica; /* 1 to ROVE_PKI_REPLICA_MAX */
    uint32_t former;  /* the number that it had before; 0: none */
    int64_t user;     /* from 1 */
} rove_pki_subject;

/* What a device's certificate says. Validity is the caller's to judge. */
typedef struct rove_pki_device {
    rove_pki_subject subject;
    uint8_t serial[ROVE_PKI_SERIAL_SIZE]; /* big-endian, zeros in front */
    int64_t not_before_ms;
    int64_t not_after_ms;
    uint8_t public_der[ROVE_PUBLIC_KEY_DER_MAX]; /* SubjectPublicKeyInfo */
    size_t public_size;
    uint8_t public_sha256[ROVE_SHA256_SIZE]; /* of it */
} rove_pki_device;

/* What a server's certificate says. Validity is the caller's to judge. */
typedef struct rove_pki_server {
    int64_t not_before_ms;
    int64_t not_after_ms;
    size_t name_count;
    char names[ROVE_PKI_NAMES_MAX][ROVE_PKI_NAME_MAX + 1]; /* as rove_pki_server_issue takes them */
} rove_pki_server;

/*
 * Makes an authority: its private key as PKCS#8 PEM (the caller keeps it secret and wipes it) and its
 * certificate as DER. `name` is the organisation, 1 to 64 bytes of UTF-8; the subject is "CN=<name>".
 */
ROVE_CHECK rove_status rove_pki_authority_make(const char *name, int64_t now_ms,
                                               rove_pki_bytes *key_pem,
                                               rove_pki_bytes *certificate_der, rove_error *error);
/* Makes the one that follows it: of the same name, with a key of its own. Outputs as above. */
ROVE_CHECK rove_status rove_pki_authority_succeed(const rove_pki_authority *authority,
                                                  int64_t now_ms, rove_pki_bytes *key_pem,
                                                  rove_pki_bytes *certificate_der,
                                                  rove_error *error);
/*
 * Loads an authority; *out is the caller's, to be freed. The key must be the certificate's. NULL: it issues nothing, and only
 * what it has issued is recognised.
 */
ROVE_CHECK rove_status rove_pki_authority_open(const rove_pki_bytes *key_pem,
                                               const rove_pki_bytes *certificate_der,
                                               rove_pki_authority **out, rove_error *error);
/* Wipes and frees; NULL is fine. */
void rove_pki_authority_free(rove_pki_authority *authority);

/*
 * Makes a key (PKCS#8 PEM, secret) and a certificate (DER) for a server that is reached under `names`:
 * 1 to ROVE_PKI_NAMES_MAX DNS names or IP addresses as text. It never outlives the authority.
 */
ROVE_CHECK rove_status rove_pki_server_issue(const rove_pki_authority *authority,
                                             const char *const *names, size_t count, int64_t now_ms,
                                             rove_pki_bytes *key_pem,
                                             rove_pki_bytes *certificate_der, rove_error *error);

/* Makes a private key for a server alone: PKCS#8 PEM, secret. */
ROVE_CHECK rove_status rove_pki_key_make(rove_pki_bytes *key_pem, rove_error *error);
/*
 * The same for a server that has its key already (PEM): who pinned that key goes on to trust it. Outputs and
 * statuses as above.
 */
ROVE_CHECK rove_status rove_pki_server_renew(const rove_pki_authority *authority,
                                             const rove_pki_bytes *key_pem,
                                             const char *const *names, size_t count, int64_t now_ms,
                                             rove_pki_bytes *certificate_der, rove_error *error);
/*
 * What a server's certificate (DER) says: one of our own, so its signature is not checked. ROVE_INVALID for what is
 * none, or has a name that is neither DNS nor an address, or more than ROVE_PKI_NAMES_MAX.
 */
ROVE_CHECK rove_status rove_pki_server_read(const void *der, size_t size, rove_pki_server *out,
                                            rove_error *error);

/*
 * Reads a PKCS#10 request as rove_crypto.csr makes it: its own signature holds, the subject is
 * "CN=rove device", and there is no extension but the proof.
 */
ROVE_CHECK rove_status rove_pki_request_read(const void *der, size_t size, rove_pki_request *out,
                                             rove_error *error);

/*
 * Issues a device's certificate (DER) for the public key of a request. Whether the device may have it
 * was decided by the caller.
 */
ROVE_CHECK rove_status rove_pki_device_issue(const rove_pki_authority *authority,
                                             const rove_pki_request *request,
                                             const rove_pki_subject *subject, int64_t now_ms,
                                             rove_pki_bytes *certificate_der, rove_error *error);
/*
 * Reads a certificate (DER) that a device presented: signed by this authority, for clients, naming one
 * replica and its user. ROVE_UNAUTHORIZED otherwise. Neither validity nor revocation is judged.
 */
ROVE_CHECK rove_status rove_pki_device_read(const rove_pki_authority *authority, const void *der,
                                            size_t size, rove_pki_device *out, rove_error *error);

/* SHA-256 of the SubjectPublicKeyInfo of any certificate (DER): the pin of a server. */
ROVE_CHECK rove_status rove_pki_pin(const void *certificate_der, size_t size,
                                    uint8_t out[ROVE_SHA256_SIZE], rove_error *error);
/* A certificate from DER to PEM, and the first certificate of a PEM text to DER. */
ROVE_CHECK rove_status rove_pki_to_pem(const void *certificate_der, size_t size,
                                       rove_pki_bytes *pem, rove_error *error);
ROVE_CHECK rove_status rove_pki_from_pem(const void *pem, size_t size,
                                         rove_pki_bytes *certificate_der, rove_error *error);

#ifdef __cplusplus
}
#endif
#endif
