/*
 * test_client_export.c - sealed exports as an app has them: bytes through a sink and out of a source, the lock and the lease, and
 * what a plain replica says.
 */
#include "phone.h"

#define TEXT "Zanzibar Bakery buys on Fridays. "

typedef struct memory_file {
    uint8_t bytes[1 << 18];
    size_t size;
    rove_status status; /* of each call */
} memory_file;

static phone p;
static memory_file sealed;
static memory_file plain;

static rove_status put(void *ctx, const void *bytes, size_t size, rove_error *error) {
    memory_file *file = ctx;

    (void)error;
    assert_true(size > 0 && size <= sizeof file->bytes - file->size);
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
    return file->status;
}

static rove_status get(void *ctx, uint64_t at, void *bytes, size_t size, rove_error *error) {
    const memory_file *file = ctx;

    (void)error;
    assert_true(at <= file->size && size <= file->size - at);
    memcpy(bytes, file->bytes + at, size);
    return file->status;
}

static const rove_sink to_sealed = {put, &sealed};
static const rove_sink to_plain = {put, &plain};

static int set_up(void **state) {
    (void)state;
    phone_prepare(&p, "client_export");
    p.ports.keyring = keyring_with(&p.keys, 0x31);
    phone_open(&p);
    phone_enroll(&p);
    memset(&sealed, 0, sizeof sealed);
    memset(&plain, 0, sizeof plain);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static void seal(size_t lines) {
    rove_export *out = NULL;

    memset(&sealed, 0, sizeof sealed);
    phone_ok(&p, rove_export_new(p.replica, &to_sealed, &out, &p.error));
    for (size_t i = 0; i < lines; i++) {
        phone_ok(&p, rove_export_write(out, TEXT, sizeof TEXT - 1, &p.error));
    }
    phone_ok(&p, rove_export_end(out, &p.error));
    rove_export_free(out);
}

static rove_status opened(void) {
    const rove_source from = {sealed.size, get, &sealed};

    memset(&plain, 0, sizeof plain);
    return rove_export_open(p.replica, &from, &to_plain, &p.error);
}

static int contains(const memory_file *file, const char *word) {
    for (size_t at = 0; at + strlen(word) <= file->size; at++) {
        if (memcmp(file->bytes + at, word, strlen(word)) == 0) {
            return 1;
        }
    }
    return 0;
}

static void it_comes_out_as_it_went_in(void **state) {
    (void)state;
    seal(5000);
    assert_false(contains(&sealed, "Zanzibar"));
    phone_ok(&p, opened());
    assert_int_equal(plain.size, 5000 * (sizeof TEXT - 1));
    for (size_t at = 0; at < plain.size; at += sizeof TEXT - 1) {
        assert_memory_equal(plain.bytes + at, TEXT, sizeof TEXT - 1);
    }
    /* The replica may be closed meanwhile. */
    phone_close(&p);
    phone_open(&p);
    phone_ok(&p, opened());
    seal(0);
    phone_ok(&p, opened());
    assert_int_equal(plain.size, 0);
}

static void what_is_wrong_is_said(void **state) {
    const rove_source nowhere = {100, NULL, NULL};
    const rove_sink none = {NULL, NULL};
    rove_export *out = NULL;
    (void)state;

    phone_is(&p, rove_export_new(p.replica, &none, &out, &p.error), ROVE_INVALID);
    phone_is(&p, rove_export_new(p.replica, &to_sealed, NULL, &p.error), ROVE_INVALID);
    phone_is(&p, rove_export_open(p.replica, &nowhere, &to_plain, &p.error), ROVE_INVALID);
    phone_is(&p, rove_export_write(NULL, "", 1, &p.error), ROVE_INVALID);
    phone_is(&p, rove_export_end(NULL, &p.error), ROVE_INVALID);
    rove_export_free(NULL);
    sealed.status = ROVE_FULL;
    phone_is(&p, rove_export_new(p.replica, &to_sealed, &out, &p.error), ROVE_FULL);
    assert_null(out);
    assert_true(p.error.message[0] != '\0');

    seal(5000);
    sealed.status = ROVE_IO;
    phone_is(&p, opened(), ROVE_IO);
    sealed.status = ROVE_OK;
    sealed.size--;
    phone_is(&p, opened(), ROVE_CORRUPT);
    assert_int_equal(plain.size, 0);
    seal(10);
    phone_ok(&p, rove_replace_key(p.replica, &p.error));
    phone_is(&p, opened(), ROVE_WRONG_KEY);
}

static void a_locked_replica_neither_writes_nor_opens(void **state) {
    rove_export *out = NULL;
    rove_export *late = NULL;
    (void)state;

    seal(10);
    phone_ok(&p, rove_export_new(p.replica, &to_plain, &out, &p.error));
    phone_ok(&p, rove_export_write(out, TEXT, 10, &p.error));
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_is(&p, rove_export_write(out, TEXT, 10, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_export_end(out, &p.error), ROVE_LOCKED);
    rove_export_free(out);
    phone_is(&p, rove_export_new(p.replica, &to_plain, &late, &p.error), ROVE_LOCKED);
    phone_is(&p, opened(), ROVE_LOCKED);
    assert_int_equal(plain.size, 0);
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    phone_ok(&p, opened());
}

static void past_its_lease_nothing_is_opened(void **state) {
    (void)state;
    p.lease_ms = PHONE_DAY_MS;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    seal(10);
    phone_ok(&p, opened());
    p.now.boot_ms += 2 * PHONE_DAY_MS;
    p.now.wall_ms += 2 * PHONE_DAY_MS;
    phone_is(&p, opened(), ROVE_LOCKED);
    assert_int_equal(plain.size, 0);
}

static void a_plain_replica_has_no_seal(void **state) {
    rove_export *out = NULL;
    phone other;
    (void)state;

    seal(1);
    phone_prepare(&other, "client_export_plain");
    other.ports.keyring = (rove_keyring){NULL, NULL, NULL};
    phone_open(&other);
    phone_is(&other, rove_export_new(other.replica, &to_plain, &out, &other.error), ROVE_STATE);
    const rove_source from = {sealed.size, get, &sealed};
    phone_is(&other, rove_export_open(other.replica, &from, &to_plain, &other.error), ROVE_STATE);
    phone_stop(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_comes_out_as_it_went_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_locked_replica_neither_writes_nor_opens, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(past_its_lease_nothing_is_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plain_replica_has_no_seal, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
