/*
 * test_rotate_record.c - the record of acts is verified over rotations of the server's key, and a process that is killed at any
 * step of one leaves what was, or what was to come.
 */
#include "rotation.h"

#include <sqlite3.h>

#include "trust.h"

/* ---- the record ----------------------------------------------------------------------------------------- */

static void what_is_recorded_is_verified_over_rotations(void **state) {
    headquarters *h = *state;
    said s;
    for (int i = 0; i < 3; i++) {
        make_next(h);
        expect(h, TRAIL_SOUND, 0);
        rotate(h);
        expect(h, TRAIL_SOUND, 0);
    }
    hq_close(h->hq);
    headquarters_open(h);
    assert_int_equal(headquarters_run(h, &s, "acts", "verify", NULL), HQ_EXIT_DONE);
    says(&s, "All 7 entries");
}

/* What somebody does to the folder while headquarters is away. */
static void copy_file(headquarters *h, const char *from, const char *to) {
    char path[400];
    uint8_t bytes[8192];
    size_t size = 0;
    headquarters_path(h, from, path, sizeof path);
    assert_int_equal(
        h->ports.files.read(h->ports.files.ctx, path, bytes, sizeof bytes, &size, NULL), ROVE_OK);
    headquarters_path(h, to, path, sizeof path);
    assert_int_equal(h->ports.files.replace(h->ports.files.ctx, path, bytes, size, NULL), ROVE_OK);
}

static void remove_file(headquarters *h, const char *name) {
    char path[400];
    headquarters_path(h, name, path, sizeof path);
    assert_int_equal(h->ports.files.remove(h->ports.files.ctx, path, NULL), ROVE_OK);
}

static void tamper(headquarters *h, const char *sql) {
    char path[400];
    sqlite3 *db = NULL;
    hq_close(h->hq);
    headquarters_path(h, "hq.db", path, sizeof path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    headquarters_open(h);
}

/* Entries: 1 init, 2 keys next, 3 keys rotate, 4 keys next. */
static void a_rotation_that_is_not_recorded_is_found(void **state) {
    headquarters *h = *state;
    make_next(h);
    rotate(h);
    make_next(h);
    expect(h, TRAIL_SOUND, 0);
    /* The act says something else, or names another pin. */
    tamper(h, "CREATE TABLE kept AS SELECT * FROM _act");
    tamper(h, "UPDATE _act SET act = 'status' WHERE number = 3");
    expect(h, TRAIL_FOREIGN, 1);
    tamper(h, "UPDATE _act SET act = 'keys rotate', detail = 'pin 00' WHERE number = 3");
    expect(h, TRAIL_FOREIGN, 1);
    tamper(h, "DELETE FROM _act; INSERT INTO _act SELECT * FROM kept");
    expect(h, TRAIL_SOUND, 0);
    /* The former key has to be the one that sealed. */
    tamper(h, "CREATE TABLE keys AS SELECT * FROM _setting WHERE key LIKE 'act/key/%'");
    tamper(h, "UPDATE _setting SET value = zeroblob(91) WHERE key LIKE 'act/key/%'");
    expect(h, TRAIL_FOREIGN, 1);
    tamper(h, "DELETE FROM _setting WHERE key LIKE 'act/key/%'");
    expect(h, TRAIL_FOREIGN, 1);
    tamper(h, "INSERT INTO _setting SELECT * FROM keys");
    expect(h, TRAIL_SOUND, 0);
}

/* Another key, put there by hand: what is recorded next is not taken for a rotation. */
static void a_key_that_somebody_put_there_is_found(void **state) {
    headquarters *h = *state;
    hq_server_key other;
    rove_pki_bytes certificate;
    char path[400];
    static const char *const names[] = {"localhost"};
    make_next(h);
    assert_int_equal(hq_server_key_make(&other, NULL), ROVE_OK);
    assert_int_equal(rove_pki_server_renew(hq_get_keys(h->hq)->authority, &other.pem, names, 1,
                                           hq_now_ms(h->hq), &certificate, NULL),
                     ROVE_OK);
    hq_close(h->hq);
    headquarters_path(h, "server.key", path, sizeof path);
    assert_int_equal(
        h->ports.files.replace(h->ports.files.ctx, path, other.pem.data, other.pem.size, NULL),
        ROVE_OK);
    headquarters_path(h, "server.der", path, sizeof path);
    assert_int_equal(
        h->ports.files.replace(h->ports.files.ctx, path, certificate.data, certificate.size, NULL),
        ROVE_OK);
    hq_server_key_wipe(&other);
    headquarters_open(h);
    expect(h, TRAIL_FOREIGN, 0);
    make_next(h);
    said s;
    run(h, &s, HQ_EXIT_DONE, "next", "--replace");
    expect(h, TRAIL_FOREIGN, 1);
}

/* Who can write into the database, and waits, does not bring the rotation about. */
static void a_database_does_not_decide_on_the_key(void **state) {
    headquarters *h = *state;
    uint8_t before[ROVE_SHA256_SIZE];
    char pin[TRAIL_PIN_SIZE];
    char sql[400];
    said s;
    make_next(h);
    pin_now(h, before);
    trail_pin_text(hq_get_keys(h->hq)->next.pin, pin);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE _setting SET value = CAST(substr(value, 1, 40) || x'%s' || "
                   "substr(value, 73) AS BLOB) WHERE key = 'act/newest'",
                   pin);
    tamper(h, sql);
    assert_key(h, before);
    assert_int_equal(headquarters_run(h, &s, "renew-server", NULL), HQ_EXIT_DONE); /* an act */
    hq_close(h->hq);
    headquarters_open(h);
    assert_key(h, before);
}

static void a_backup_of_before_a_rotation_is_restored(void **state) {
    headquarters *h = *state;
    char here[300];
    char path[400];
    said s;
    hq_restored restored;
    hq_io io = said_io(&s);
    make_next(h);
    rotate(h);
    assert_non_null(getcwd(here, sizeof here));
    (void)snprintf(path, sizeof path, "%s/%s/old", here, h->folder);
    assert_int_equal(headquarters_run(h, &s, "backup", path, NULL), HQ_EXIT_DONE);
    make_next(h);
    rotate(h);
    uint8_t now[ROVE_SHA256_SIZE];
    pin_now(h, now);
    hq_close(h->hq);
    h->hq = NULL;
    io = said_io(&s);
    assert_int_equal(hq_restore(&h->ports, h->folder, &io, path, &restored, &h->error), ROVE_OK);
    headquarters_open(h);
    assert_key(h, now);
    expect(h, TRAIL_SOUND, 0);
    make_next(h);
    expect(h, TRAIL_SOUND, 0);
}

/* ---- killed --------------------------------------------------------------------------------------------- */

/* Files that are as they are from some call on: the process was killed there. */
typedef struct mortal {
    rove_files real;
    int left; /* calls that still do something; -1: all */
} mortal;

static int lives(mortal *self) {
    if (self->left > 0) {
        self->left--;
        return 1;
    }
    return self->left < 0;
}

static rove_status mortal_replace(void *ctx, const char *path, const void *bytes, size_t size,
                                  rove_error *error) {
    mortal *self = ctx;
    return lives(self) ? self->real.replace(self->real.ctx, path, bytes, size, error) : ROVE_IO;
}

static rove_status mortal_remove(void *ctx, const char *path, rove_error *error) {
    mortal *self = ctx;
    return lives(self) ? self->real.remove(self->real.ctx, path, error) : ROVE_IO;
}

static rove_status mortal_read(void *ctx, const char *path, void *bytes, size_t capacity,
                               size_t *size, rove_error *error) {
    const mortal *self = ctx;
    return self->real.read(self->real.ctx, path, bytes, capacity, size, error);
}

static rove_status mortal_lock(void *ctx, const char *path, void **lock, rove_error *error) {
    const mortal *self = ctx;
    return self->real.lock(self->real.ctx, path, lock, error);
}

static void mortal_unlock(void *ctx, void *lock) {
    const mortal *self = ctx;
    self->real.unlock(self->real.ctx, lock);
}

static void reopen_mortal(headquarters *h, mortal *m, int left) {
    rove_files real = h->ports.files;
    hq_close(h->hq);
    *m = (mortal){.real = real, .left = -1};
    h->ports.files = (rove_files){.make_folder = real.make_folder,
                                  .read = mortal_read,
                                  .replace = mortal_replace,
                                  .remove = mortal_remove,
                                  .lock = mortal_lock,
                                  .unlock = mortal_unlock,
                                  .ctx = m};
    headquarters_open(h);
    m->left = left;
    h->ports.files = real;
}

static void a_rotation_survives_a_kill_at_every_step(void **state) {
    headquarters *h = *state;
    mortal m;
    said s;
    int result = HQ_EXIT_FAILED;
    int steps = 0;
    for (; result != HQ_EXIT_DONE; steps++) {
        uint8_t before[ROVE_SHA256_SIZE];
        uint8_t next[ROVE_SHA256_SIZE];
        make_next(h);
        pin_now(h, before);
        memcpy(next, hq_get_keys(h->hq)->next.pin, sizeof next);
        reopen_mortal(h, &m, steps);
        result = headquarters_run(h, &s, "keys", "rotate", NULL);
        if (result != HQ_EXIT_DONE) {
            /* The process lives on: what it records is sealed by the next key. */
            assert_int_equal(headquarters_run(h, &s, "policy", "poll_seconds=300", NULL),
                             HQ_EXIT_DONE);
            expect(h, TRAIL_SOUND, 0);
        }
        hq_close(h->hq);
        headquarters_open(h);
        assert_key(h, next); /* the act was recorded */
        assert_null(hq_get_keys(h->hq)->next.signer);
        expect(h, TRAIL_SOUND, 0);
        /* And once more: nothing is left to do. */
        hq_close(h->hq);
        headquarters_open(h);
        assert_key(h, next);
    }
    assert_int_equal(steps, 4); /* three files: server.key, server.der, server-next.key */
}

static void authority_now(headquarters *h, rove_pki_bytes *out) {
    *out = hq_get_keys(h->hq)->ca;
}

static int is_authority(headquarters *h, const rove_pki_bytes *what) {
    const rove_pki_bytes *now = &hq_get_keys(h->hq)->ca;
    return now->size == what->size && memcmp(now->data, what->data, now->size) == 0;
}

static void a_succession_survives_a_kill_at_every_step(void **state) {
    headquarters *h = *state;
    mortal m;
    said s;
    int result = HQ_EXIT_FAILED;
    int steps = 0;
    for (; result != HQ_EXIT_DONE; steps++) {
        make_next_authority(h);
        rove_pki_bytes before;
        rove_pki_bytes next = hq_get_keys(h->hq)->ca_next;
        rove_pki_bytes shown = hq_get_keys(h->hq)->server;
        authority_now(h, &before);
        reopen_mortal(h, &m, steps);
        result = headquarters_run(h, &s, "keys", "rotate", "--authority", NULL);
        hq_close(h->hq);
        headquarters_open(h);
        for (int again = 0; again < 2; again++) {
            const hq_keys *keys = hq_get_keys(h->hq);
            assert_true(is_authority(h, &next)); /* the act was recorded */
            assert_int_equal(keys->ca_next.size, 0);
            assert_memory_equal(keys->ca_former.data, before.data, before.size);
            assert_non_null(keys->former);
            assert_memory_not_equal(keys->server.data, shown.data, shown.size);
            expect(h, TRAIL_SOUND, 0);
            hq_close(h->hq);
            headquarters_open(h);
        }
        run(h, &s, HQ_EXIT_DONE, "end", NULL);
        assert_null(hq_get_keys(h->hq)->former);
    }
    /* ca-former.der, ca.key, ca.der, server.der, ca-next.key, ca-next.der */
    assert_int_equal(steps, 7);
}

static void a_next_authority_that_was_not_written_is_made_again(void **state) {
    headquarters *h = *state;
    mortal m;
    said s;
    rove_pki_bytes before;
    authority_now(h, &before);
    make_next_authority(h);
    for (int left = 0; left < 3; left++) {
        reopen_mortal(h, &m, left);
        assert_int_not_equal(
            headquarters_run(h, &s, "keys", "next", "--authority", "--replace", NULL),
            HQ_EXIT_DONE);
        hq_close(h->hq);
        headquarters_open(h);
        assert_true(is_authority(h, &before));
    }
    assert_int_equal(hq_get_keys(h->hq)->ca_next.size, 0);
    make_next_authority(h);
    rotate_the_authority(h);
    assert_false(is_authority(h, &before));
}

static void certify(headquarters *h, rove_pki_bytes *certificate) {
    const rove_crypto *crypto = &h->ports.crypto;
    uint8_t key[ROVE_KEY_DER_MAX];
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t key_size = 0;
    size_t csr_size = 0;
    rove_pki_request request;
    assert_int_equal(crypto->key_generate(crypto->ctx, key, sizeof key, &key_size), ROVE_OK);
    assert_int_equal(crypto->csr(crypto->ctx, key, key_size, NULL, 0, csr, sizeof csr, &csr_size),
                     ROVE_OK);
    assert_int_equal(rove_pki_request_read(csr, csr_size, &request, NULL), ROVE_OK);
    assert_int_equal(rove_pki_device_issue(hq_get_keys(h->hq)->authority, &request,
                                           &(rove_pki_subject){7, 0, 1}, hq_now_ms(h->hq),
                                           certificate, NULL),
                     ROVE_OK);
}

/* `in`: such a device is let in; `known`: what it signed is its. */
static void assert_counts(headquarters *h, const rove_pki_bytes *certificate, int in, int known) {
    const hq_keys *keys = hq_get_keys(h->hq);
    rove_pki_device device;
    rove__signer signer;
    assert_int_equal(hq_keys_recognise(keys, certificate->data, certificate->size, &device),
                     in ? ROVE_OK : ROVE_UNAUTHORIZED);
    assert_int_equal(keys->sealing.identify(keys->sealing.ctx,
                                            (rove__bytes){certificate->data, certificate->size},
                                            &signer),
                     known ? ROVE_OK : ROVE_UNAUTHORIZED);
}

static void devices_of_authorities_that_were_ended_are_known_for_long(void **state) {
    headquarters *h = *state;
    rove_pki_bytes certificates[HQ_ENDED_MAX + 1];
    said s;
    for (int i = 0; i < HQ_ENDED_MAX + 1; i++) {
        certify(h, &certificates[i]);
        assert_counts(h, &certificates[i], 1, 1);
        make_next_authority(h);
        rotate_the_authority(h);
        assert_counts(h, &certificates[i], 1, 1);
        run(h, &s, HQ_EXIT_DONE, "end", NULL);
        assert_counts(h, &certificates[i], 0, 1);
    }
    hq_close(h->hq);
    headquarters_open(h);
    assert_counts(h, &certificates[0], 0, 0);
    for (int i = 1; i < HQ_ENDED_MAX + 1; i++) {
        assert_counts(h, &certificates[i], 0, 1);
    }
}

/* Somebody writes into the database that it was decided. */
static void a_database_does_not_decide_on_the_authority(void **state) {
    headquarters *h = *state;
    rove_pki_bytes before;
    uint8_t id[ROVE_SHA256_SIZE];
    char text[TRAIL_PIN_SIZE];
    char sql[400];
    authority_now(h, &before);
    make_next_authority(h);
    rotate_the_authority(h);
    said s;
    run(h, &s, HQ_EXIT_DONE, "end", NULL);
    make_next_authority(h);
    authority_now(h, &before);
    assert_int_equal(trust_authority(&h->ports, &hq_get_keys(h->hq)->ca_next, id), ROVE_OK);
    trail_pin_text(id, text);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE _setting SET value = CAST(x'%s' || substr(value, 33) AS BLOB) "
                   "WHERE key = 'authority'",
                   text);
    tamper(h, sql);
    assert_true(is_authority(h, &before));
    assert_int_not_equal(hq_get_keys(h->hq)->ca_next.size, 0);
}

static void an_act_that_was_not_recorded_changes_no_key(void **state) {
    headquarters *h = *state;
    uint8_t before[ROVE_SHA256_SIZE];
    said s;
    make_next(h);
    pin_now(h, before);
    tamper(h, "CREATE TRIGGER full BEFORE INSERT ON _act BEGIN SELECT RAISE(FAIL, 'no'); END");
    assert_int_not_equal(headquarters_run(h, &s, "keys", "rotate", NULL), HQ_EXIT_DONE);
    assert_key(h, before);
    assert_non_null(hq_get_keys(h->hq)->next.signer);
    tamper(h, "DROP TRIGGER full");
    assert_key(h, before);
    rotate(h);
    expect(h, TRAIL_SOUND, 0);
}

static void a_next_key_that_was_not_written_is_made_again(void **state) {
    headquarters *h = *state;
    mortal m;
    said s;
    reopen_mortal(h, &m, 0);
    assert_int_not_equal(headquarters_run(h, &s, "keys", "next", NULL), HQ_EXIT_DONE);
    hq_close(h->hq);
    headquarters_open(h);
    assert_null(hq_get_keys(h->hq)->next.signer);
    make_next(h);
    rotate(h);
    expect(h, TRAIL_SOUND, 0);
}

/* The record is sealed by it from the rotation on, also where its file could not be put in place. */
static void a_next_key_that_was_decided_on_is_not_replaced(void **state) {
    headquarters *h = *state;
    uint8_t next[ROVE_SHA256_SIZE];
    mortal m;
    said s;
    make_next(h);
    memcpy(next, hq_get_keys(h->hq)->next.pin, sizeof next);
    reopen_mortal(h, &m, 0);
    assert_int_not_equal(headquarters_run(h, &s, "keys", "rotate", NULL), HQ_EXIT_DONE);
    m.left = -1;
    assert_int_not_equal(headquarters_run(h, &s, "keys", "next", "--replace", NULL), HQ_EXIT_DONE);
    says(&s, "not finished");
    expect(h, TRAIL_SOUND, 0);
    rotate(h);
    assert_key(h, next);
    hq_close(h->hq);
    headquarters_open(h);
    assert_key(h, next);
    expect(h, TRAIL_SOUND, 0);
}

/* Nothing is decided that could not be done: headquarters would not start again. */
static void a_next_authority_without_its_key_does_not_follow(void **state) {
    headquarters *h = *state;
    rove_pki_bytes before;
    said s;
    authority_now(h, &before);
    make_next_authority(h);
    copy_file(h, "ca-next.key", "kept.key");
    for (int other = 0; other < 2; other++) {
        remove_file(h, "ca-next.key");
        if (other) {
            copy_file(h, "ca.key", "ca-next.key");
        }
        assert_int_not_equal(headquarters_run(h, &s, "keys", "rotate", "--authority", NULL),
                             HQ_EXIT_DONE);
        says(&s, "ca-next.key is missing");
        hq_close(h->hq);
        headquarters_open(h);
        assert_true(is_authority(h, &before));
    }
    copy_file(h, "kept.key", "ca-next.key");
    rotate_the_authority(h);
    assert_false(is_authority(h, &before));
}

/* A copy of server.key in the place of the next one is no rotation that was broken off. */
static void files_that_do_not_fit_are_left_alone(void **state) {
    headquarters *h = *state;
    uint8_t before[ROVE_SHA256_SIZE];
    pin_now(h, before);
    hq_close(h->hq);
    copy_file(h, "server.key", "server-next.key");
    headquarters_open(h);
    assert_key(h, before);
    assert_null(hq_get_keys(h->hq)->next.signer);
    hq_close(h->hq);
    copy_file(h, "server.der", "server-next.key");
    h->error.message[0] = '\0';
    assert_int_equal(hq_open(&h->ports, h->folder, &h->hq, &h->error), ROVE_INVALID);
    remove_file(h, "server-next.key");
    headquarters_open(h);
}

static void words_that_make_no_sense_are_refused(void **state) {
    headquarters *h = *state;
    said s;
    run(h, &s, HQ_EXIT_USAGE, "please", NULL);
    run(h, &s, HQ_EXIT_USAGE, "next", "--force");
    run(h, &s, HQ_EXIT_USAGE, "rotate", "--replace");
    run(h, &s, HQ_EXIT_USAGE, "status", "--force");
    run(h, &s, HQ_EXIT_USAGE, "end", "--authority");
}

static int start(void **state) {
    headquarters *h = calloc(1, sizeof *h);
    assert_non_null(h);
    headquarters_start(h);
    *state = h;
    return 0;
}

static int end(void **state) {
    headquarters_end(*state);
    free(*state);
    return 0;
}

int main(void) {
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, start, end)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_is_recorded_is_verified_over_rotations),
        IN_A_FOLDER(a_rotation_that_is_not_recorded_is_found),
        IN_A_FOLDER(a_key_that_somebody_put_there_is_found),
        IN_A_FOLDER(a_database_does_not_decide_on_the_key),
        IN_A_FOLDER(a_backup_of_before_a_rotation_is_restored),
        IN_A_FOLDER(a_rotation_survives_a_kill_at_every_step),
        IN_A_FOLDER(a_succession_survives_a_kill_at_every_step),
        IN_A_FOLDER(a_next_authority_that_was_not_written_is_made_again),
        IN_A_FOLDER(devices_of_authorities_that_were_ended_are_known_for_long),
        IN_A_FOLDER(a_database_does_not_decide_on_the_authority),
        IN_A_FOLDER(an_act_that_was_not_recorded_changes_no_key),
        IN_A_FOLDER(a_next_key_that_was_not_written_is_made_again),
        IN_A_FOLDER(a_next_key_that_was_decided_on_is_not_replaced),
        IN_A_FOLDER(a_next_authority_without_its_key_does_not_follow),
        IN_A_FOLDER(files_that_do_not_fit_are_left_alone),
        IN_A_FOLDER(words_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
