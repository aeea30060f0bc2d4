/*
 * test_enroll.c - what a rep types, and what both ends of an enrolment send: slips of the pen are noticed, and
 * hostile bytes do no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "heap.h"
#include "posix/posix.h"
#include "sync/enroll.h"

static rove_crypto crypto;
static heap memory;
static rove_allocator allocator;

static int set_up(void **state) {
    (void)state;
    allocator = heap_allocator(&memory);
    return rove_posix_crypto_new(&crypto) == ROVE_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    rove_posix_crypto_free(&crypto);
    return memory.alive == 0 ? 0 : -1;
}

/* ---- invitations ---- */

static rove__invitation some_invitation(void) {
    rove__invitation invitation;
    uint64_t seed = 42;

    for (size_t i = 0; i < sizeof invitation.code; i++) {
        invitation.code[i] = (uint8_t)dice(&seed);
    }
    for (size_t i = 0; i < sizeof invitation.pin; i++) {
        invitation.pin[i] = (uint8_t)dice(&seed);
    }
    return invitation;
}

static void some_text(char text[ROVE_INVITATION_SIZE]) {
    rove__invitation invitation = some_invitation();
    assert_int_equal(rove__invitation_format(&invitation, &crypto, text), ROVE_OK);
}

static void assert_reads(const char *text) {
    rove__invitation expected = some_invitation();
    rove__invitation read;
    rove_error error;

    assert_int_equal(rove__invitation_parse(text, &crypto, &read, &error), ROVE_OK);
    assert_memory_equal(read.code, expected.code, sizeof read.code);
    assert_memory_equal(read.pin, expected.pin, sizeof read.pin);
}

static void test_an_invitation_comes_back(void **state) {
    char text[ROVE_INVITATION_SIZE];
    (void)state;

    some_text(text);
    assert_reads(text);
}

static void test_case_and_grouping_do_not_matter(void **state) {
    char text[ROVE_INVITATION_SIZE];
    char other[4 * ROVE_INVITATION_SIZE];
    size_t at = 0;
    (void)state;

    some_text(text);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '-') {
            other[at++] = ' ';
            other[at++] = (char)tolower((unsigned char)*c);
            other[at++] = '\n';
        }
    }
    other[at] = '\0';
    assert_reads(other);
}

/* What is read aloud or from a screen: O for 0, I and l for 1. */
static void test_lookalikes_are_read_as_what_is_meant(void **state) {
    char text[ROVE_INVITATION_SIZE];
    int changed = 0;
    (void)state;

    some_text(text);
    for (char *c = text; *c != '\0'; c++) {
        if (*c == '0') {
            *c = 'o';
            changed++;
        } else if (*c == '1') {
            *c = changed++ % 2 == 0 ? 'I' : 'l';
        }
    }
    assert_true(changed > 0);
    assert_reads(text);
}

static void assert_refused(const char *text) {
    rove__invitation read;
    rove_error error = {0};

    assert_int_equal(rove__invitation_parse(text, &crypto, &read, &error), ROVE_CODE);
    assert_true(error.message[0] != '\0');
}

/* 16 bits of check: a single slip is noticed but for the last symbol's unused bits and 1 in 65,536. */
static void test_a_mistyped_character_is_noticed(void **state) {
    static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char text[ROVE_INVITATION_SIZE];
    int noticed = 0;
    int tried = 0;
    (void)state;

    some_text(text);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '-') {
            continue;
        }
        char right = text[i];
        rove__invitation read;
        text[i] = right == symbols[7] ? symbols[8] : symbols[7];
        noticed += rove__invitation_parse(text, &crypto, &read, NULL) == ROVE_CODE;
        tried++;
        text[i] = right;
    }
    assert_int_equal(tried, 80);
    assert_int_equal(noticed, tried);
}

static void test_what_is_no_invitation_is_refused(void **state) {
    char text[2 * ROVE_INVITATION_SIZE];
    (void)state;

    assert_refused("");
    assert_refused("ABCDE-FGHJK");
    assert_refused("https://hq.example.com");
    some_text(text);
    size_t size = strlen(text);
    text[size - 1] = '\0';
    assert_refused(text);
    some_text(text);
    text[3] = 'U';
    assert_refused(text);
    some_text(text);
    text[size] = 'A';
    text[size + 1] = '\0';
    assert_refused(text);
}

static void test_a_proof_depends_on_code_nonce_and_key(void **state) {
    uint8_t secret[ROVE_SHA256_SIZE];
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE] = {1};
    uint8_t first[ROVE_SHA256_SIZE];
    uint8_t other[ROVE_SHA256_SIZE];
    rove__invitation invitation = some_invitation();
    (void)state;

    assert_int_equal(rove__code_secret(invitation.code, &crypto, secret), ROVE_OK);
    assert_int_equal(rove__code_proof(secret, nonce, "key", 3, &crypto, first), ROVE_OK);
    assert_int_equal(rove__code_proof(secret, nonce, "key", 3, &crypto, other), ROVE_OK);
    assert_true(rove__secret_equal(first, other, sizeof first));
    assert_int_equal(rove__code_proof(secret, nonce, "kez", 3, &crypto, other), ROVE_OK);
    assert_false(rove__secret_equal(first, other, sizeof first));
    nonce[31] = 1;
    assert_int_equal(rove__code_proof(secret, nonce, "key", 3, &crypto, other), ROVE_OK);
    assert_false(rove__secret_equal(first, other, sizeof first));
    nonce[31] = 0;
    secret[0] ^= 1;
    assert_int_equal(rove__code_proof(secret, nonce, "key", 3, &crypto, other), ROVE_OK);
    assert_false(rove__secret_equal(first, other, sizeof first));
}

/* ---- requests ---- */

static void test_an_enrolment_request_comes_back(void **state) {
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE] = {1, 2, 3};
    uint8_t hint[ROVE_ENROLL_HINT_SIZE] = {4, 5, 6};
    rove__enroll_request request = {
        .nonce = nonce, .hint = hint, .csr = (const uint8_t *)"csr", .csr_size = 3};
    rove__enroll_request read;
    rove__buf bytes;
    (void)state;

    rove__buf_init(&bytes, &allocator, 4096);
    rove__enroll_request_write(&bytes, &request);
    assert_int_equal(rove__enroll_request_read(&read, 0, bytes.data, bytes.size), ROVE_OK);
    assert_memory_equal(read.nonce, nonce, sizeof nonce);
    assert_memory_equal(read.hint, hint, sizeof hint);
    assert_int_equal(read.csr_size, 3);
    assert_memory_equal(read.csr, "csr", 3);
    for (size_t size = 0; size < bytes.size - 2; size++) {
        assert_int_not_equal(rove__enroll_request_read(&read, 0, bytes.data, size), ROVE_OK);
    }
    bytes.data[0] = 2;
    assert_int_equal(rove__enroll_request_read(&read, 0, bytes.data, bytes.size), ROVE_VERSION);
    rove__buf_free(&bytes);
}

static void test_a_renewal_request_comes_back(void **state) {
    rove__enroll_request request = {
        .flags = ROVE_RENEW_FRESH_REPLICA, .csr = (const uint8_t *)"csr", .csr_size = 3};
    rove__enroll_request read;
    rove__buf bytes;
    (void)state;

    rove__buf_init(&bytes, &allocator, 4096);
    rove__enroll_request_write(&bytes, &request);
    assert_int_equal(rove__enroll_request_read(&read, 1, bytes.data, bytes.size), ROVE_OK);
    assert_int_equal(read.flags, ROVE_RENEW_FRESH_REPLICA);
    assert_null(read.nonce);
    assert_memory_equal(read.csr, "csr", 3);
    bytes.data[1] = 0x82;
    assert_int_equal(rove__enroll_request_read(&read, 1, bytes.data, bytes.size), ROVE_PROTOCOL);
    rove__buf_free(&bytes);
}

static void test_a_request_is_as_large_as_allowed_and_no_larger(void **state) {
    static uint8_t bytes[2 + ROVE_CSR_DER_MAX + 1] = {1, 0};
    rove__enroll_request read;
    (void)state;

    assert_int_equal(rove__enroll_request_read(&read, 1, bytes, sizeof bytes - 1), ROVE_OK);
    assert_int_equal(rove__enroll_request_read(&read, 1, bytes, sizeof bytes), ROVE_PROTOCOL);
}

/* ---- identities ---- */

static uint8_t large[ROVE_CERTIFICATE_MAX + 1];

static rove__identity some_identity(void) {
    rove__identity identity = {.replica = 0x7fffffff,
                               .user = ((rove_id)1 << 32) | 9,
                               .server_ms = 1764000000000,
                               .until_ms = 1766592000000,
                               .renew_after_ms = 1765728000000,
                               .ca = (const uint8_t *)"authority",
                               .ca_size = 9,
                               .certificate = (const uint8_t *)"certificate",
                               .certificate_size = 11,
                               .organisation = (const uint8_t *)"Caf\xc3\xa9",
                               .organisation_size = 5};

    memset(identity.pin, 0xaa, sizeof identity.pin);
    memset(identity.backup_pin, 0xbb, sizeof identity.backup_pin);
    return identity;
}

static rove_status back_and_forth(const rove__identity *identity) {
    rove__identity read;
    rove__buf bytes;

    rove__buf_init(&bytes, &allocator, ROVE_IDENTITY_MAX);
    rove__identity_write(&bytes, identity);
    assert_int_equal(rove__buf_status(&bytes), ROVE_OK);
    rove_status status = rove__identity_read(&read, bytes.data, bytes.size);
    if (status == ROVE_OK) {
        assert_int_equal(read.replica, identity->replica);
        assert_int_equal(read.user, identity->user);
        assert_int_equal(read.server_ms, identity->server_ms);
        assert_int_equal(read.until_ms, identity->until_ms);
        assert_int_equal(read.renew_after_ms, identity->renew_after_ms);
        assert_int_equal(read.ca_size, identity->ca_size);
        assert_int_equal(read.certificate_size, identity->certificate_size);
        assert_memory_equal(read.certificate, identity->certificate, read.certificate_size);
        assert_memory_equal(read.pin, identity->pin, sizeof read.pin);
        assert_memory_equal(read.backup_pin, identity->backup_pin, sizeof read.backup_pin);
        assert_int_equal(read.organisation_size, identity->organisation_size);
    }
    rove__buf_free(&bytes);
    return status;
}

static void test_an_identity_comes_back(void **state) {
    rove__identity identity = some_identity();
    (void)state;

    assert_int_equal(back_and_forth(&identity), ROVE_OK);
    identity.certificate = large;
    identity.certificate_size = ROVE_CERTIFICATE_MAX;
    assert_int_equal(back_and_forth(&identity), ROVE_OK);
    identity.organisation_size = 0;
    assert_int_equal(back_and_forth(&identity), ROVE_OK);
}

static void test_what_is_no_identity_is_refused(void **state) {
    (void)state;
    rove__identity identity = some_identity();
    identity.certificate = large;
    identity.certificate_size = ROVE_CERTIFICATE_MAX + 1;
    assert_int_equal(back_and_forth(&identity), ROVE_PROTOCOL);
    identity = some_identity();
    identity.ca_size = 0;
    assert_int_equal(back_and_forth(&identity), ROVE_PROTOCOL);
    identity = some_identity();
    identity.replica = 1; /* headquarters */
    assert_int_equal(back_and_forth(&identity), ROVE_PROTOCOL);
    identity = some_identity();
    identity.user = 0;
    assert_int_equal(back_and_forth(&identity), ROVE_PROTOCOL);
    identity = some_identity();
    identity.organisation = (const uint8_t *)"\xff\xfe\xfd";
    identity.organisation_size = 3;
    assert_int_equal(back_and_forth(&identity), ROVE_PROTOCOL);
}

/* Certificates begin with a SEQUENCE that says how long it is; this is what follows it that tells them apart. */
static size_t put_authority(uint8_t *to, size_t size, uint8_t mark) {
    size_t head = 2;
    to[0] = 0x30;
    if (size < 0x80) {
        to[1] = (uint8_t)size;
    } else if (size < 0x100) {
        to[1] = 0x81;
        to[2] = (uint8_t)size;
        head = 3;
    } else {
        to[1] = 0x82;
        to[2] = (uint8_t)(size >> 8);
        to[3] = (uint8_t)size;
        head = 4;
    }
    memset(to + head, mark, size);
    return head + size;
}

static void test_an_identity_has_one_authority_or_two(void **state) {
    static const size_t sizes[] = {2, 127, 128, 255, 256, 1000};
    uint8_t bytes[3 * 1004];
    rove__identity identity = some_identity();
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t one = put_authority(bytes, sizes[i], 1);
        size_t two = one + put_authority(bytes + one, sizes[i], 2);
        size_t three = two + put_authority(bytes + two, sizes[i], 3);
        identity.ca = bytes;
        identity.ca_size = one;
        assert_int_equal(rove__authority_size(bytes, three), one);
        assert_int_equal(back_and_forth(&identity), ROVE_OK);
        identity.ca_size = two;
        assert_int_equal(back_and_forth(&identity), ROVE_OK);
        identity.ca_size = three;
        assert_int_equal(back_and_forth(&identity), ROVE_PROTOCOL);
        /* One that says that it is longer than there is counts as what there is. */
        assert_int_equal(rove__authority_size(bytes, one - 1), one - 1);
    }
}

static void test_headquarters_is_the_same_where_an_authority_is(void **state) {
    uint8_t bytes[3 * 12];
    rove__identity a = some_identity();
    rove__identity b = some_identity();
    (void)state;
    assert_int_equal(rove__authorities_meet(&a, &b), 1);
    size_t one = put_authority(bytes, 10, 1);
    (void)put_authority(bytes + one, 10, 2);
    (void)put_authority(bytes + 2 * one, 10, 3);
    a.ca = bytes;
    a.ca_size = 2 * one; /* 1 and 2 */
    assert_int_equal(rove__authorities_meet(&a, &b), 0);
    b.ca = bytes + one; /* 2 and 3 */
    b.ca_size = 2 * one;
    assert_int_equal(rove__authorities_meet(&a, &b), 1);
    assert_int_equal(rove__authorities_meet(&b, &a), 1);
    b.ca = bytes + 2 * one; /* 3 */
    b.ca_size = one;
    assert_int_equal(rove__authorities_meet(&a, &b), 0);
    b.ca = bytes; /* 1 */
    assert_int_equal(rove__authorities_meet(&a, &b), 1);
}

static void test_an_identity_may_come_with_a_sealing_key(void **state) {
    rove__identity identity = some_identity();
    rove__identity read;
    uint8_t key[ROVE_SEAL_KEY_SIZE];
    rove__buf bytes;
    (void)state;

    memset(key, 7, sizeof key);
    rove__buf_init(&bytes, &allocator, ROVE_IDENTITY_MAX);
    rove__identity_write(&bytes, &identity);
    size_t without = bytes.size;
    assert_int_equal(rove__identity_read(&read, bytes.data, bytes.size), ROVE_OK);
    assert_null(read.seal_key);
    rove__buf_reset(&bytes);
    identity.seal_key = key;
    rove__identity_write(&bytes, &identity);
    assert_int_equal(rove__identity_read(&read, bytes.data, bytes.size), ROVE_OK);
    assert_memory_equal(read.seal_key, key, sizeof key);
    for (size_t size = without + 1; size < bytes.size; size++) {
        assert_int_not_equal(rove__identity_read(&read, bytes.data, size), ROVE_OK);
    }
    rove__buf_byte(&bytes, 0);
    assert_int_equal(rove__identity_read(&read, bytes.data, bytes.size), ROVE_PROTOCOL);
    rove__buf_free(&bytes);
}

static void test_an_identity_cut_anywhere_is_refused(void **state) {
    rove__identity identity = some_identity();
    rove__identity read;
    rove__buf bytes;
    (void)state;

    rove__buf_init(&bytes, &allocator, ROVE_IDENTITY_MAX);
    rove__identity_write(&bytes, &identity);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_not_equal(rove__identity_read(&read, bytes.data, size), ROVE_OK);
    }
    rove__buf_byte(&bytes, 0);
    assert_int_not_equal(rove__identity_read(&read, bytes.data, bytes.size), ROVE_OK);
    bytes.data[0] = 2;
    assert_int_equal(rove__identity_read(&read, bytes.data, bytes.size), ROVE_VERSION);
    rove__buf_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_invitation_comes_back),
        cmocka_unit_test(test_case_and_grouping_do_not_matter),
        cmocka_unit_test(test_lookalikes_are_read_as_what_is_meant),
        cmocka_unit_test(test_a_mistyped_character_is_noticed),
        cmocka_unit_test(test_what_is_no_invitation_is_refused),
        cmocka_unit_test(test_a_proof_depends_on_code_nonce_and_key),
        cmocka_unit_test(test_an_enrolment_request_comes_back),
        cmocka_unit_test(test_a_renewal_request_comes_back),
        cmocka_unit_test(test_a_request_is_as_large_as_allowed_and_no_larger),
        cmocka_unit_test(test_an_identity_comes_back),
        cmocka_unit_test(test_what_is_no_identity_is_refused),
        cmocka_unit_test(test_an_identity_has_one_authority_or_two),
        cmocka_unit_test(test_headquarters_is_the_same_where_an_authority_is),
        cmocka_unit_test(test_an_identity_may_come_with_a_sealing_key),
        cmocka_unit_test(test_an_identity_cut_anywhere_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
