/*
 * test_seal.c - units: what is sealed is opened where it belongs and nowhere else, the bytes are those that vault/seal.h
 * describes, and a locked vault has no keys.
 */
#include "safe.h"

#define UNITS 64 /* epochs of one file: more than are kept */

static safe s;

static int start(void **state) {
    safe_make(&s, "seal", *(const safe_backend *)*state);
    assert_int_equal(rove__vault_open(&s.vault, &s.crypto, &s.random, &s.key), ROVE_OK);
    return 0;
}

static int end(void **state) {
    (void)state;
    rove__vault_close(&s.vault);
    safe_end(&s);
    return 0;
}

static rove_status failing(void) {
    return ROVE_NOMEM;
}

static rove_status no_random(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    (void)bytes;
    (void)size;
    return failing();
}

typedef struct unit {
    rove__unit_kind kind;
    uint64_t position;
    size_t size;
    uint8_t bytes[4096];
    uint8_t seal[ROVE_UNIT_SEAL_SIZE];
} unit;

static void fill(uint8_t *plain, size_t size) {
    for (size_t i = 0; i < size; i++) {
        plain[i] = (uint8_t)(i * 7 + (i >> 8));
    }
}

static unit seal(rove__unit_kind kind, uint64_t position, size_t size) {
    unit u = {.kind = kind, .position = position, .size = size};
    uint8_t plain[4096];

    fill(plain, size);
    assert_int_equal(rove__vault_seal(&s.vault, kind, position, plain, size, u.bytes, u.seal),
                     ROVE_OK);
    return u;
}

/* What opening says; when it opens, then what was sealed. */
static rove_status open_as(rove__vault *vault, rove__unit_kind kind, uint64_t position,
                           const unit *u) {
    uint8_t plain[4096];
    uint8_t out[4096] = {0};

    fill(plain, u->size);
    rove_status status = rove__vault_unseal(vault, kind, position, u->bytes, u->size, u->seal, out);
    if (status == ROVE_OK) {
        assert_memory_equal(out, plain, u->size);
    } else {
        assert_memory_not_equal(out, plain, 8);
    }
    return status;
}

static rove_status reopen(const unit *u) {
    return open_as(&s.vault, u->kind, u->position, u);
}

static void what_is_sealed_is_opened(void **state) {
    static const struct {
        rove__unit_kind kind;
        uint64_t position;
        size_t size;
    } kinds[] = {{ROVE_UNIT_PAGE, 1, 4064},
                 {ROVE_UNIT_PAGE, UINT64_C(0x1234567890), 4064},
                 {ROVE_UNIT_LOG_HEADER, 0, 32},
                 {ROVE_UNIT_FRAME_HEADER, 17, 24},
                 {ROVE_UNIT_FRAME_PAGE, 17, 4096}};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        unit u = seal(kinds[i].kind, kinds[i].position, kinds[i].size);
        uint8_t plain[4096];
        fill(plain, u.size);
        assert_memory_not_equal(u.bytes, plain, 8);
        assert_int_equal(reopen(&u), ROVE_OK);
    }
}

/* The way that the header describes, gone by hand. */
static void the_bytes_are_as_described(void **state) {
    const rove_crypto *c = &s.crypto;
    unit u = seal(ROVE_UNIT_FRAME_PAGE, UINT64_C(0x0102030405060708), 4096);
    uint8_t info[14] = "rove unit";
    uint8_t where[16 + 1 + 8 + 4];
    uint8_t key[32];
    uint8_t out[4096];
    uint8_t plain[4096];

    (void)state;
    info[9] = 4;
    memcpy(info + 10, u.seal + 28, 4);
    memcpy(where, s.key.file_id, 16);
    where[16] = 4;
    for (int i = 0; i < 8; i++) {
        where[17 + i] = (uint8_t)(i + 1);
    }
    memcpy(where + 25, u.seal + 28, 4);
    assert_int_equal(c->hkdf_sha256(c->ctx, s.key.key, 32, s.key.file_id, 16, info, sizeof info,
                                    key, sizeof key),
                     ROVE_OK);
    assert_int_equal(
        c->gcm_open(c->ctx, key, u.seal, where, sizeof where, u.bytes, 4096, u.seal + 12, out),
        ROVE_OK);
    fill(plain, sizeof plain);
    assert_memory_equal(out, plain, sizeof plain);
}

static void no_byte_of_a_unit_can_be_changed(void **state) {
    static const size_t sizes[] = {24, 4064};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        unit u = seal(i == 0 ? ROVE_UNIT_FRAME_HEADER : ROVE_UNIT_PAGE, 5, sizes[i]);
        for (size_t at = 0; at < u.size; at += i == 0 ? 1 : 97) {
            u.bytes[at] ^= 0x40;
            assert_int_equal(reopen(&u), ROVE_CORRUPT);
            u.bytes[at] ^= 0x40;
        }
        for (size_t at = 0; at < sizeof u.seal; at++) { /* nonce, tag, epoch */
            u.seal[at] ^= 0x40;
            assert_int_equal(reopen(&u), ROVE_CORRUPT);
            u.seal[at] ^= 0x40;
        }
        assert_int_equal(reopen(&u), ROVE_OK);
        memset(u.bytes, 0, u.size);
        memset(u.seal, 0, sizeof u.seal); /* a hole */
        assert_int_equal(reopen(&u), ROVE_CORRUPT);
    }
}

static void a_unit_is_nowhere_but_in_its_place(void **state) {
    unit u = seal(ROVE_UNIT_FRAME_PAGE, 7, 4096);
    rove__vault other;

    (void)state;
    assert_int_equal(open_as(&s.vault, ROVE_UNIT_FRAME_PAGE, 8, &u), ROVE_CORRUPT);
    assert_int_equal(open_as(&s.vault, ROVE_UNIT_FRAME_PAGE, 7 + (UINT64_C(1) << 32), &u),
                     ROVE_CORRUPT);
    assert_int_equal(open_as(&s.vault, ROVE_UNIT_PAGE, 7, &u), ROVE_CORRUPT);
    rove__data_key key = s.key;
    key.file_id[15] ^= 1;
    assert_int_equal(rove__vault_open(&other, &s.crypto, &s.random, &key), ROVE_OK);
    assert_int_equal(open_as(&other, u.kind, u.position, &u), ROVE_CORRUPT);
    rove__vault_close(&other);
    key = s.key;
    key.key[0] ^= 1;
    assert_int_equal(rove__vault_open(&other, &s.crypto, &s.random, &key), ROVE_OK);
    assert_int_equal(open_as(&other, u.kind, u.position, &u), ROVE_CORRUPT);
    rove__vault_close(&other);
}

static void the_same_page_never_looks_the_same(void **state) {
    unit first = seal(ROVE_UNIT_PAGE, 1, 4064);
    unit second = seal(ROVE_UNIT_PAGE, 1, 4064);

    (void)state;
    assert_memory_not_equal(first.seal, second.seal, ROVE_GCM_NONCE_SIZE);
    assert_memory_not_equal(first.bytes, second.bytes, 16);
    assert_memory_equal(first.seal + 28, second.seal + 28, 4);
    assert_int_equal(reopen(&first),
                     ROVE_OK); /* an older version is as good: vault/seal.h says so */
}

/* Each opening has an epoch of its own, and reads what all others wrote, more than it keeps keys of. */
static void every_epoch_is_read(void **state) {
    static unit units[UNITS];

    (void)state;
    for (size_t i = 0; i < UNITS; i++) {
        rove__vault_close(&s.vault);
        assert_int_equal(rove__vault_open(&s.vault, &s.crypto, &s.random, &s.key), ROVE_OK);
        units[i] = seal(ROVE_UNIT_PAGE, i, 4064);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(units[i].seal + 28, units[j].seal + 28, 4);
        }
    }
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < UNITS; i++) {
            assert_int_equal(reopen(&units[i]), ROVE_OK);
        }
    }
    /* A key of this epoch for another kind takes the place of the oldest, which is of this epoch. */
    unit page = seal(ROVE_UNIT_PAGE, 1, 4064);
    for (size_t i = 0; i < ROVE_EPOCH_KEYS - 1; i++) {
        assert_int_equal(reopen(&units[i]), ROVE_OK);
    }
    unit header = seal(ROVE_UNIT_FRAME_HEADER, 1, 24);
    assert_int_equal(reopen(&header), ROVE_OK);
    assert_int_equal(reopen(&page), ROVE_OK);
}

/* Draws of an epoch: nothing, the one that there is, and then another. */
static int draws;

static rove_status draw_slowly(void *ctx, void *bytes, size_t size) {
    static const uint8_t drawn[][4] = {{0}, {9, 0, 0, 5}, {8, 0, 0, 5}, {7}, {0, 0, 0, 6}};

    if (size != sizeof *drawn) {
        return s.random.fill(ctx, bytes, size);
    }
    memcpy(bytes, drawn[draws++], size);
    return ROVE_OK;
}

static void an_epoch_is_never_nothing_and_never_the_same_again(void **state) {
    rove_random random = s.random;
    rove__vault slow;
    uint8_t page[4064] = {0};
    uint8_t out[4064];
    uint8_t marks[2][ROVE_UNIT_SEAL_SIZE];

    (void)state;
    random.fill = draw_slowly;
    draws = 0;
    assert_int_equal(rove__vault_open(&slow, &s.crypto, &random, &s.key), ROVE_OK);
    assert_int_equal(draws, 2);
    slow.sealed = ((uint64_t)1 << 28) - 1;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            rove__vault_seal(&slow, ROVE_UNIT_PAGE, 1, page, sizeof page, out, marks[i]), ROVE_OK);
    }
    assert_int_equal(draws, 5);
    assert_memory_not_equal(marks[0] + 28, marks[1] + 28, 4);
    rove__vault_close(&slow);
}

static void an_epoch_ends_before_its_key_is_worn(void **state) {
    unit before = seal(ROVE_UNIT_PAGE, 1, 4064);

    (void)state;
    s.vault.sealed = ((uint64_t)1 << 28) - 1;
    unit last = seal(ROVE_UNIT_PAGE, 1, 4064);
    unit after = seal(ROVE_UNIT_PAGE, 1, 4064);
    assert_memory_equal(before.seal + 28, last.seal + 28, 4);
    assert_memory_not_equal(before.seal + 28, after.seal + 28, 4);
    assert_int_equal(reopen(&before), ROVE_OK);
    assert_int_equal(reopen(&last), ROVE_OK);
    assert_int_equal(reopen(&after), ROVE_OK);
}

/* Without random bytes there is no new epoch, and nothing is sealed until there is one. */
static void an_epoch_that_cannot_be_drawn_is_none(void **state) {
    const rove_random none = {no_random, NULL};
    uint8_t page[4064] = {0};
    uint8_t out[4064];
    uint8_t mark[ROVE_UNIT_SEAL_SIZE];

    (void)state;
    unit before = seal(ROVE_UNIT_PAGE, 1, 4064);
    s.vault.sealed = (uint64_t)1 << 28;
    s.vault.random = &none;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            rove__vault_seal(&s.vault, ROVE_UNIT_PAGE, 1, page, sizeof page, out, mark),
            ROVE_NOMEM);
    }
    s.vault.random = &s.random;
    unit after = seal(ROVE_UNIT_PAGE, 1, 4064);
    assert_memory_not_equal(before.seal + 28, after.seal + 28, 4);
    assert_int_equal(reopen(&after), ROVE_OK);
}

static int holds(const void *memory, size_t size, const void *bytes, size_t length) {
    for (size_t i = 0; i + length <= size; i++) {
        if (memcmp((const uint8_t *)memory + i, bytes, length) == 0) {
            return 1;
        }
    }
    return 0;
}

static void a_locked_vault_has_no_keys(void **state) {
    static const rove__epoch_key none;
    unit u = seal(ROVE_UNIT_PAGE, 1, 4064);
    uint8_t derived[ROVE_GCM_KEY_SIZE];
    uint8_t plain[32] = {0};
    uint8_t out[32];
    uint8_t mark[ROVE_UNIT_SEAL_SIZE];

    (void)state;
    memcpy(derived, s.vault.keys[0].key, sizeof derived);
    assert_true(holds(&s.vault, sizeof s.vault, s.key.key, ROVE_DATA_KEY_SIZE));
    rove__vault_lock(&s.vault);
    assert_false(holds(&s.vault, sizeof s.vault, s.key.key, 8));
    assert_false(holds(&s.vault, sizeof s.vault, derived, 8));
    for (size_t i = 0; i < ROVE_EPOCH_KEYS; i++) {
        assert_memory_equal(&s.vault.keys[i], &none, sizeof none);
    }
    assert_int_equal(reopen(&u), ROVE_LOCKED);
    assert_int_equal(
        rove__vault_seal(&s.vault, ROVE_UNIT_LOG_HEADER, 0, plain, sizeof plain, out, mark),
        ROVE_LOCKED);
    rove__vault_lock(&s.vault); /* again */
    assert_int_equal(reopen(&u), ROVE_LOCKED);
}

static void an_unlocked_vault_goes_on(void **state) {
    const rove_random none = {no_random, NULL};
    rove__data_key key;

    (void)state;
    unit u = seal(ROVE_UNIT_PAGE, 1, 4064);
    assert_int_equal(rove__vault_key(&s.vault, &key), ROVE_OK);
    assert_memory_equal(&key, &s.key, sizeof key);
    rove__vault_lock(&s.vault);
    assert_int_equal(rove__vault_key(&s.vault, &key), ROVE_LOCKED);
    s.vault.random = &none;
    assert_int_equal(rove__vault_unlock(&s.vault, &key), ROVE_NOMEM);
    assert_int_equal(reopen(&u), ROVE_LOCKED);
    s.vault.random = &s.random;
    assert_int_equal(rove__vault_unlock(&s.vault, &key), ROVE_OK);
    assert_int_equal(reopen(&u), ROVE_OK);
    unit after = seal(ROVE_UNIT_PAGE, 1, 4064);
    assert_memory_not_equal(after.seal + 28, u.seal + 28, 4);
    assert_int_equal(reopen(&after), ROVE_OK);
}

/* What was sealed under the key before can be opened as long as that one is kept, and is of no other generation. */
static void units_of_the_former_key_are_opened_with_it(void **state) {
    rove__data_key next;

    (void)state;
    unit before = seal(ROVE_UNIT_PAGE, 1, 4064);
    assert_int_equal(before.seal[28], s.key.generation);
    assert_int_equal(rove__data_key_follow(&s.random, &s.key, &next), ROVE_OK);
    assert_int_equal(rove__vault_unlock(&s.vault, &next), ROVE_OK);
    assert_int_equal(reopen(&before), ROVE_OK);
    unit after = seal(ROVE_UNIT_PAGE, 1, 4064);
    assert_int_equal(after.seal[28], next.generation);
    assert_int_equal(reopen(&after), ROVE_OK);
    next.has_former = 0;
    assert_int_equal(rove__vault_unlock(&s.vault, &next), ROVE_OK);
    assert_int_equal(reopen(&before), ROVE_CORRUPT);
    assert_int_equal(reopen(&after), ROVE_OK);
    assert_int_equal(rove__vault_unlock(&s.vault, &s.key), ROVE_OK);
    assert_int_equal(reopen(&after), ROVE_CORRUPT);
    assert_int_equal(reopen(&before), ROVE_OK);
}

/* ---- ports that fail ------------------------------------------------------------------------------------ */

static rove_status no_key(void *ctx, const void *secret, size_t secret_size, const void *salt,
                          size_t salt_size, const void *info, size_t info_size, void *out,
                          size_t out_size) {
    (void)ctx;
    (void)secret;
    (void)secret_size;
    (void)salt;
    (void)salt_size;
    (void)info;
    (void)info_size;
    memset(out, 0xee, out_size); /* what must not be kept */
    return failing();
}

static void a_port_that_fails_does_no_harm(void **state) {
    rove_random random = s.random;
    rove_crypto crypto = s.crypto;
    rove__vault other;
    uint8_t plain[4096] = {0};
    uint8_t out[4096];
    uint8_t mark[ROVE_UNIT_SEAL_SIZE];

    (void)state;
    random.fill = no_random;
    crypto.hkdf_sha256 = no_key;
    assert_int_equal(rove__vault_open(&other, &s.crypto, &random, &s.key), ROVE_NOMEM);
    assert_false(holds(&other, sizeof other, s.key.key, 8));
    unit u = seal(ROVE_UNIT_PAGE, 3, 4064);
    assert_int_equal(rove__vault_open(&other, &crypto, &s.random, &s.key), ROVE_OK);
    assert_int_equal(open_as(&other, u.kind, u.position, &u), ROVE_NOMEM);
    assert_int_equal(rove__vault_seal(&other, ROVE_UNIT_PAGE, 1, plain, 4064, out, mark),
                     ROVE_NOMEM);
    other.crypto = &s.crypto; /* and then it works */
    assert_int_equal(open_as(&other, u.kind, u.position, &u), ROVE_OK);
    rove__vault_close(&other);
}

int main(void) {
    static safe_backend backends[] = {SAFE_OPENSSL, SAFE_MBEDTLS};
    static const char *const names[] = {"OpenSSL", "mbedTLS"};
    int failed = 0;

    for (size_t i = 0; i < 2; i++) {
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, start, end, &backends[i])
        const struct CMUnitTest tests[] = {
            TEST(what_is_sealed_is_opened),
            TEST(the_bytes_are_as_described),
            TEST(no_byte_of_a_unit_can_be_changed),
            TEST(a_unit_is_nowhere_but_in_its_place),
            TEST(the_same_page_never_looks_the_same),
            TEST(every_epoch_is_read),
            TEST(an_epoch_is_never_nothing_and_never_the_same_again),
            TEST(an_epoch_ends_before_its_key_is_worn),
            TEST(an_epoch_that_cannot_be_drawn_is_none),
            TEST(a_locked_vault_has_no_keys),
            TEST(an_unlocked_vault_goes_on),
            TEST(units_of_the_former_key_are_opened_with_it),
            TEST(a_port_that_fails_does_no_harm),
        };
        failed += cmocka_run_group_tests_name(names[i], tests, NULL, NULL);
    }
    return failed;
}
