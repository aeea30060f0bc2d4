/*
 * test_client_lock.c - the encrypted replica as an app has it: what opens it and what does not, locking and unlocking, the PIN, and
 * what is left in memory and in files.
 */
#include "memory_scan.h"
#include "phone.h"
#include "store/internal.h"

#define SECRET 0x31

static phone p;

static int set_up(void **state) {
    (void)state;
    phone_prepare(&p, "client_lock");
    p.ports.keyring = keyring_with(&p.keys, SECRET);
    phone_open(&p);
    phone_enroll(&p);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (p.replica == NULL) {
        p.ports.keyring = keyring_with(&p.keys, SECRET);
    }
    phone_stop(&p);
    return 0;
}

static void refuses_to_open(rove_status expected) {
    rove *replica = NULL;

    phone_is(&p, rove_open(&p.ports, p.folder, &replica, &p.error), expected);
    assert_null(replica);
    assert_true(p.error.message[0] != '\0');
}

/* Unsent work is there, whatever was tried meanwhile. */
static void opens_with_its_work(void) {
    phone_open(&p);
    assert_int_equal(phone_state(&p).pending, 1);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'Ajax'"), 1);
}

static const char *path_of(const char *name) {
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", p.folder, name);
    return path;
}

static size_t read_file(const char *name, uint8_t *bytes, size_t capacity) {
    FILE *file = fopen(path_of(name), "rb");
    size_t size = file != NULL ? fread(bytes, 1, capacity, file) : 0;

    if (file != NULL) {
        (void)fclose(file);
    }
    return size;
}

static void write_file(const char *name, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path_of(name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int contains(const uint8_t *bytes, size_t size, const char *word) {
    size_t length = strlen(word);
    size_t at = 0;

    while (at + length <= size && memcmp(bytes + at, word, length) != 0) {
        at++;
    }
    return at + length <= size;
}

/* ---- opening ---- */

static void only_its_own_keyring_opens_it(void **state) {
    const rove_keyring none = {NULL, NULL, NULL};
    keyring others;
    (void)state;

    (void)phone_account(&p, "Ajax");
    phone_close(&p);
    rove_keyring right = p.ports.keyring;
    p.ports.keyring = keyring_with(&others, SECRET + 1);
    refuses_to_open(ROVE_WRONG_KEY);
    p.ports.keyring = none;
    refuses_to_open(ROVE_WRONG_KEY);
    p.ports.keyring = right;
    p.keys.status = ROVE_LOCKED;
    refuses_to_open(ROVE_LOCKED);
    p.keys.status = ROVE_OK;
    opens_with_its_work();
}

static void a_key_file_that_is_gone_or_damaged_is_no_wrong_key(void **state) {
    uint8_t bytes[512];
    (void)state;

    (void)phone_account(&p, "Ajax");
    phone_close(&p);
    size_t size = read_file("core.key", bytes, sizeof bytes);
    assert_true(size > 100);
    bytes[60] ^= 1;
    write_file("core.key", bytes, size);
    refuses_to_open(ROVE_CORRUPT);
    bytes[60] ^= 1;
    write_file("core.key", bytes, size - 1);
    refuses_to_open(ROVE_CORRUPT);
    assert_int_equal(unlink(path_of("core.key")), 0);
    refuses_to_open(ROVE_CORRUPT);
    assert_non_null(strstr(p.error.message, "core.key"));
    write_file("core.key", bytes, size);
    opens_with_its_work();
}

static void a_plain_replica_is_not_taken_for_an_encrypted_one(void **state) {
    static uint8_t kept[1 << 21];
    static uint8_t plain[1 << 21];
    const rove_keyring none = {NULL, NULL, NULL};
    (void)state;

    (void)phone_account(&p, "Ajax");
    phone_close(&p);
    size_t kept_size = read_file("replica.db", kept, sizeof kept);
    rove_keyring right = p.ports.keyring;

    /* A plain replica in its place, as somebody may put one there who knows the folder but not the key. */
    phone other;
    phone_prepare(&other, "client_lock_plain");
    other.ports.keyring = none;
    phone_open(&other);
    phone_close(&other);
    FILE *file = fopen("client_lock_plain/replica.db", "rb");
    assert_non_null(file);
    size_t plain_size = fread(plain, 1, sizeof plain, file);
    (void)fclose(file);
    write_file("replica.db", plain, plain_size);
    refuses_to_open(ROVE_NOT_ENCRYPTED);
    other.ports.keyring = right;
    rove *replica = NULL;
    phone_is(&other, rove_open(&other.ports, other.folder, &replica, &other.error),
             ROVE_NOT_ENCRYPTED);
    other.ports.keyring = none;
    phone_stop(&other);

    write_file("replica.db", kept, kept_size);
    opens_with_its_work();
}

static void the_files_show_nothing(void **state) {
    static uint8_t bytes[1 << 21];
    static const char *const files[] = {"replica.db", "replica.db-log", "core.key"};
    (void)state;

    (void)phone_account(&p, "Zanzibar Bakery");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t size = read_file(files[i], bytes, sizeof bytes);
        assert_true(size > 0);
        assert_false(contains(bytes, size, "Zanzibar"));
        assert_false(contains(bytes, size, "SQLite format"));
        assert_false(contains(bytes, size, "CREATE TABLE"));
    }
    assert_int_equal(access(path_of("replica.db-shm"), F_OK), -1);
}

/* ---- locking ---- */

static void a_locked_replica_says_so(void **state) {
    rove_field fields[] = {{"name", rove_text("Bakery")}};
    rove_query *open_one = NULL;
    rove_query *query = NULL;
    void *bytes = NULL;
    size_t size = 0;
    rove_id id = 0;
    uint64_t left = 0;
    (void)state;

    rove_id account = phone_account(&p, "Ajax");
    phone_ok(&p,
             rove_query_new(p.replica, "SELECT 1 UNION SELECT 2", NULL, 0, &open_one, &p.error));
    phone_ok(&p, rove_query_step(open_one, &p.error));
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_is(&p, rove_query_step(open_one, &p.error), ROVE_LOCKED);
    rove_query_free(open_one);
    phone_is(&p, rove_get_packed(p.replica, "Account", account, &bytes, &size, &p.error),
             ROVE_LOCKED);
    phone_is(&p, rove_query_new(p.replica, "SELECT 1", NULL, 0, &query, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_insert(p.replica, "Account", fields, 1, &id, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_begin(p.replica, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_verify(p.replica, NULL, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_tidy(p.replica, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_quarantine_retry(p.replica, &left, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_wrap_key(p.replica, NULL, NULL, 0, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_replace_key(p.replica, &p.error), ROVE_LOCKED);
    rove_state now = phone_state(&p);
    assert_int_equal(now.locked, 1);
    assert_int_equal(now.encrypted, 1);
    assert_int_equal(now.user, PHONE_USER);
    phone_ok(&p, rove_lock(p.replica, &p.error));

    phone_ok(&p, rove_unlock(p.replica, &p.error));
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    assert_int_equal(phone_state(&p).locked, 0);
    assert_int_equal(phone_state(&p).pending, 1);
    (void)phone_account(&p, "Bakery");
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    assert_int_equal(phone_state(&p).pending, 0);
    phone_ok(&p, rove_verify(p.replica, NULL, &p.error));
}

/* 1: this device signed it. */
static int seals_a_visit(void) {
    rove_id account = phone_account(&p, "Ajax");
    rove_field fields[] = {{"account_id", rove_int(account)},
                           {"planned_start", rove_int(PHONE_NOW_MS)},
                           {"status", rove_int(2)}};
    rove_field done[] = {{"status", rove_int(5)},
                         {"actual_start", rove_int(PHONE_NOW_MS)},
                         {"actual_end", rove_int(PHONE_NOW_MS + 1)}};
    rove_id visit = 0;

    phone_ok(&p, rove_insert(p.replica, "Visit", fields, 3, &visit, &p.error));
    phone_ok(&p, rove_seal(p.replica, "Visit", visit, done, 3, &p.error));
    return (int)phone_number(&p, "SELECT length(proof) > 64 FROM visit ORDER BY id DESC LIMIT 1");
}

static void the_key_that_signs_is_locked_away_too(void **state) {
    const rove__store *store = p.replica->store;
    uint8_t key[ROVE_KEY_DER_MAX];
    (void)state;

    size_t size = store->signer_size;
    assert_true(size > 0);
    memcpy(key, store->signer, size);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(seals_a_visit(), 1);
        phone_ok(&p, rove_lock(p.replica, &p.error));
        phone_ok(&p, rove_lock(p.replica, &p.error));
        for (size_t at = 0; at + 8 <= size; at++) {
            assert_memory_not_equal(store->signer + at, key + at, 8);
        }
        p.keys.secret[0] ^= 1;
        phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WRONG_KEY);
        p.keys.secret[0] ^= 1;
        phone_ok(&p, rove_unlock(p.replica, &p.error));
        assert_int_equal(store->signer_size, size);
        assert_memory_equal(store->signer, key, size);
    }
    assert_int_equal(seals_a_visit(), 1);
}

static void a_wrong_key_does_not_unlock_it(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    phone_ok(&p, rove_lock(p.replica, &p.error));
    p.keys.secret[0] ^= 1;
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WRONG_KEY);
    assert_int_equal(phone_state(&p).locked, 1);
    p.keys.secret[0] ^= 1;
    p.keys.status = ROVE_LOCKED;
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_LOCKED);
    p.keys.status = ROVE_OK;
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    assert_int_equal(phone_state(&p).pending, 1);
}

static void an_open_transaction_is_not_cut_off(void **state) {
    (void)state;
    phone_ok(&p, rove_begin(p.replica, &p.error));
    (void)phone_account(&p, "Ajax");
    phone_is(&p, rove_lock(p.replica, &p.error), ROVE_STATE);
    phone_is(&p, rove_wrap_key(p.replica, NULL, NULL, 0, &p.error), ROVE_STATE);
    phone_is(&p, rove_replace_key(p.replica, &p.error), ROVE_STATE);
    phone_ok(&p, rove_commit(p.replica, &p.error));
    assert_int_equal(phone_state(&p).pending, 1);
}

static void a_plain_replica_has_no_lock(void **state) {
    phone plain;
    (void)state;

    phone_prepare(&plain, "client_lock_plain");
    plain.ports.keyring = (rove_keyring){NULL, NULL, NULL};
    phone_open(&plain);
    phone_is(&plain, rove_lock(plain.replica, &plain.error), ROVE_STATE);
    phone_is(&plain, rove_wrap_key(plain.replica, NULL, "1234", 4, &plain.error), ROVE_STATE);
    phone_is(&plain, rove_replace_key(plain.replica, &plain.error), ROVE_STATE);
    assert_int_equal(phone_state(&plain).encrypted, 0);
    phone_stop(&plain);
}

static void short_memory_while_locking_and_unlocking_is_said(void **state) {
    rove_status status = ROVE_NOMEM;
    (void)state;

    (void)phone_account(&p, "Ajax");
    for (size_t n = 1; status != ROVE_OK; n++) {
        phone_ok(&p, rove_lock(p.replica, &p.error));
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = rove_unlock(p.replica, &p.error);
        p.memory.fail_at = 0;
        assert_int_equal(phone_state(&p).locked, status != ROVE_OK);
    }
    assert_int_equal(phone_state(&p).pending, 1);
}

/* ---- the PIN ---- */

static void a_pin_is_asked_for(void **state) {
    char long_pin[ROVE_PIN_MAX + 2];
    (void)state;

    (void)phone_account(&p, "Ajax");
    assert_int_equal(p.keys.asked, 0);
    memset(long_pin, '1', sizeof long_pin);
    phone_is(&p, rove_wrap_key(p.replica, NULL, "", 0, &p.error), ROVE_INVALID);
    phone_is(&p, rove_wrap_key(p.replica, NULL, long_pin, ROVE_PIN_MAX + 1, &p.error),
             ROVE_INVALID);
    phone_ok(&p, rove_wrap_key(p.replica, NULL, "4711", 4, &p.error));
    phone_close(&p);
    p.keys.pin = "4712";
    refuses_to_open(ROVE_WRONG_KEY);
    p.keys.pin = NULL;
    refuses_to_open(ROVE_CANCELLED);
    p.ports.keyring.pin = NULL;
    refuses_to_open(ROVE_WRONG_KEY);
    p.ports.keyring.pin = keyring_pin;
    p.keys.pin = "4711";
    opens_with_its_work();
    assert_int_equal(p.keys.asked, 3);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    assert_int_equal(p.keys.asked, 4);
    phone_ok(&p, rove_wrap_key(p.replica, NULL, NULL, 0, &p.error));
    phone_close(&p);
    opens_with_its_work();
    assert_int_equal(p.keys.asked, 4);
}

static void the_keystore_may_change_its_secret(void **state) {
    uint8_t next[ROVE_SECRET_SIZE];
    (void)state;

    (void)phone_account(&p, "Ajax");
    memset(next, 0x77, sizeof next);
    phone_ok(&p, rove_wrap_key(p.replica, next, NULL, 0, &p.error));
    phone_close(&p);
    refuses_to_open(ROVE_WRONG_KEY);
    memcpy(p.keys.secret, next, sizeof next);
    opens_with_its_work();
    phone_ok(&p, rove_wrap_key(p.replica, NULL, NULL, 0, &p.error));
    phone_close(&p);
    opens_with_its_work();
    memset(next, SECRET, sizeof next);
    phone_ok(&p, rove_wrap_key(p.replica, next, NULL, 0, &p.error));
}

/* ---- another data key ---- */

static const rove__data_key *data_key(void) {
    return &p.replica->store->vault.data;
}

static void everything_is_written_under_another_key(void **state) {
    static uint8_t before[1 << 21];
    static uint8_t bytes[512];
    rove__data_key former = *data_key();
    rove_query *query = NULL;
    (void)state;

    for (int i = 0; i < 50; i++) {
        (void)phone_account(&p, "Ajax");
    }
    phone_ok(&p, rove_wrap_key(p.replica, NULL, "4711", 4, &p.error));
    p.keys.pin = "4711";
    size_t key_size = read_file("core.key", bytes, sizeof bytes);

    /* Somebody reads: it does not end, and is good for a second try. */
    phone_ok(&p, rove_query_new(p.replica, "SELECT name FROM account", NULL, 0, &query, &p.error));
    phone_ok(&p, rove_query_step(query, &p.error));
    phone_is(&p, rove_replace_key(p.replica, &p.error), ROVE_BUSY);
    assert_int_equal(data_key()->has_former, 1);
    assert_memory_equal(data_key()->former, former.key, sizeof former.key);
    phone_ok(&p, rove_query_step(query, &p.error));
    rove_query_free(query);
    phone_close(&p); /* as if it had been killed */
    phone_open(&p);
    assert_int_equal(phone_state(&p).pending, 50);
    (void)phone_account(&p, "Bakery");
    phone_ok(&p, rove_replace_key(p.replica, &p.error));

    assert_int_equal(data_key()->has_former, 0);
    assert_int_equal(data_key()->generation, former.generation + 1);
    assert_memory_not_equal(data_key()->key, former.key, sizeof former.key);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 51);
    phone_ok(&p, rove_verify(p.replica, NULL, &p.error));
    phone_close(&p);
    size_t size = read_file("replica.db", before, sizeof before);
    assert_true(size > 4096);
    for (size_t at = 4092; at < size; at += 4096) {
        assert_int_equal(before[at], former.generation + 1);
    }
    phone_open(&p);
    assert_int_equal(phone_state(&p).pending, 51);
    phone_close(&p);

    /* The former key file opens nothing any more. */
    uint8_t now[512];
    size_t now_size = read_file("core.key", now, sizeof now);
    write_file("core.key", bytes, key_size);
    refuses_to_open(ROVE_CORRUPT);
    write_file("core.key", now, now_size);
    phone_open(&p);
    phone_ok(&p, rove_wrap_key(p.replica, NULL, NULL, 0, &p.error));
}

static void replacing_the_key_survives_every_failure_of_memory(void **state) {
    rove_status status = ROVE_NOMEM;
    (void)state;

    (void)phone_account(&p, "Ajax");
    for (size_t n = 1; status != ROVE_OK; n++) {
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = rove_replace_key(p.replica, &p.error);
        p.memory.fail_at = 0;
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 1);
        phone_close(&p);
        opens_with_its_work();
    }
}

/* ---- memory ---- */

/* Not in this function's own frame when it returns, nor in the text of the program. */
static __attribute__((noinline)) void put_canary(char *text) {
    for (size_t i = 0; i < 16; i++) {
        text[i] = (char)('A' + (i * 7 + 11) % 26);
    }
    text[16] = '\0';
}

static __attribute__((noinline)) needle write_canary(void) {
    char text[17];

    put_canary(text);
    needle n = needle_of(text, 16);
    rove_id id = phone_account(&p, text);
    void *bytes = NULL;
    size_t size = 0;
    phone_ok(&p, rove_get_packed(p.replica, "Account", id, &bytes, &size, &p.error));
    rove_release(p.replica, bytes);
    rove_query *query = NULL;
    rove_value parameter = rove_text(text);
    phone_ok(&p, rove_query_new(p.replica, "SELECT name FROM account WHERE name = ?1", &parameter,
                                1, &query, &p.error));
    phone_ok(&p, rove_query_step(query, &p.error));
    rove_query_free(query);
    rove__wipe(text, sizeof text);
    return n;
}

/* What calls left on the stack below this one. */
static __attribute__((noinline)) void scrub_stack(void) {
    volatile uint8_t below[1 << 16];

    for (size_t i = 0; i < sizeof below; i++) {
        below[i] = 0;
    }
}

static void nothing_is_left_in_memory(void **state) {
    needle key;
    (void)state;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their memory is not the C library's */
#endif
    if (!rove_posix_overwrite_freed()) {
        skip();
    }
    needle canary = write_canary();
    key = needle_of(p.replica->store->vault.data.key, ROVE_DATA_KEY_SIZE);
    scrub_stack();
    assert_true(memory_count(&canary) > 0);
    assert_true(memory_count(&key) > 0);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    scrub_stack();
    assert_int_equal(memory_count(&canary), 0);
    assert_int_equal(memory_count(&key), 0);
    phone_ok(&p, rove_unlock(p.replica, &p.error));
}

/* ---- a sync under way ---- */

#define TICKS 600 /* a network that hangs is given up after so many */

static int ticks;

/* The rep locks it while headquarters is silent. */
static rove_status lock_and_hang(phone *ph, const rove_request *request, const rove__buf *body,
                                 rove__buf *answer) {
    (void)body;
    (void)answer;
    phone_ok(ph, rove_lock(ph->replica, &ph->error));
    for (ticks = 0; ticks < TICKS; ticks++) {
        if (request->cancelled(request->ctx)) {
            return ROVE_CANCELLED;
        }
    }
    return ROVE_NETWORK;
}

static void sync_is_ended_by_the_lock(void) {
    rove_sync_report report;

    phone_is(&p, rove_sync(p.replica, NULL, &report, &p.error), ROVE_LOCKED);
    assert_non_null(strstr(p.error.message, "locked"));
    assert_int_equal(report.requests, 1);
}

/* With the requests that it had made, and the answer that it had read. */
static void a_sync_under_way_ends_at_once(void **state) {
    (void)state;
    needle canary = write_canary();
    p.route = lock_and_hang;
    sync_is_ended_by_the_lock();
    assert_int_equal(ticks, 0);
    scrub_stack();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)canary; /* the sanitizers keep what was freed */
#else
    assert_int_equal(rove_posix_overwrite_freed() ? memory_count(&canary) : 0, 0);
#endif
    p.route = NULL;
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED);
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    assert_int_equal(phone_state(&p).pending, 0);
}

static int until_lock; /* calls; 0: it stays open */

static void lock_at_last(void *ctx, const rove_sync_progress *progress) {
    (void)ctx;
    (void)progress;
    if (until_lock > 0 && --until_lock == 0) {
        phone_ok(&p, rove_lock(p.replica, &p.error));
    }
}

/* Wherever it is, it says why it ended; what is left goes next time. */
static void a_sync_that_is_locked_anywhere_goes_on_later(void **state) {
    const rove_sync_options options = {.size = sizeof options, .progress = lock_at_last};
    rove_status status = ROVE_LOCKED;
    int n = 0;
    (void)state;

    p.accounts = 40;
    p.page_rows = 10;
    p.read_chunk = 100;
    p.write_chunk = 100;
    for (int i = 0; i < 20; i++) {
        (void)phone_account(&p, "Ajax");
    }
    while (status == ROVE_LOCKED) {
        until_lock = ++n;
        status = rove_sync(p.replica, &options, NULL, &p.error);
        assert_int_equal(phone_state(&p).locked, until_lock == 0);
        phone_ok(&p, rove_unlock(p.replica, &p.error));
    }
    phone_is(&p, status, ROVE_OK); /* it was locked when all was done */
    assert_true(n > 4);
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 60);
    assert_int_equal(p.judged, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_its_own_keyring_opens_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_file_that_is_gone_or_damaged_is_no_wrong_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_plain_replica_is_not_taken_for_an_encrypted_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_files_show_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_locked_replica_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_that_signs_is_locked_away_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_key_does_not_unlock_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_open_transaction_is_not_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plain_replica_has_no_lock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_memory_while_locking_and_unlocking_is_said, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_pin_is_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_keystore_may_change_its_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(everything_is_written_under_another_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replacing_the_key_survives_every_failure_of_memory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_left_in_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sync_under_way_ends_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sync_that_is_locked_anywhere_goes_on_later, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
