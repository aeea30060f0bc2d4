/*
 * fuzz_pki.c - requests for certificates and certificates, from anybody: a request that is taken gives a certificate that
 * is recognised as its device's, by its own key; nothing else is recognised; and what an authority never signed is
 * refused, whatever it says. Signatures are put right first, so that what is signed can say anything.
 *
 *   input = kind:byte bytes      0: a request; 1: what a request signs; 2: a certificate; 3: what an authority signs;
 *                                4: a server's certificate; 5: PEM
 */
#include "fuzz.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "posix/pki.h"
#include "posix/posix.h"

#define NOW_MS  INT64_C(1700000000123)
#define DER_MAX 8192

const size_t fuzz_mutations = 1500;

typedef struct authority {
    rove_crypto crypto;
    rove_pki_bytes key, certificate;
    rove_pki_authority *open;
    EVP_PKEY *signer;
    uint8_t device_key[ROVE_KEY_DER_MAX];
    size_t device_key_size;
    EVP_PKEY *device;
} authority;

static const authority *ours(void) {
    static authority a;

    if (a.open != NULL) {
        return &a;
    }
    fuzz_check(rove_posix_crypto_new(&a.crypto) == ROVE_OK);
    fuzz_check(rove_pki_authority_make("Acme Field Sales", NOW_MS, &a.key, &a.certificate, NULL) ==
               ROVE_OK);
    fuzz_check(rove_pki_authority_open(&a.key, &a.certificate, &a.open, NULL) == ROVE_OK);
    BIO *pem = BIO_new_mem_buf(a.key.data, (int)a.key.size);
    a.signer = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
    BIO_free(pem);
    fuzz_check(a.crypto.key_generate(a.crypto.ctx, a.device_key, sizeof a.device_key,
                                     &a.device_key_size) == ROVE_OK);
    const uint8_t *at = a.device_key;
    a.device = d2i_AutoPrivateKey(NULL, &at, (long)a.device_key_size);
    fuzz_check(a.signer != NULL && a.device != NULL);
    return &a;
}

/* ---- DER put right ---- */

static size_t put_head(uint8_t *out, uint8_t tag, size_t size) {
    out[0] = tag;
    out[1] = 0x82;
    out[2] = (uint8_t)(size >> 8);
    out[3] = (uint8_t)size;
    return 4;
}

/* SEQUENCE { signed bytes, ecdsa-with-SHA256, BIT STRING signature }; its size, 0: it cannot be. */
static size_t sign(EVP_PKEY *key, const uint8_t *bytes, size_t size, uint8_t *out) {
    static const uint8_t algorithm[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                        0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    uint8_t signature[256];
    size_t signature_size = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (size + 512 > DER_MAX || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, signature, &signature_size, bytes, size) != 1) {
        EVP_MD_CTX_free(ctx);
        return 0;
    }
    EVP_MD_CTX_free(ctx);
    size_t body = size + sizeof algorithm + 4 + 1 + signature_size;
    size_t at = put_head(out, 0x30, body);
    memcpy(out + at, bytes, size);
    at += size;
    memcpy(out + at, algorithm, sizeof algorithm);
    at += sizeof algorithm;
    at += put_head(out + at, 0x03, 1 + signature_size);
    out[at++] = 0;
    memcpy(out + at, signature, signature_size);
    return at + signature_size;
}

/* ---- properties ---- */

static void try_request(const uint8_t *der, size_t size) {
    const rove_pki_subject subject = {.replica = 42, .user = INT64_C(0x100000007)};
    rove_pki_request request;
    rove_pki_bytes certificate;
    rove_pki_device device;
    uint8_t pin[ROVE_SHA256_SIZE];

    rove_status status = rove_pki_request_read(der, size, &request, NULL);
    fuzz_check(status == ROVE_OK || status == ROVE_PROTOCOL);
    if (status != ROVE_OK) {
        return;
    }
    fuzz_check(request.proof_size <= ROVE_PKI_PROOF_MAX);
    fuzz_check(rove_pki_device_issue(ours()->open, &request, &subject, NOW_MS, &certificate,
                                     NULL) == ROVE_OK);
    fuzz_check(rove_pki_device_read(ours()->open, certificate.data, certificate.size, &device,
                                    NULL) == ROVE_OK);
    fuzz_check(device.subject.replica == 42 && device.subject.user == subject.user &&
               device.subject.former == 0);
    fuzz_check(device.public_size == request.public_size &&
               memcmp(device.public_der, request.public_der, request.public_size) == 0);
    fuzz_check(rove_pki_pin(certificate.data, certificate.size, pin, NULL) == ROVE_OK);
    fuzz_check(memcmp(pin, device.public_sha256, sizeof pin) == 0);
}

/* `signed_by_us`: the authority's signature is right. */
static void try_certificate(const uint8_t *der, size_t size, int signed_by_us) {
    rove_pki_device device;
    rove_pki_bytes pem, again;
    uint8_t pin[ROVE_SHA256_SIZE];

    rove_status status = rove_pki_device_read(ours()->open, der, size, &device, NULL);
    fuzz_check(status == ROVE_OK || status == ROVE_UNAUTHORIZED);
    if (status == ROVE_OK) {
        fuzz_check(signed_by_us);
        fuzz_check(device.subject.replica >= 1 && device.subject.replica <= ROVE_PKI_REPLICA_MAX);
        fuzz_check(device.subject.former <= ROVE_PKI_REPLICA_MAX && device.subject.user >= 1);
        fuzz_check(rove_pki_pin(der, size, pin, NULL) == ROVE_OK);
    }
    if (rove_pki_to_pem(der, size, &pem, NULL) == ROVE_OK) {
        fuzz_check(rove_pki_from_pem(pem.data, pem.size, &again, NULL) == ROVE_OK);
    }
}

static void try_server(const uint8_t *der, size_t size) {
    rove_pki_server server;

    rove_status status = rove_pki_server_read(der, size, &server, NULL);
    fuzz_check(status == ROVE_OK || status == ROVE_INVALID);
    if (status == ROVE_OK) {
        fuzz_check(server.name_count <= ROVE_PKI_NAMES_MAX);
        for (size_t i = 0; i < server.name_count; i++) {
            fuzz_check(memchr(server.names[i], 0, sizeof server.names[i]) != NULL);
        }
    }
}

static void try_pem(const uint8_t *text, size_t size) {
    rove_pki_bytes der, pem;
    uint8_t pin[ROVE_SHA256_SIZE];

    if (rove_pki_from_pem(text, size, &der, NULL) == ROVE_OK) {
        rove_status status = rove_pki_pin(der.data, der.size, pin, NULL);
        fuzz_check(status == ROVE_OK || status == ROVE_INVALID);
        fuzz_check(rove_pki_to_pem(der.data, der.size, &pem, NULL) == status);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t der[DER_MAX];
    size_t made = 0;

    if (size == 0) {
        return 0;
    }
    switch (data[0] % 6) {
    case 0:
        try_request(data + 1, size - 1);
        break;
    case 1:
        made = sign(ours()->device, data + 1, size - 1, der);
        try_request(der, made);
        break;
    case 2:
        /* A seed may be one that the authority of another run has signed: that is nobody here. */
        try_certificate(data + 1, size - 1, 0);
        break;
    case 3:
        made = sign(ours()->signer, data + 1, size - 1, der);
        try_certificate(der, made, 1);
        break;
    case 4:
        try_server(data + 1, size - 1);
        break;
    default:
        try_pem(data + 1, size - 1);
        break;
    }
    return 0;
}

/* ---- seeds ---- */

/* The first element of a SEQUENCE: what is signed. */
static const uint8_t *inside(const uint8_t *der, size_t *size) {
    size_t head = der[1] < 0x80 ? 2 : (size_t)2 + (der[1] & 0x7f);
    const uint8_t *at = der + head;
    size_t length = at[1];

    if (at[1] == 0x81) {
        length = at[2] + (size_t)1;
    } else if (at[1] == 0x82) {
        length = ((size_t)at[2] << 8 | at[3]) + 2;
    }
    *size = length + 2;
    return at;
}

static void give_device(const fuzz_seed *to, const rove_pki_request *request, uint32_t former) {
    const rove_pki_subject subject = {.replica = 42, .former = former, .user = INT64_C(0x10000007)};
    rove_pki_bytes made;
    size_t size = 0;

    fuzz_check(rove_pki_device_issue(ours()->open, request, &subject, NOW_MS, &made, NULL) ==
               ROVE_OK);
    const uint8_t *signed_part = inside(made.data, &size);
    fuzz_give_kind(to, 3, signed_part, size);
}

void fuzz_seeds(const fuzz_seed *to) {
    static const char *const names[] = {"hq.example.com", "127.0.0.1", "::1"};
    const authority *a = ours();
    uint8_t proof[32] = {0x5a};
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t size = 0;
    rove_pki_request request;
    rove_pki_bytes key, made, pem;

    for (int with_proof = 0; with_proof < 2; with_proof++) {
        size_t part = 0;
        fuzz_check(a->crypto.csr(a->crypto.ctx, a->device_key, a->device_key_size,
                                 with_proof ? proof : NULL, with_proof ? sizeof proof : 0, csr,
                                 sizeof csr, &size) == ROVE_OK);
        fuzz_give_kind(to, 0, csr, size);
        const uint8_t *signed_part = inside(csr, &part);
        fuzz_give_kind(to, 1, signed_part, part);
    }
    fuzz_check(rove_pki_request_read(csr, size, &request, NULL) == ROVE_OK);
    give_device(to, &request, 0);
    give_device(to, &request, 41);
    fuzz_check(rove_pki_server_issue(a->open, names, 3, NOW_MS, &key, &made, NULL) == ROVE_OK);
    fuzz_give_kind(to, 2, made.data, made.size);
    fuzz_give_kind(to, 4, made.data, made.size);
    fuzz_check(rove_pki_to_pem(made.data, made.size, &pem, NULL) == ROVE_OK);
    fuzz_give_kind(to, 5, pem.data, pem.size);
}
