/*
 * test_client_sealed_identity.c - the identity of an encrypted replica: its file shows nothing, opens with the keyring's secret alone,
 * goes over to another secret together with the replica whatever comes between, and one that an older version left plain is
 * sealed.
 */
#include "phone.h"

#define SECRET 0x31
#define OTHER  0x77

static phone p;
static rove_files real;
static size_t replaced;  /* files so far */
static size_t killed_at; /* from this one on nothing is written any more; 0: never */
static size_t unsure_at; /* this one is written, and its folder cannot be synced; 0: none */

static rove_status replace(void *ctx, const char *path, const void *bytes, size_t size,
                           rove_error *error) {
    replaced++;
    if (replaced == unsure_at) {
        assert_int_equal(real.replace(ctx, path, bytes, size, error), ROVE_OK);
        return rove__error_set(error, ROVE_IO, "It cannot be synced.");
    }
    return killed_at == 0 || replaced < killed_at
               ? real.replace(ctx, path, bytes, size, error)
               : rove__error_set(error, ROVE_IO, "It was killed.");
}

static int set_up(void **state) {
    (void)state;
    phone_prepare(&p, "client_sealed_identity");
    p.ports.keyring = keyring_with(&p.keys, SECRET);
    real = p.ports.files;
    p.ports.files.replace = replace;
    replaced = 0;
    killed_at = 0;
    unsure_at = 0;
    phone_open(&p);
    phone_enroll(&p);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static size_t read_identity(uint8_t *bytes, size_t capacity) {
    char path[128];
    size_t size = 0;

    snprintf(path, sizeof path, "%s/identity", p.folder);
    phone_ok(&p, real.read(real.ctx, path, bytes, capacity, &size, &p.error));
    return size;
}

static int contains(const uint8_t *bytes, size_t size, const void *what, size_t length) {
    for (size_t at = 0; at + length <= size; at++) {
        if (memcmp(bytes + at, what, length) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_readable(void) {
    static uint8_t bytes[ROVE_IDENTITY_FILE_MAX];
    size_t size = read_identity(bytes, sizeof bytes);

    return contains(bytes, size, "https://", 8);
}

static void is_enrolled(void) {
    assert_int_equal(phone_state(&p).enrolled, 1);
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
}

static void its_file_shows_nothing(void **state) {
    static uint8_t bytes[ROVE_IDENTITY_FILE_MAX];
    uint8_t key[ROVE_KEY_DER_MAX];
    (void)state;

    size_t key_size = p.replica->credentials->key_size;
    memcpy(key, p.replica->credentials->key, key_size);
    size_t size = read_identity(bytes, sizeof bytes);
    assert_false(contains(bytes, size, key, key_size));
    assert_false(contains(bytes, size, key + key_size / 2, 16));
    assert_false(contains(bytes, size, "https://", 8));
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(p.replica->credentials->key_size, key_size);
    assert_memory_equal(p.replica->credentials->key, key, key_size);
    is_enrolled();
}

static void a_plain_one_of_an_older_version_is_read_and_sealed(void **state) {
    char path[128];
    (void)state;

    snprintf(path, sizeof path, "%s/identity", p.folder);
    phone_ok(&p, real.replace(real.ctx, path, p.replica->credentials->bytes,
                              p.replica->credentials->size, &p.error));
    phone_close(&p);
    assert_true(is_readable());
    killed_at = 1; /* it is read also where it cannot be sealed now */
    replaced = 0;
    phone_open(&p);
    assert_int_equal(phone_state(&p).enrolled, 1);
    phone_close(&p);
    assert_true(is_readable());
    killed_at = 0;
    phone_open(&p);
    assert_false(is_readable());
    is_enrolled();
    replaced = 0;
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(replaced, 0); /* once is enough */
}

static void a_plain_replica_keeps_a_plain_one(void **state) {
    uint8_t bytes[4096];
    char path[128];
    size_t size = 0;
    phone plain;
    (void)state;

    phone_prepare(&plain, "client_plain_identity");
    plain.ports.keyring = (rove_keyring){NULL, NULL, NULL};
    phone_open(&plain);
    phone_enroll(&plain);
    snprintf(path, sizeof path, "%s/identity", plain.folder);
    phone_ok(&plain, real.read(real.ctx, path, bytes, sizeof bytes, &size, &plain.error));
    assert_true(contains(bytes, size, "https://", 8));
    phone_stop(&plain);
}

/* Neither the data key nor a PIN is needed: a locked device has to reach headquarters. */
static void the_secret_alone_opens_it(void **state) {
    rove__credentials *credentials = NULL;
    char path[128];
    (void)state;

    phone_ok(&p, rove_wrap_key(p.replica, NULL, "4711", 4, &p.error));
    p.keys.pin = "4711";
    phone_ok(&p, rove_lock(p.replica, &p.error));
    int asked = p.keys.asked;
    snprintf(path, sizeof path, "%s/identity", p.folder);
    phone_ok(&p,
             rove__credentials_load(&p.replica->credentials_ports, path, &credentials, &p.error));
    assert_int_equal(p.keys.asked, asked);
    rove__credentials_free(&p.ports.allocator, credentials);
    p.keys.secret[0] ^= 1;
    phone_is(&p,
             rove__credentials_load(&p.replica->credentials_ports, path, &credentials, &p.error),
             ROVE_WRONG_KEY);
    p.keys.secret[0] ^= 1;
    p.keys.status = ROVE_LOCKED;
    phone_is(&p,
             rove__credentials_load(&p.replica->credentials_ports, path, &credentials, &p.error),
             ROVE_LOCKED);
    p.keys.status = ROVE_OK;
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    phone_ok(&p, rove_wrap_key(p.replica, NULL, NULL, 0, &p.error));
}

static void it_goes_over_to_another_secret(void **state) {
    uint8_t next[ROVE_SECRET_SIZE];
    rove__credentials *credentials = NULL;
    char path[128];
    (void)state;

    memset(next, OTHER, sizeof next);
    phone_ok(&p, rove_wrap_key(p.replica, next, NULL, 0, &p.error));
    /* The one before opens nothing any more. */
    snprintf(path, sizeof path, "%s/identity", p.folder);
    phone_is(&p,
             rove__credentials_load(&p.replica->credentials_ports, path, &credentials, &p.error),
             ROVE_WRONG_KEY);
    phone_close(&p);
    memset(p.keys.secret, OTHER, sizeof p.keys.secret);
    phone_open(&p);
    is_enrolled();
}

/* Killed before each of the files that are written: it opens with one of the secrets, and is enrolled with that. */
static void killed_on_the_way_it_opens_whole(void **state) {
    uint8_t next[ROVE_SECRET_SIZE];
    rove_status status = ROVE_IO;
    rove__credentials *credentials = NULL;
    char path[128];
    int went_over = 0;
    (void)state;

    snprintf(path, sizeof path, "%s/identity", p.folder);
    for (size_t n = 1; status != ROVE_OK || !went_over; n++) {
        assert_in_range(n, 1, 9);
        memset(p.keys.secret, SECRET, sizeof p.keys.secret);
        memset(next, OTHER, sizeof next);
        replaced = 0;
        killed_at = n;
        status = rove_wrap_key(p.replica, next, NULL, 0, &p.error);
        phone_close(&p);
        went_over = replaced < n;
        killed_at = 0;
        memset(p.keys.secret, status == ROVE_OK ? OTHER : SECRET, sizeof p.keys.secret);
        phone_open(&p); /* with the one that its key file is under */
        is_enrolled();
        /* And with the other one nothing opens from now on. */
        memset(p.keys.secret, status == ROVE_OK ? SECRET : OTHER, sizeof p.keys.secret);
        phone_is(
            &p, rove__credentials_load(&p.replica->credentials_ports, path, &credentials, &p.error),
            ROVE_WRONG_KEY);
        memset(p.keys.secret, status == ROVE_OK ? OTHER : SECRET, sizeof p.keys.secret);
        if (status == ROVE_OK && !went_over) { /* back, for the next round */
            memset(next, SECRET, sizeof next);
            phone_ok(&p, rove_wrap_key(p.replica, next, NULL, 0, &p.error));
        }
    }
}

/* What cannot be said to be on the disk may be there nevertheless: the identity opens with what the key file is under. */
static void a_key_file_that_went_over_unsaid_has_its_identity(void **state) {
    uint8_t next[ROVE_SECRET_SIZE];
    rove_status status = ROVE_IO;
    (void)state;

    memset(next, OTHER, sizeof next);
    for (unsure_at = 1; status != ROVE_OK; unsure_at++) {
        assert_in_range(unsure_at, 1, 9);
        memset(p.keys.secret, SECRET, sizeof p.keys.secret);
        replaced = 0;
        status = rove_wrap_key(p.replica, next, NULL, 0, &p.error);
        phone_close(&p);
        if (rove_open(&p.ports, p.folder, &p.replica, &p.error) != ROVE_OK) {
            memset(p.keys.secret, OTHER, sizeof p.keys.secret);
            phone_open(&p);
            is_enrolled();
            memset(next, SECRET, sizeof next); /* back, for the next round */
            unsure_at = 0;
            phone_ok(&p, rove_wrap_key(p.replica, next, NULL, 0, &p.error));
            break;
        }
        is_enrolled();
    }
    assert_int_equal(unsure_at, 0); /* it did go over unsaid */
}

static void one_of_another_replica_is_none(void **state) {
    static uint8_t bytes[ROVE_IDENTITY_FILE_MAX];
    char path[128];
    phone other;
    (void)state;

    size_t size = read_identity(bytes, sizeof bytes);
    phone_prepare(&other, "client_sealed_identity_other");
    other.ports.keyring = keyring_with(&other.keys, OTHER);
    phone_open(&other);
    phone_close(&other);
    snprintf(path, sizeof path, "%s/identity", other.folder);
    phone_ok(&other, real.replace(real.ctx, path, bytes, size, &other.error));
    snprintf(path, sizeof path, "%s/identity.next", other.folder);
    phone_ok(&other, real.replace(real.ctx, path, bytes, size, &other.error));
    phone_open(&other);
    assert_int_equal(phone_state(&other).enrolled, 0);
    phone_enroll(&other); /* neither is in the way of a new code */
    assert_int_equal(phone_state(&other).enrolled, 1);
    phone_stop(&other);
}

static void short_memory_is_said(void **state) {
    rove_status status = ROVE_NOMEM;
    (void)state;

    for (size_t n = 1; status != ROVE_OK; n++) {
        uint8_t next[ROVE_SECRET_SIZE];
        memset(next, SECRET, sizeof next);
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = rove_wrap_key(p.replica, next, NULL, 0, &p.error);
        p.memory.fail_at = 0;
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        is_enrolled();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(its_file_shows_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plain_one_of_an_older_version_is_read_and_sealed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_plain_replica_keeps_a_plain_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_secret_alone_opens_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_goes_over_to_another_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(killed_on_the_way_it_opens_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_file_that_went_over_unsaid_has_its_identity, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_of_another_replica_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_memory_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
