/*
 * fuzz_enroll.c - the bodies of enrolment and renewal, the identity that answers them and the code that an operator passes
 * on: whatever is taken is written again as it was, and what a code says survives being written with groups and in either case.
 *
 *   input = kind:byte bytes
 */
#include "fuzz.h"

#include "posix/posix.h"
#include "sync/enroll.h"

const size_t fuzz_mutations = 40000;

static const rove_crypto *cryptography(void) {
    static rove_crypto crypto;

    if (crypto.sha256 == NULL) {
        fuzz_check(rove_posix_crypto_new(&crypto) == ROVE_OK);
    }
    return &crypto;
}

static void same(const rove__buf *out, const uint8_t *data, size_t size) {
    fuzz_check(rove__buf_status(out) == ROVE_OK);
    fuzz_check(out->size == size && memcmp(out->data, data, size) == 0);
}

static void try_request(int renewal, const uint8_t *data, size_t size, rove__buf *out) {
    rove__enroll_request request;

    if (rove__enroll_request_read(&request, renewal, data, size) == ROVE_OK) {
        fuzz_check((request.nonce == NULL) == (renewal != 0));
        rove__enroll_request_write(out, &request);
        same(out, data, size);
    }
}

static void try_identity(const uint8_t *data, size_t size, rove__buf *out) {
    rove__identity identity;

    if (rove__identity_read(&identity, data, size) == ROVE_OK) {
        rove__identity_write(out, &identity);
        same(out, data, size);
    }
}

static void try_invitation(const uint8_t *data, size_t size) {
    rove__invitation invitation, again;
    char text[ROVE_INVITATION_SIZE];
    char *typed = malloc(size + 1);
    rove_error error;

    fuzz_check(typed != NULL);
    memcpy(typed, data, size);
    typed[size] = '\0';
    rove_status status = rove__invitation_parse(typed, cryptography(), &invitation, &error);
    fuzz_check(status == ROVE_OK || status == ROVE_CODE);
    if (status == ROVE_OK) {
        fuzz_check(rove__invitation_format(&invitation, cryptography(), text) == ROVE_OK);
        fuzz_check(rove__invitation_parse(text, cryptography(), &again, &error) == ROVE_OK);
        fuzz_check(memcmp(&invitation, &again, sizeof again) == 0);
    }
    free(typed);
}

/* Any code and pin, written and read. */
static void try_code(const uint8_t *data, size_t size) {
    rove__invitation invitation = {.code = {0}};
    char text[ROVE_INVITATION_SIZE];

    memcpy(&invitation, data, size < sizeof invitation ? size : sizeof invitation);
    fuzz_check(rove__invitation_format(&invitation, cryptography(), text) == ROVE_OK);
    try_invitation((const uint8_t *)text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__buf out;

    if (size == 0) {
        return 0;
    }
    rove__buf_init(&out, &allocator, (size_t)1 << 20);
    switch (data[0] % 5) {
    case 0:
    case 1:
        try_request(data[0] % 5, data + 1, size - 1, &out);
        break;
    case 2:
        try_identity(data + 1, size - 1, &out);
        break;
    case 3:
        try_invitation(data + 1, size - 1);
        break;
    default:
        try_code(data + 1, size - 1);
        break;
    }
    rove__buf_free(&out);
    fuzz_check(memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

static void give_identities(const fuzz_seed *to, rove__buf *out) {
    static const uint8_t seal_key[ROVE_SEAL_KEY_SIZE] = {0x30, 0x59};
    rove__identity identity = {.replica = 7,
                               .user = (rove_id)1 << 32 | 9,
                               .server_ms = 1764000000000,
                               .until_ms = 1766600000000,
                               .renew_after_ms = 1765700000000,
                               .ca = (const uint8_t *)"authority",
                               .ca_size = 9,
                               .certificate = (const uint8_t *)"certificate",
                               .certificate_size = 11,
                               .pin = {1, 2, 3},
                               .organisation = (const uint8_t *)"Ajax",
                               .organisation_size = 4};

    rove__identity_write(out, &identity);
    fuzz_give_kind(to, 2, out->data, out->size);
    rove__buf_reset(out);
    identity.seal_key = seal_key;
    rove__identity_write(out, &identity);
    fuzz_give_kind(to, 2, out->data, out->size);
    rove__buf_reset(out);
}

void fuzz_seeds(const fuzz_seed *to) {
    static const uint8_t nonce[ROVE_ENROLL_NONCE_SIZE + ROVE_ENROLL_HINT_SIZE] = {9, 8, 7};
    const rove__invitation invitation = {.code = {1, 2, 3}, .pin = {4, 5, 6}};
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__enroll_request request = {.nonce = nonce,
                                    .hint = nonce + ROVE_ENROLL_NONCE_SIZE,
                                    .csr = (const uint8_t *)"request",
                                    .csr_size = 7};
    char text[ROVE_INVITATION_SIZE];
    rove__buf out;

    rove__buf_init(&out, &allocator, (size_t)1 << 16);
    rove__enroll_request_write(&out, &request);
    fuzz_give_kind(to, 0, out.data, out.size);
    rove__buf_reset(&out);
    request = (rove__enroll_request){
        .flags = ROVE_RENEW_FRESH_REPLICA, .csr = (const uint8_t *)"request", .csr_size = 7};
    rove__enroll_request_write(&out, &request);
    fuzz_give_kind(to, 1, out.data, out.size);
    rove__buf_reset(&out);
    give_identities(to, &out);
    fuzz_check(rove__invitation_format(&invitation, cryptography(), text) == ROVE_OK);
    fuzz_give_kind(to, 3, text, strlen(text));
    fuzz_give_kind(to, 4, &invitation, sizeof invitation);
    rove__buf_free(&out);
}
