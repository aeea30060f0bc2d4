/*
 * sync/enroll.c - invitations, proofs and identities; see enroll.h for the formats.
 */
#include "sync/enroll.h"

#include "base/assert.h"
#include "base/reader.h"
#include "base/text.h"

#define VERSION            1u
#define CHECK_SIZE         2
#define INVITATION_BYTES   (ROVE_CODE_SIZE + ROVE_SHA256_SIZE + CHECK_SIZE)
#define INVITATION_SYMBOLS ((INVITATION_BYTES * 8 + 4) / 5)
#define GROUP              5
#define DER_SEQUENCE       0x30u

ROVE_STATIC_ASSERT(INVITATION_SYMBOLS + INVITATION_SYMBOLS / GROUP + 1 <= ROVE_INVITATION_SIZE,
                   "an invitation fits");

/* Crockford, "Base 32": no I, L, O, U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static const char proof_label[] = "rove enroll";

static rove_status check_of(const uint8_t bytes[INVITATION_BYTES], const rove_crypto *crypto,
                            uint8_t sum[ROVE_SHA256_SIZE]) {
    rove_span span = {bytes, INVITATION_BYTES - CHECK_SIZE};
    return crypto->sha256(crypto->ctx, &span, 1, sum);
}

static void copy(uint8_t *to, const uint8_t *from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

rove_status rove__invitation_format(const rove__invitation *invitation, const rove_crypto *crypto,
                                    char text[ROVE_INVITATION_SIZE]) {
    uint8_t bytes[INVITATION_BYTES];
    uint8_t sum[ROVE_SHA256_SIZE];
    size_t at = 0;
    text[0] = '\0';
    copy(bytes, invitation->code, ROVE_CODE_SIZE);
    copy(bytes + ROVE_CODE_SIZE, invitation->pin, ROVE_SHA256_SIZE);
    rove_status status = check_of(bytes, crypto, sum);
    if (status != ROVE_OK) {
        return status;
    }
    copy(bytes + INVITATION_BYTES - CHECK_SIZE, sum, CHECK_SIZE);
    for (size_t i = 0; i < INVITATION_SYMBOLS; i++) {
        unsigned symbol = 0;
        for (size_t bit = i * 5; bit < i * 5 + 5; bit++) {
            unsigned one =
                bit < INVITATION_BYTES * 8 ? (unsigned)(bytes[bit / 8] >> (7 - bit % 8)) & 1u : 0u;
            symbol = symbol << 1 | one;
        }
        if (i > 0 && i % GROUP == 0) {
            text[at++] = '-';
        }
        text[at++] = alphabet[symbol];
    }
    text[at] = '\0';
    return ROVE_OK;
}

/* The value of a symbol, -1 for a separator, -2 for what cannot stand in an invitation. */
static int symbol_of(char c) {
    if (c >= 'a' && c <= 'z') {
        c = (char)(c - 'a' + 'A');
    }
    if (c == 'O') {
        c = '0';
    }
    if (c == 'I' || c == 'L') {
        c = '1';
    }
    if (c == '-' || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        return -1;
    }
    for (int i = 0; i < 32; i++) {
        if (alphabet[i] == c) {
            return i;
        }
    }
    return -2;
}

static rove_status decode(const char *text, uint8_t bytes[INVITATION_BYTES], rove_error *error) {
    size_t symbols = 0;
    for (size_t i = 0; i < INVITATION_BYTES; i++) {
        bytes[i] = 0;
    }
    for (const char *c = text; *c != '\0'; c++) {
        int symbol = symbol_of(*c);
        if (symbol == -1) {
            continue;
        }
        if (symbol == -2 || symbols == INVITATION_SYMBOLS) {
            return rove__error_set(error, ROVE_CODE,
                                   "This is not an enrolment code: character %zu does not belong "
                                   "there. Copy the whole code that headquarters gave.",
                                   (size_t)(c - text) + 1);
        }
        for (size_t k = 0; k < 5; k++) {
            size_t bit = symbols * 5 + k;
            if (bit < INVITATION_BYTES * 8 && (symbol >> (4 - k) & 1)) {
                bytes[bit / 8] |= (uint8_t)(1u << (7 - bit % 8));
            }
        }
        symbols++;
    }
    if (symbols != INVITATION_SYMBOLS) {
        return rove__error_set(error, ROVE_CODE,
                               "This enrolment code is incomplete: %zu of %d characters. Copy the "
                               "whole code that headquarters gave.",
                               symbols, (int)INVITATION_SYMBOLS);
    }
    return ROVE_OK;
}

rove_status rove__invitation_parse(const char *text, const rove_crypto *crypto,
                                   rove__invitation *invitation, rove_error *error) {
    uint8_t bytes[INVITATION_BYTES];
    uint8_t sum[ROVE_SHA256_SIZE];
    *invitation = (rove__invitation){0};
    rove_status status = decode(text, bytes, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = check_of(bytes, crypto, sum);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    if (!rove__secret_equal(bytes + INVITATION_BYTES - CHECK_SIZE, sum, CHECK_SIZE)) {
        return rove__error_set(error, ROVE_CODE,
                               "This enrolment code has a mistyped character. Copy it again.");
    }
    copy(invitation->code, bytes, ROVE_CODE_SIZE);
    copy(invitation->pin, bytes + ROVE_CODE_SIZE, ROVE_SHA256_SIZE);
    return ROVE_OK;
}

rove_status rove__code_secret(const uint8_t code[ROVE_CODE_SIZE], const rove_crypto *crypto,
                              uint8_t secret[ROVE_SHA256_SIZE]) {
    rove_span span = {code, ROVE_CODE_SIZE};
    return crypto->sha256(crypto->ctx, &span, 1, secret);
}

rove_status rove__code_proof(const uint8_t secret[ROVE_SHA256_SIZE],
                             const uint8_t nonce[ROVE_ENROLL_NONCE_SIZE], const void *public_der,
                             size_t public_size, const rove_crypto *crypto,
                             uint8_t proof[ROVE_SHA256_SIZE]) {
    rove_span spans[] = {{proof_label, sizeof proof_label - 1},
                         {nonce, ROVE_ENROLL_NONCE_SIZE},
                         {public_der, public_size}};
    return crypto->hmac_sha256(crypto->ctx, secret, ROVE_SHA256_SIZE, spans, 3, proof);
}

int rove__secret_equal(const void *a, const void *b, size_t size) {
    const uint8_t *x = a;
    const uint8_t *y = b;
    unsigned difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference |= (unsigned)(x[i] ^ y[i]);
    }
    return difference == 0;
}

void rove__enroll_request_write(rove__buf *out, const rove__enroll_request *request) {
    rove__buf_byte(out, VERSION);
    if (request->nonce != NULL) {
        rove__buf_append(out, request->nonce, ROVE_ENROLL_NONCE_SIZE);
        rove__buf_append(out, request->hint, ROVE_ENROLL_HINT_SIZE);
    } else {
        rove__buf_byte(out, (uint8_t)request->flags);
    }
    rove__buf_append(out, request->csr, request->csr_size);
}

rove_status rove__enroll_request_read(rove__enroll_request *request, int renewal, const void *bytes,
                                      size_t size) {
    rove__reader reader;
    *request = (rove__enroll_request){0};
    rove__reader_init(&reader, bytes, size);
    if (rove__reader_byte(&reader) != VERSION) {
        return size == 0 ? ROVE_TRUNCATED : ROVE_VERSION;
    }
    if (renewal) {
        request->flags = rove__reader_byte(&reader);
    } else {
        request->nonce = rove__reader_take(&reader, ROVE_ENROLL_NONCE_SIZE);
        request->hint = rove__reader_take(&reader, ROVE_ENROLL_HINT_SIZE);
    }
    request->csr_size = rove__reader_left(&reader);
    request->csr = rove__reader_take(&reader, request->csr_size);
    if (rove__reader_status(&reader) != ROVE_OK) {
        return rove__reader_status(&reader);
    }
    if (request->csr_size == 0 || request->csr_size > ROVE_CSR_DER_MAX) {
        return ROVE_PROTOCOL;
    }
    return (request->flags & ~ROVE_RENEW_FRESH_REPLICA) == 0 ? ROVE_OK : ROVE_PROTOCOL;
}

size_t rove__authority_size(const uint8_t *ca, size_t size) {
    size_t head = 2;
    size_t length = 0;
    if (size < 4 || ca[0] != DER_SEQUENCE) {
        return size;
    }
    if (ca[1] < 0x80) {
        length = ca[1];
    } else if (ca[1] == 0x81) {
        head = 3;
        length = ca[2];
    } else if (ca[1] == 0x82) {
        head = 4;
        length = (size_t)ca[2] << 8 | ca[3];
    } else {
        return size;
    }
    return length <= size - head ? head + length : size;
}

static int has_authority(const rove__identity *identity, const uint8_t *ca, size_t size) {
    for (size_t at = 0; at < identity->ca_size;) {
        size_t one = rove__authority_size(identity->ca + at, identity->ca_size - at);
        if (one == size && rove__secret_equal(identity->ca + at, ca, size)) {
            return 1;
        }
        at += one;
    }
    return 0;
}

int rove__authorities_meet(const rove__identity *a, const rove__identity *b) {
    for (size_t at = 0; at < a->ca_size;) {
        size_t one = rove__authority_size(a->ca + at, a->ca_size - at);
        if (has_authority(b, a->ca + at, one)) {
            return 1;
        }
        at += one;
    }
    return 0;
}

static size_t authority_count(const rove__identity *identity) {
    size_t count = 0;
    for (size_t at = 0; at < identity->ca_size; count++) {
        at += rove__authority_size(identity->ca + at, identity->ca_size - at);
    }
    return count;
}

void rove__identity_write(rove__buf *out, const rove__identity *identity) {
    rove__buf_byte(out, VERSION);
    rove__buf_varint(out, identity->replica);
    rove__buf_varint(out, (uint64_t)identity->user);
    rove__buf_zigzag(out, identity->server_ms);
    rove__buf_zigzag(out, identity->until_ms);
    rove__buf_zigzag(out, identity->renew_after_ms);
    rove__buf_bytes(out, identity->ca, identity->ca_size);
    rove__buf_bytes(out, identity->certificate, identity->certificate_size);
    rove__buf_append(out, identity->pin, ROVE_SHA256_SIZE);
    rove__buf_append(out, identity->backup_pin, ROVE_SHA256_SIZE);
    rove__buf_bytes(out, identity->organisation, identity->organisation_size);
    if (identity->seal_key != NULL) {
        rove__buf_append(out, identity->seal_key, ROVE_SEAL_KEY_SIZE);
    }
}

rove_status rove__identity_read(rove__identity *identity, const void *bytes, size_t size) {
    rove__reader reader;
    *identity = (rove__identity){0};
    rove__reader_init(&reader, bytes, size);
    if (rove__reader_byte(&reader) != VERSION) {
        return size == 0 ? ROVE_TRUNCATED : ROVE_VERSION;
    }
    identity->replica = (rove_replica)rove__reader_varint_max(&reader, 0x7fffffffu);
    identity->user = (rove_id)rove__reader_varint_max(&reader, INT64_MAX);
    identity->server_ms = rove__reader_zigzag(&reader);
    identity->until_ms = rove__reader_zigzag(&reader);
    identity->renew_after_ms = rove__reader_zigzag(&reader);
    identity->ca = rove__reader_bytes(&reader, ROVE_CERTIFICATE_MAX, &identity->ca_size);
    identity->certificate =
        rove__reader_bytes(&reader, ROVE_CERTIFICATE_MAX, &identity->certificate_size);
    const uint8_t *pin = rove__reader_take(&reader, ROVE_SHA256_SIZE);
    const uint8_t *backup = rove__reader_take(&reader, ROVE_SHA256_SIZE);
    identity->organisation = rove__reader_bytes(&reader, 200, &identity->organisation_size);
    if (rove__reader_left(&reader) > 0) {
        identity->seal_key = rove__reader_take(&reader, ROVE_SEAL_KEY_SIZE);
    }
    if (rove__reader_status(&reader) != ROVE_OK) {
        return rove__reader_status(&reader);
    }
    copy(identity->pin, pin, ROVE_SHA256_SIZE);
    copy(identity->backup_pin, backup, ROVE_SHA256_SIZE);
    int named = identity->organisation_size == 0 ||
                rove__utf8_valid(identity->organisation, identity->organisation_size);
    int complete = identity->replica > 1 && identity->user > 0 && identity->ca_size > 0 &&
                   identity->certificate_size > 0 && rove__reader_left(&reader) == 0 &&
                   authority_count(identity) <= ROVE_AUTHORITIES_MAX;
    return complete && named ? ROVE_OK : ROVE_PROTOCOL;
}
