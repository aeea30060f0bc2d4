/*
 * What rove doctor and rove-hq doctor judge by: versions, modes, ends of certificates, the lock; each at its limit and
 * one past it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix/checkup.h"
#include "posix/pki.h"

#define DAY_MS INT64_C(86400000)
#define NOW_MS INT64_C(1764000000000)

static rove__checkup checkup;

static int fresh(void **state) {
    (void)state;
    memset(&checkup, 0, sizeof checkup);
    return 0;
}

static void expect(size_t at, rove__checkup_state state, const char *what, const char *value) {
    assert_true(at < checkup.count);
    assert_string_equal(checkup.findings[at].what, what);
    assert_string_equal(checkup.findings[at].value, value);
    assert_string_equal(rove__checkup_state_name(checkup.findings[at].verdict),
                        rove__checkup_state_name(state));
    /* Who is told that something is not right is told what to do. */
    assert_int_equal(state == ROVE__FINE, checkup.findings[at].advice[0] == '\0');
}

static void versions_sort(void **state) {
    (void)state;
    assert_int_equal(rove__version_number("3.51.3"), 3051003);
    assert_int_equal(rove__version_number("OpenSSL 3.0.17 1 Jul 2025"), 3000017);
    assert_int_equal(rove__version_number("1.5"), 1005000);
    assert_int_equal(rove__version_number("2"), 2000000);
    assert_int_equal(rove__version_number("1.123456789.3"), 1999003);
    assert_int_equal(rove__version_number("none"), -1);
    assert_int_equal(rove__version_number(""), -1);
}

static void a_library_is_as_new_as_what_was_built_with(void **state) {
    (void)state;
    rove__checkup_library(&checkup, "zstd", "1.5.4", "1.5.4", NULL);
    rove__checkup_library(&checkup, "zstd", "1.5.4", "1.5.5", NULL);
    rove__checkup_library(&checkup, "zstd", "1.5.4", "1.5.3", NULL);
    rove__checkup_library(&checkup, "zstd", "1.5.4", "2.0.0", NULL);
    rove__checkup_library(&checkup, "zstd", "1.5.4", "unknown", NULL);
    assert_int_equal(checkup.count, 5);
    expect(0, ROVE__FINE, "zstd", "1.5.4");
    expect(1, ROVE__FINE, "zstd", "1.5.5 runs; built with 1.5.4");
    expect(2, ROVE__WARNING, "zstd", "1.5.3 runs; built with 1.5.4");
    expect(3, ROVE__WRONG, "zstd", "2.0.0 runs; built with 1.5.4");
    expect(4, ROVE__WRONG, "zstd", "unknown runs; built with 1.5.4");
}

static void what_stands_in_for_a_fix_is_said_below_its_version(void **state) {
    (void)state;
    rove__checkup_library(&checkup, "SQLite", "3.40.1", "3.51.2", "one writer");
    assert_int_equal(checkup.count, 2);
    assert_string_equal(checkup.findings[1].what, "SQLite, in force");
    assert_non_null(strstr(checkup.findings[1].value, "WAL-reset"));
    assert_non_null(strstr(checkup.findings[1].value, "one writer"));
    rove__checkup_library(&checkup, "SQLite", "3.40.1", "3.51.3", "one writer");
    assert_int_equal(checkup.count, 3);
    rove__checkup_library(&checkup, "protobuf-c", "1.4.1", "1.4.9", NULL);
    assert_int_equal(checkup.count, 5);
    assert_non_null(strstr(checkup.findings[4].value, "frames are capped"));
    rove__checkup_library(&checkup, "protobuf-c", "1.4.1", "1.5.0", NULL);
    assert_int_equal(checkup.count, 6);
    rove__checkup_library(&checkup, "mbedTLS", "2.28.3", "2.28.9", NULL);
    assert_int_equal(checkup.count, 7);
    rove__checkup_library(&checkup, "mbedTLS", "3.0.0", "3.0.0", NULL);
    assert_int_equal(checkup.count, 9);
    expect(8, ROVE__WARNING, "mbedTLS, in force",
           "3.x is untested with Rove; 2.28 is what was tried");
}

static void libraries_of_this_program_fit(void **state) {
    (void)state;
    rove__checkup_crypto(&checkup);
    rove__checkup_curl(&checkup);
    assert_true(checkup.count >= 4);
    assert_int_equal(rove__checkup_count(&checkup, ROVE__WRONG), 0);
}

static void what_others_can_reach_is_wrong(void **state) {
    (void)state;
    int fd = open("secret", O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)mkdir("place", 0700);
    rove__checkup_mode(&checkup, ".", "secret", 1);
    expect(0, ROVE__FINE, "secret", "mode 0600");
    assert_int_equal(chmod("secret", 0604), 0);
    rove__checkup_mode(&checkup, ".", "secret", 1);
    expect(1, ROVE__WRONG, "secret", "mode 0604");
    assert_non_null(strstr(checkup.findings[1].advice, "chmod 0600"));
    assert_int_equal(chmod("secret", 0400), 0);
    rove__checkup_mode(&checkup, ".", "secret", 1);
    expect(2, ROVE__FINE, "secret", "mode 0400");
    assert_int_equal(chmod("place", 0710), 0);
    rove__checkup_mode(&checkup, "place", "", 1);
    expect(3, ROVE__WRONG, "folder", "mode 0710");
    assert_non_null(strstr(checkup.findings[3].advice, "chmod 0700"));
    assert_int_equal(unlink("secret"), 0);
    rove__checkup_mode(&checkup, ".", "secret", 0);
    assert_int_equal(checkup.count, 4);
    rove__checkup_mode(&checkup, ".", "secret", 1);
    expect(4, ROVE__WRONG, "secret", "No such file or directory");
    assert_int_equal(rmdir("place"), 0);
}

static void a_certificate_warns_before_its_end(void **state) {
    (void)state;
    rove__checkup_certificate(&checkup, "c", NOW_MS + 30 * DAY_MS, NOW_MS, 30, "renew");
    rove__checkup_certificate(&checkup, "c", NOW_MS + 30 * DAY_MS - 1, NOW_MS, 30, "renew");
    rove__checkup_certificate(&checkup, "c", NOW_MS + 1, NOW_MS, 30, "renew");
    rove__checkup_certificate(&checkup, "c", NOW_MS, NOW_MS, 30, "renew");
    expect(0, ROVE__FINE, "c", "good for 30 days");
    expect(1, ROVE__WARNING, "c", "good for 29 days");
    expect(2, ROVE__WARNING, "c", "good for 0 seconds");
    expect(3, ROVE__WRONG, "c", "ended 0 seconds ago");
}

static void the_end_of_any_certificate_is_found(void **state) {
    (void)state;
    static rove_pki_bytes key;
    static rove_pki_bytes der;
    int64_t until = 0;
    assert_int_equal(rove_pki_authority_make("Acme", NOW_MS, &key, &der, NULL), ROVE_OK);
    assert_int_equal(rove__checkup_until(der.data, der.size, &until), ROVE_OK);
    assert_true(until > NOW_MS + (ROVE_PKI_AUTHORITY_DAYS - 1) * DAY_MS);
    assert_true(until <= NOW_MS + ROVE_PKI_AUTHORITY_DAYS * DAY_MS);
    assert_int_equal(rove__checkup_until(key.data, key.size, &until), ROVE_INVALID);
}

static void spans_are_said_as_people_say_them(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0 seconds"},       {1000, "1 second"},     {119999, "119 seconds"},
                 {120000, "2 minutes"},  {7200000, "2 hours"},   {2 * DAY_MS - 1, "47 hours"},
                 {2 * DAY_MS, "2 days"}, {-3 * DAY_MS, "3 days"}};
    char text[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rove__checkup_span(text, sizeof text, cases[i].ms);
        assert_string_equal(text, cases[i].text);
    }
}

static void who_has_the_folder_is_found_without_writing(void **state) {
    (void)state;
    struct stat before;
    struct stat after;
    int held = -1;
    long pid = -1;
    (void)unlink("lock");
    assert_int_equal(rove__checkup_hold(".", &held, &pid), ROVE_OK);
    assert_int_equal(held, -1);
    assert_int_equal(access("lock", F_OK), -1);
    int fd = open("lock", O_CREAT | O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "4711\n", 5), 5);
    assert_int_equal(stat("lock", &before), 0);
    assert_int_equal(rove__checkup_hold(".", &held, &pid), ROVE_OK);
    assert_true(held >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB),
                     -1); /* who wants to open it meanwhile does not get it */
    (void)close(held);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(rove__checkup_hold(".", &held, &pid), ROVE_BUSY);
    assert_int_equal(held, -1);
    assert_int_equal(pid, 4711);
    assert_int_equal(stat("lock", &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    (void)close(fd);
    (void)unlink("lock");
}

static void what_a_damaged_file_says_is_printable(void **state) {
    (void)state;
    (void)rove__checkup_add(&checkup, ROVE__FINE, "a", NULL, "%s", "x\x1b[31m\xff\n");
    expect(0, ROVE__FINE, "a", "x?[31m??");
}

static void one_finding_too_many_is_no_harm(void **state) {
    (void)state;
    for (int i = 0; i <= ROVE__CHECKUP_MAX; i++) {
        (void)rove__checkup_add(&checkup, ROVE__WRONG, "a", "b", "%d", i);
    }
    assert_int_equal(checkup.count, ROVE__CHECKUP_MAX);
    assert_int_equal(rove__checkup_count(&checkup, ROVE__WRONG), ROVE__CHECKUP_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(versions_sort, fresh),
        cmocka_unit_test_setup(a_library_is_as_new_as_what_was_built_with, fresh),
        cmocka_unit_test_setup(what_stands_in_for_a_fix_is_said_below_its_version, fresh),
        cmocka_unit_test_setup(libraries_of_this_program_fit, fresh),
        cmocka_unit_test_setup(what_others_can_reach_is_wrong, fresh),
        cmocka_unit_test_setup(a_certificate_warns_before_its_end, fresh),
        cmocka_unit_test_setup(the_end_of_any_certificate_is_found, fresh),
        cmocka_unit_test_setup(spans_are_said_as_people_say_them, fresh),
        cmocka_unit_test_setup(who_has_the_folder_is_found_without_writing, fresh),
        cmocka_unit_test_setup(what_a_damaged_file_says_is_printable, fresh),
        cmocka_unit_test_setup(one_finding_too_many_is_no_harm, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
