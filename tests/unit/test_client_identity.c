/*
 * test_client_identity.c - the file that says who this device is: it comes back whole or not at all, and the key does
 * not stay in memory. And what an address of headquarters is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/identity.h"
#include "heap.h"
#include "posix/posix.h"

#define FILE_NAME "identity"

static const uint8_t key[] = "a private key that nobody may find in memory";

typedef struct world {
    heap memory;
    rove_allocator allocator;
    rove_crypto crypto;
    rove_files files;
    rove__credentials_ports ports;
    rove_error error;
    int leaked; /* the key was found in a block that was given back */
} world;

static int contains(const uint8_t *block, size_t size) {
    for (size_t i = 0; i + sizeof key <= size; i++) {
        if (memcmp(block + i, key, sizeof key) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Looks into the identity's block before it goes. */
static void *watched_resize(void *ctx, void *pointer, size_t size) {
    world *w = ctx;
    static void *block;

    if (pointer != NULL && pointer == block) {
        w->leaked |= contains(pointer, ROVE_IDENTITY_FILE_MAX);
        block = NULL;
    }
    void *moved = heap_resize(&w->memory, pointer, size);
    if (size == ROVE_IDENTITY_FILE_MAX) {
        block = moved;
    }
    return moved;
}

static int set_up(void **state) {
    static world w;

    memset(&w, 0, sizeof w);
    w.allocator = (rove_allocator){watched_resize, &w};
    rove_posix_files(&w.files);
    w.ports = (rove__credentials_ports){
        .allocator = &w.allocator, .crypto = &w.crypto, .files = &w.files};
    *state = &w;
    (void)w.files.remove(w.files.ctx, FILE_NAME, NULL);
    return rove_posix_crypto_new(&w.crypto) == ROVE_OK ? 0 : -1;
}

static int tear_down(void **state) {
    world *w = *state;

    rove_posix_crypto_free(&w->crypto);
    assert_int_equal(w->leaked, 0);
    return w->memory.alive == 0 ? 0 : -1;
}

static rove__credentials *make(world *w) {
    rove__identity identity = {.replica = 7,
                               .user = 9,
                               .until_ms = 3,
                               .renew_after_ms = 2,
                               .ca = (const uint8_t *)"authority",
                               .ca_size = 9,
                               .certificate = (const uint8_t *)"certificate",
                               .certificate_size = 11,
                               .organisation = (const uint8_t *)"Ajax",
                               .organisation_size = 4};
    rove__credentials *made = NULL;
    rove__buf bytes;

    rove__buf_init(&bytes, &w->allocator, ROVE_IDENTITY_MAX);
    rove__identity_write(&bytes, &identity);
    rove__credentials_parts parts = {.url = "https://hq.example.com:8443",
                                     .key = key,
                                     .key_size = sizeof key,
                                     .identity = bytes.data,
                                     .identity_size = bytes.size};
    assert_int_equal(rove__credentials_new(&w->ports, &parts, &made, &w->error), ROVE_OK);
    rove__buf_free(&bytes);
    return made;
}

static void save(world *w) {
    rove__credentials *made = make(w);

    assert_int_equal(rove__credentials_save(&w->ports, FILE_NAME, made, &w->error), ROVE_OK);
    rove__credentials_free(&w->allocator, made);
}

static void test_an_identity_survives_in_its_file(void **state) {
    world *w = *state;
    rove__credentials *loaded = NULL;

    save(w);
    assert_int_equal(rove__credentials_load(&w->ports, FILE_NAME, &loaded, &w->error), ROVE_OK);
    assert_string_equal(loaded->url, "https://hq.example.com:8443");
    assert_int_equal(loaded->key_size, sizeof key);
    assert_memory_equal(loaded->key, key, sizeof key);
    assert_int_equal(loaded->identity.replica, 7);
    assert_int_equal(loaded->identity.user, 9);
    assert_memory_equal(loaded->identity.certificate, "certificate", 11);
    rove__credentials_free(&w->allocator, loaded);
}

static void test_no_file_is_no_identity(void **state) {
    world *w = *state;
    rove__credentials *loaded = NULL;

    assert_int_equal(rove__credentials_load(&w->ports, FILE_NAME, &loaded, &w->error),
                     ROVE_NOT_FOUND);
    assert_null(loaded);
}

static rove_status load_bytes(world *w, const uint8_t *bytes, size_t size) {
    rove__credentials *loaded = NULL;

    assert_int_equal(w->files.replace(w->files.ctx, FILE_NAME, bytes, size, &w->error), ROVE_OK);
    rove_status status = rove__credentials_load(&w->ports, FILE_NAME, &loaded, &w->error);
    rove__credentials_free(&w->allocator, loaded);
    return status;
}

static void test_a_damaged_file_is_noticed_wherever_it_is_damaged(void **state) {
    world *w = *state;
    rove__credentials *made = make(w);

    for (size_t i = 0; i < made->size; i++) {
        made->bytes[i] ^= 0x40;
        rove_status status = load_bytes(w, made->bytes, made->size);
        made->bytes[i] ^= 0x40;
        assert_int_equal(status, i == 6 ? ROVE_UPGRADE : ROVE_CORRUPT);
    }
    for (size_t size = 0; size < made->size; size++) {
        assert_int_equal(load_bytes(w, made->bytes, size), ROVE_CORRUPT);
    }
    assert_int_equal(load_bytes(w, made->bytes, made->size), ROVE_OK);
    rove__credentials_free(&w->allocator, made);
}

/* Bytes with a check that is right, as something that can write files makes them. */
static rove_status load_checked(world *w, const uint8_t *bytes, size_t size) {
    static uint8_t file[ROVE_IDENTITY_FILE_MAX + ROVE_SHA256_SIZE + 1];
    rove_span span = {file, size};

    memcpy(file, bytes, size);
    assert_int_equal(w->crypto.sha256(w->crypto.ctx, &span, 1, file + size), ROVE_OK);
    return load_bytes(w, file, size + ROVE_SHA256_SIZE);
}

static void test_a_right_check_does_not_make_an_identity(void **state) {
    world *w = *state;
    uint8_t bytes[1024];
    rove__credentials *made = make(w);
    size_t size = made->size - ROVE_SHA256_SIZE;
    size_t url =
        (size_t)(strstr((const char *)made->bytes + 7, "https://") - (const char *)made->bytes);

    assert_true(size < sizeof bytes);
    memcpy(bytes, made->bytes, size);
    rove__credentials_free(&w->allocator, made);
    assert_int_equal(load_checked(w, bytes, size), ROVE_OK);
    bytes[size] = 0;
    assert_int_equal(load_checked(w, bytes, size + 1), ROVE_CORRUPT); /* something follows it */
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(load_checked(w, bytes, cut), ROVE_CORRUPT);
    }
    bytes[url + 5] = '\0'; /* an address that ends early */
    assert_int_equal(load_checked(w, bytes, size), ROVE_CORRUPT);
    bytes[url + 5] = ':';
    bytes[6]--; /* a version that never was */
    assert_int_equal(load_checked(w, bytes, size), ROVE_CORRUPT);
    bytes[6]++;
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) { /* whatever it says then */
            bytes[i] = (uint8_t)(bytes[i] ^ 1 << bit);
            rove_status status = load_checked(w, bytes, size);
            bytes[i] = (uint8_t)(bytes[i] ^ 1 << bit);
            assert_true(status == ROVE_OK || status == ROVE_CORRUPT || status == ROVE_UPGRADE);
        }
    }
}

/* What headquarters answered, or an app's own parts, may be no identity. */
static void test_parts_that_are_no_identity(void **state) {
    static const uint8_t nonsense[] = {1, 2, 3};
    world *w = *state;
    rove__credentials *right = make(w);
    const rove__credentials_parts parts[] = {
        {"", key, sizeof key, right->bytes, 0, NULL},
        {"https://a", key, 0, nonsense, sizeof nonsense, NULL},
        {"https://a", key, sizeof key, nonsense, sizeof nonsense, NULL},
        {"https://a", key, sizeof key, nonsense, 0, NULL},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        rove__credentials *made = NULL;
        w->error.message[0] = '\0';
        assert_int_not_equal(rove__credentials_new(&w->ports, &parts[i], &made, &w->error),
                             ROVE_OK);
        assert_string_not_equal(w->error.message, "");
        assert_null(made);
    }
    rove__credentials_free(&w->allocator, right);
}

static void test_a_file_larger_than_any_identity_is_refused(void **state) {
    static uint8_t bytes[ROVE_IDENTITY_FILE_MAX + 1];

    assert_int_equal(load_bytes(*state, bytes, sizeof bytes), ROVE_CORRUPT);
}

static void test_short_memory_is_no_damage(void **state) {
    world *w = *state;
    rove_status status = ROVE_NOMEM;

    save(w);
    for (size_t n = 1; status == ROVE_NOMEM; n++) {
        rove__credentials *loaded = NULL;
        w->memory.calls = 0;
        w->memory.fail_at = n;
        status = rove__credentials_load(&w->ports, FILE_NAME, &loaded, &w->error);
        w->memory.fail_at = 0;
        assert_true(n < 20);
        assert_true(status == ROVE_NOMEM || status == ROVE_OK);
        rove__credentials_free(&w->allocator, loaded);
    }
    assert_int_equal(status, ROVE_OK);
}

/* ---- addresses ---- */

static void test_addresses_that_are_taken(void **state) {
    static const char *const good[][2] = {
        {"https://hq.example.com", "https://hq.example.com"},
        {"https://hq.example.com/", "https://hq.example.com"},
        {"https://hq.example.com:8443", "https://hq.example.com:8443"},
        {"https://hq.example.com:8443/", "https://hq.example.com:8443"},
        {"https://10.0.0.7:1", "https://10.0.0.7:1"},
        {"https://[2001:db8::7]:65535", "https://[2001:db8::7]:65535"},
        {"https://[::1]", "https://[::1]"},
    };
    char checked[ROVE_URL_MAX];
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(rove__url_check(good[i][0], checked, NULL), ROVE_OK);
        assert_string_equal(checked, good[i][1]);
    }
}

static void test_addresses_that_are_not(void **state) {
    static const char *const bad[] = {"",
                                      "hq.example.com",
                                      "http://hq.example.com",
                                      "https://",
                                      "https://:8443",
                                      "https://hq.example.com:",
                                      "https://hq.example.com:0",
                                      "https://hq.example.com:65536",
                                      "https://hq.example.com:84430000",
                                      "https://hq.example.com/rove",
                                      "https://hq.example.com//",
                                      "https://user@hq.example.com",
                                      "https://hq.example.com?x",
                                      "https://hq.example.com#x",
                                      "https://hq.example.com evil",
                                      "https://[]",
                                      "https://[::1",
                                      "https://h\xc3\xb6st"};
    char checked[ROVE_URL_MAX];
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rove_error error = {0};
        assert_int_equal(rove__url_check(bad[i], checked, &error), ROVE_INVALID);
        assert_string_equal(checked, "");
        assert_true(error.message[0] != '\0');
    }
}

static void test_an_address_has_a_largest_size(void **state) {
    char url[ROVE_URL_MAX + 1];
    char checked[ROVE_URL_MAX];
    (void)state;

    memset(url, 'a', sizeof url);
    memcpy(url, "https://", 8);
    url[ROVE_URL_MAX - 1] = '\0';
    assert_int_equal(rove__url_check(url, checked, NULL), ROVE_OK);
    url[ROVE_URL_MAX - 1] = 'a';
    url[ROVE_URL_MAX] = '\0';
    assert_int_equal(rove__url_check(url, checked, NULL), ROVE_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_identity_survives_in_its_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_file_is_no_identity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_noticed_wherever_it_is_damaged,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_right_check_does_not_make_an_identity, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_parts_that_are_no_identity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_larger_than_any_identity_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_short_memory_is_no_damage, set_up, tear_down),
        cmocka_unit_test(test_addresses_that_are_taken),
        cmocka_unit_test(test_addresses_that_are_not),
        cmocka_unit_test(test_an_address_has_a_largest_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
