/*
 * test_trail.c - the record of acts: whoever edits, removes, adds, moves or cuts off entries, or forges their seals, is seen,
 * and the first entry that is wrong is named.
 */
#include "headquarters.h"

#include <sqlite3.h>

#include "posix/pki_sign.h"
#include "trail.h"

#define NOW_MS INT64_C(1764000000000)
#define ACTS   9 /* that a test records, beside the first of init */

typedef struct world {
    headquarters h;
    trail_report report;
    uint64_t most; /* entries that are looked at; 0: all */
    const char *detail;
} world;

static rove_status append(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    rove__hq_act act = {.at_ms = hq_now_ms(w->h.hq),
                        .operator_name = "tester",
                        .act = "revoke",
                        .detail = w->detail,
                        .seq = 7};
    (void)error;
    rove_status status = hq_database(w->h.hq)->directory.act_put(tx, &act);
    return status == ROVE_OK ? trail_append(w->h.hq, tx, &act) : status;
}

static void record(world *w, const char *detail) {
    w->detail = detail;
    assert_int_equal(hq_commit(w->h.hq, append, w, &w->h.error), ROVE_OK);
}

static rove_status verify(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    (void)error;
    trail_source source;
    trail_source_of(w->h.hq, &source);
    return trail_verify(&source, tx, w->most, &w->report);
}

static void expect(world *w, trail_finding finding, int64_t number) {
    assert_int_equal(hq_read(w->h.hq, verify, w, &w->h.error), ROVE_OK);
    if (w->report.finding != finding || w->report.number != number) {
        fail_msg("finding %d of entry %lld, not %d of %lld", (int)w->report.finding,
                 (long long)w->report.number, (int)finding, (long long)number);
    }
}

/* What somebody does to the file while headquarters is away. */
static void tamper(world *w, const char *sql) {
    char path[200];
    sqlite3 *db = NULL;
    char *message = NULL;
    hq_close(w->h.hq);
    headquarters_path(&w->h, "hq.db", path, sizeof path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    headquarters_open(&w->h);
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    char detail[32];
    assert_non_null(w);
    headquarters_start(&w->h);
    for (int i = 0; i < ACTS; i++) {
        (void)snprintf(detail, sizeof detail, "device %d", i);
        record(w, detail);
    }
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    headquarters_end(&w->h);
    free(w);
    return 0;
}

static void what_is_as_it_was_recorded_is_sound(void **state) {
    world *w = *state;
    uint8_t before[ROVE_SHA256_SIZE];
    expect(w, TRAIL_SOUND, 0);
    assert_int_equal(w->report.sound, ACTS + 1); /* the first was there before there were seals */
    assert_int_equal(w->report.newest, ACTS + 1);
    memcpy(before, w->report.hash, sizeof before);
    record(w, "");
    expect(w, TRAIL_SOUND, 0);
    assert_int_equal(w->report.sound, ACTS + 2);
    assert_memory_not_equal(before, w->report.hash, sizeof before);
    tamper(w, "SELECT 1");
    expect(w, TRAIL_SOUND, 0);
}

/* As many as are asked for, from the newest on; what is older is not looked at. */
static void the_newest_can_be_looked_at_alone(void **state) {
    world *w = *state;
    w->most = 3;
    expect(w, TRAIL_SOUND, 0);
    assert_int_equal(w->report.looked, 3);
    assert_int_equal(w->report.sound, 3);
    tamper(w, "UPDATE _act SET detail = 'nothing' WHERE number = 7");
    expect(w, TRAIL_SOUND, 0);
    w->most = 4;
    expect(w, TRAIL_CHANGED, 7);
    w->most = 100;
    expect(w, TRAIL_CHANGED, 7);
    assert_int_equal(w->report.looked, ACTS + 1);
    assert_int_equal(w->report.sound, ACTS);
    w->most = 2;
    tamper(w, "DELETE FROM _act WHERE number = 10");
    expect(w, TRAIL_MISSING, 10);
}

static void each_column_of_an_entry_counts(void **state) {
    world *w = *state;
    static const char *const changes[] = {
        "UPDATE _act SET at_ms = at_ms + 1 WHERE number = 4",
        "UPDATE _act SET operator = 'somebody' WHERE number = 4",
        "UPDATE _act SET act = 'status' WHERE number = 4",
        "UPDATE _act SET detail = 'device 9' WHERE number = 4",
        "UPDATE _act SET seq = 8 WHERE number = 4",
        /* The same letters, in other columns. */
        "UPDATE _act SET act = 'revok', detail = 'e' || detail WHERE number = 4",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        tamper(w, "CREATE TABLE kept AS SELECT * FROM _act");
        tamper(w, changes[i]);
        expect(w, TRAIL_CHANGED, 4);
        tamper(w, "DELETE FROM _act; INSERT INTO _act SELECT * FROM kept; DROP TABLE kept");
        expect(w, TRAIL_SOUND, 0);
    }
}

static void what_is_removed_is_missed(void **state) {
    world *w = *state;
    tamper(w, "DELETE FROM _act WHERE number = 8");
    expect(w, TRAIL_MISSING, 8);
    tamper(w, "DELETE FROM _act WHERE number IN (4, 5, 6)");
    expect(w, TRAIL_MISSING, 4);
    tamper(w, "DELETE FROM _act WHERE number = 1");
    expect(w, TRAIL_MISSING, 1);
}

static void what_is_removed_and_closed_up_is_seen(void **state) {
    world *w = *state;
    tamper(
        w,
        "DELETE FROM _act WHERE number = 5; UPDATE _act SET number = number - 1 WHERE number > 5");
    expect(w, TRAIL_CHANGED, 5);
}

static void entries_that_change_places_are_seen(void **state) {
    world *w = *state;
    tamper(w, "UPDATE _act SET number = 100 WHERE number = 3; UPDATE _act SET number = 3 WHERE "
              "number = 7;"
              " UPDATE _act SET number = 7 WHERE number = 100");
    expect(w, TRAIL_CHANGED, 3);
    /* With their seals. */
    tamper(
        w,
        "UPDATE _setting SET key = 'act/x' WHERE key = 'act/3'; UPDATE _setting SET key = 'act/3'"
        " WHERE key = 'act/7'; UPDATE _setting SET key = 'act/7' WHERE key = 'act/x'");
    expect(w, TRAIL_CHANGED, 3);
}

static void what_is_cut_off_at_the_end_is_seen(void **state) {
    world *w = *state;
    tamper(w, "DELETE FROM _act WHERE number > 7");
    expect(w, TRAIL_MISSING, 8);
    tamper(w, "DELETE FROM _setting WHERE key IN ('act/8', 'act/9', 'act/10')");
    expect(w, TRAIL_MISSING, 8); /* with their seals, too */
}

static void what_was_cut_off_is_seen_after_later_acts_too(void **state) {
    world *w = *state;
    tamper(w, "DELETE FROM _act WHERE number > 7");
    record(w, "later");
    expect(w, TRAIL_CHANGED, 8);
    record(w, "and later");
    record(w, "and later");
    record(w, "and later");
    expect(w, TRAIL_CHANGED, 8);
}

static void who_says_that_less_was_recorded_is_seen(void **state) {
    world *w = *state;
    /* The seal of an entry is not that of the newest. */
    tamper(w, "DELETE FROM _act WHERE number > 7; UPDATE _setting SET value = "
              "CAST(x'0000000000000007' || "
              "(SELECT value FROM _setting WHERE key = 'act/7') AS BLOB) WHERE key = 'act/newest'");
    assert_int_equal(hq_read(w->h.hq, verify, w, &w->h.error), ROVE_OK);
    assert_true(w->report.finding != TRAIL_SOUND);
    tamper(w, "DELETE FROM _setting WHERE key = 'act/newest'");
    expect(w, TRAIL_MISSING, 8);
}

static void what_somebody_adds_is_seen(void **state) {
    world *w = *state;
    tamper(w, "INSERT INTO _act(at_ms, operator, act, detail, seq) VALUES(1, 'tester', 'revoke', "
              "'x', 0)");
    expect(w, TRAIL_UNSEALED, ACTS + 2);
    tamper(w, "INSERT INTO _act(number, at_ms, operator, act, detail, seq)"
              " VALUES(500, 1, 'tester', 'revoke', 'x', 0), (0, 1, 'tester', 'revoke', 'x', 0)");
    assert_int_equal(hq_read(w->h.hq, verify, w, &w->h.error), ROVE_OK);
    assert_true(w->report.finding != TRAIL_SOUND);
}

/* Who knows the formula, and has another key. */
static void a_seal_by_another_key_is_seen(void **state) {
    world *w = *state;
    tamper(w, "UPDATE _setting SET value = CAST(substr(value, 1, 64) || substr(value, 66) || x'00' "
              "AS BLOB)"
              " WHERE key = 'act/6'");
    expect(w, TRAIL_FORGED, 6);
    tamper(w, "UPDATE _setting SET value = CAST(substr(value, 1, 32) || zeroblob(32) || "
              "substr(value, 65) AS BLOB)"
              " WHERE key = 'act/5'");
    expect(w, TRAIL_FOREIGN, 5);
    tamper(w, "UPDATE _setting SET value = CAST(zeroblob(32) || substr(value, 33) AS BLOB) WHERE "
              "key = 'act/3'");
    expect(w, TRAIL_FORGED, 3);
    tamper(w, "UPDATE _setting SET value = x'00' WHERE key = 'act/2'");
    expect(w, TRAIL_UNSEALED, 2);
}

static void a_database_of_once_is_seen(void **state) {
    world *w = *state;
    trail_note(w->h.hq);
    expect(w, TRAIL_SOUND, 0);
    tamper(w, "CREATE TABLE once_act AS SELECT * FROM _act;"
              " CREATE TABLE once_setting AS SELECT * FROM _setting WHERE key LIKE 'act/%'");
    record(w, "that is to be forgotten");
    record(w, "and that");
    trail_note(w->h.hq);
    tamper(w, "DELETE FROM _act; INSERT INTO _act SELECT * FROM once_act;"
              " DELETE FROM _setting WHERE key LIKE 'act/%';"
              " INSERT INTO _setting SELECT * FROM once_setting;"
              " DROP TABLE once_act; DROP TABLE once_setting");
    trail_note(w->h.hq);
    expect(w, TRAIL_MISSING, ACTS + 2);
    record(w, "another in its place");
    trail_note(w->h.hq);
    expect(w, TRAIL_MISSING, ACTS + 3);
    record(w, "and another");
    trail_note(w->h.hq);
    expect(w, TRAIL_CHANGED, ACTS + 3);
    /* Who restores a backup says so. */
    assert_int_equal(trail_forget(&w->h.ports, w->h.folder, &w->h.error), ROVE_OK);
    trail_note(w->h.hq);
    expect(w, TRAIL_SOUND, 0);
}

static void a_record_without_its_seals_is_not_sealed_again(void **state) {
    world *w = *state;
    trail_note(w->h.hq);
    tamper(w, "DELETE FROM _setting WHERE key LIKE 'act/%'; UPDATE _act SET detail = 'nothing'");
    expect(w, TRAIL_UNSEALED, 1);
    record(w, "later");
    expect(w, TRAIL_UNSEALED, 1);
}

static void what_was_noted_elsewhere_is_read(void **state) {
    (void)state;
    static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    char text[100];
    uint8_t hash[ROVE_SHA256_SIZE];
    int64_t number = 0;
    (void)snprintf(text, sizeof text, "57:%s", hex);
    assert_int_equal(trail_parse(text, &number, hash), 1);
    assert_int_equal(number, 57);
    assert_int_equal(hash[31], 0xff);
    assert_int_equal(hash[1], 0x11);
    text[2] = ' ';
    assert_int_equal(trail_parse(text, &number, hash), 1);
    text[2] = '-';
    assert_int_equal(trail_parse(text, &number, hash), 0);
    (void)snprintf(text, sizeof text, "57:%s0", hex);
    assert_int_equal(trail_parse(text, &number, hash), 0);
    (void)snprintf(text, sizeof text, "57:%.62s", hex);
    assert_int_equal(trail_parse(text, &number, hash), 0);
    (void)snprintf(text, sizeof text, "0:%s", hex);
    assert_int_equal(trail_parse(text, &number, hash), 0);
    assert_int_equal(trail_parse("", &number, hash), 0);
}

static void nothing_recorded_is_nothing_wrong(void **state) {
    world *w = *state;
    tamper(w, "DELETE FROM _act WHERE number > 1; DELETE FROM _setting WHERE key LIKE 'act/%'");
    assert_int_equal(trail_forget(&w->h.ports, w->h.folder, &w->h.error), ROVE_OK);
    assert_int_equal(hq_read(w->h.hq, verify, w, &w->h.error), ROVE_OK);
    assert_int_equal(w->report.finding, TRAIL_EMPTY);
    record(w, "the first that is sealed");
    expect(w, TRAIL_SOUND, 0);
    assert_int_equal(w->report.sound, 2);
}

static void a_renewed_certificate_has_the_same_key(void **state) {
    world *w = *state;
    assert_int_equal(hq_renew_server(w->h.hq, NULL, 0, &w->h.error), ROVE_OK);
    record(w, "after it");
    expect(w, TRAIL_SOUND, 0);
}

static void a_signature_is_of_one_message_by_one_key(void **state) {
    (void)state;
    static const char *const names[] = {"localhost"};
    static rove_pki_bytes ca_key;
    static rove_pki_bytes ca;
    static rove_pki_bytes key[2];
    static rove_pki_bytes certificate[2];
    uint8_t signature[ROVE_PKI_SIGNATURE_MAX];
    size_t size = 0;
    rove_pki_signer *signer = NULL;
    rove_pki_authority *authority = NULL;
    assert_int_equal(rove_pki_authority_make("Acme", NOW_MS, &ca_key, &ca, NULL), ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&ca_key, &ca, &authority, NULL), ROVE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            rove_pki_server_issue(authority, names, 1, NOW_MS, &key[i], &certificate[i], NULL),
            ROVE_OK);
    }
    rove_pki_authority_free(authority);
    assert_int_equal(rove_pki_signer_open(&key[0], &signer, NULL), ROVE_OK);
    assert_int_equal(rove_pki_sign(signer, "abc", 3, signature, &size, NULL), ROVE_OK);
    rove_pki_signer_free(signer);
    assert_in_range(size, 60, sizeof signature);
    assert_int_equal(
        rove_pki_verify(certificate[0].data, certificate[0].size, "abc", 3, signature, size, NULL),
        ROVE_OK);
    assert_int_equal(
        rove_pki_verify(certificate[0].data, certificate[0].size, "abd", 3, signature, size, NULL),
        ROVE_CORRUPT);
    assert_int_equal(
        rove_pki_verify(certificate[1].data, certificate[1].size, "abc", 3, signature, size, NULL),
        ROVE_CORRUPT);
    assert_int_equal(rove_pki_verify(certificate[0].data, certificate[0].size, "abc", 3, signature,
                                     size - 1, NULL),
                     ROVE_CORRUPT);
    assert_int_equal(rove_pki_verify(key[0].data, key[0].size, "abc", 3, signature, size, NULL),
                     ROVE_INVALID);
    assert_int_equal(rove_pki_signer_open(&certificate[0], &signer, NULL), ROVE_INVALID);
    assert_null(signer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_as_it_was_recorded_is_sound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_can_be_looked_at_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_column_of_an_entry_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_removed_is_missed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_removed_and_closed_up_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(entries_that_change_places_are_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_cut_off_at_the_end_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_cut_off_is_seen_after_later_acts_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_says_that_less_was_recorded_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_somebody_adds_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_seal_by_another_key_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_recorded_is_nothing_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_renewed_certificate_has_the_same_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_of_once_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_without_its_seals_is_not_sealed_again, set_up,
                                        tear_down),
        cmocka_unit_test(what_was_noted_elsewhere_is_read),
        cmocka_unit_test(a_signature_is_of_one_message_by_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
