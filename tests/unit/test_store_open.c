/*
 * Opening the replica: what was committed is there again, whatever ended the process; who cannot open it is
 * told why.
 */
#define _DEFAULT_SOURCE /* syscall */
#include "replica.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static replica r;

static int teardown(void **state) {
    (void)state;
    replica_end(&r);
    return 0;
}

static void path_in(char path[REPLICA_PATH_MAX + 32], const char *name) {
    snprintf(path, REPLICA_PATH_MAX + 32, "%s/%s", r.folder, name);
}

static void what_was_written_is_there_again(void **state) {
    (void)state;
    replica_start(&r, "open_again");
    rove_id id = replica_account(&r, "Bakery");
    replica_reopen(&r);
    replica_expect_text(&r, "Account", id, "name", "Bakery");
    assert_int_equal(replica_entry(&r, "Account", id).op, ROVE_OP_INSERT);
    assert_int_equal(r.store->owner.replica, REPLICA_NUMBER);
    assert_true(replica_account(&r, "Another") > id);
}

static void a_second_process_is_told_who_has_it(void **state) {
    (void)state;
    replica_start(&r, "open_busy");
    char pid[24];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        rove__store *second = NULL;
        rove_error error = {0};
        rove_status status = rove__store_open(&r.ports, r.folder, &second, &error);
        _exit(status == ROVE_BUSY && second == NULL && strstr(error.message, pid) != NULL ? 0 : 1);
    }
    int code = -1;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    assert_int_equal(WEXITSTATUS(code), 0);
    (void)replica_account(&r, "Still mine");
}

/* The child commits transactions of two rows until it is killed, and says after each how many. */
static void write_until_killed(int out) {
    replica_open(&r);
    for (int i = 0;; i++) {
        replica_begin(&r);
        for (int k = 0; k < 2; k++) {
            rove__row row = replica_row(&r, "Account", 0);
            replica_set_text(&row, "name", "Written by a process that dies");
            replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
        }
        replica_commit(&r);
        if (write(out, &i, sizeof i) != (ssize_t)sizeof i) {
            _exit(1);
        }
        rove__arena_reset(&r.arena);
    }
}

static void a_killed_process_loses_nothing_that_was_committed(void **state) {
    (void)state;
    int64_t before = 0;
    replica_start(&r, "open_killed");
    replica_close(&r);
    for (int round = 0; round < 3; round++) {
        int pipes[2];
        int last = -1;
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(pipes[0]);
            write_until_killed(pipes[1]);
        }
        (void)close(pipes[1]);
        /* Killed wherever it is after its 20th report. */
        for (int reports = 0; reports < 20; reports++) {
            assert_int_equal(read(pipes[0], &last, sizeof last), sizeof last);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipes[0], &last, sizeof last) == (ssize_t)sizeof last) {
        }
        (void)close(pipes[0]);

        replica_open(&r);
        int64_t rows = replica_sql(&r, "SELECT count(*) FROM account");
        assert_true(rows >= before + 2 * (int64_t)(last + 1)); /* all that was reported */
        assert_int_equal(rows % 2, 0);                         /* and no half transaction */
        assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), rows);
        assert_int_equal(replica_sql(&r, "SELECT count(DISTINCT _pending) FROM account"), rows);
        /* The clock goes on above everything that is there. */
        rove_id highest = replica_sql(&r, "SELECT max(id) FROM account");
        rove_stamp last_raw = replica_entry(&r, "Account", highest).raw;
        rove_id next = replica_account(&r, "First");
        assert_true(next > highest);
        assert_true(replica_entry(&r, "Account", next).raw > last_raw);
        (void)replica_account(&r, "Second");
        before = rows + 2;
        replica_close(&r);
    }
    replica_open(&r);
}

static void a_damaged_file_is_reported_with_advice(void **state) {
    (void)state;
    char path[REPLICA_PATH_MAX + 32];
    replica_start(&r, "open_damaged");
    replica_close(&r);
    path_in(path, "replica.db");
    int file = open(path, O_WRONLY | O_TRUNC);
    assert_true(file >= 0);
    assert_int_equal(write(file, "This is not a database at all.\n", 31), 31);
    (void)close(file);
    assert_int_equal(rove__store_open(&r.ports, r.folder, &r.store, &r.error), ROVE_CORRUPT);
    assert_null(r.store);
    assert_non_null(strstr(r.error.message, "Keep a copy"));
    assert_int_equal(r.error.domain, ROVE_DOMAIN_SQLITE);
    /* The file was not touched. */
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, 31);
}

static size_t read_file(const char *path, uint8_t *bytes, size_t capacity) {
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    size_t size = fread(bytes, 1, capacity, file);
    assert_true(size > 0 && size < capacity);
    (void)fclose(file);
    return size;
}

static void another_database_is_left_alone(void **state) {
    (void)state;
    static uint8_t before[65536];
    static uint8_t after[65536];
    char path[REPLICA_PATH_MAX + 32];
    sqlite3 *db = NULL;
    replica_prepare(&r, "open_foreign");
    assert_int_equal(mkdir(r.folder, 0700), 0);
    path_in(path, "replica.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE recipes(name)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    size_t size = read_file(path, before, sizeof before);
    assert_int_equal(rove__store_open(&r.ports, r.folder, &r.store, &r.error), ROVE_CORRUPT);
    assert_non_null(strstr(r.error.message, "not a replica"));
    assert_int_equal(read_file(path, after, sizeof after), size);
    assert_memory_equal(before, after, size);
}

static void a_replica_of_a_newer_build_is_not_opened(void **state) {
    (void)state;
    replica_start(&r, "open_newer");
    rove_id id = replica_account(&r, "Bakery");
    assert_int_equal(sqlite3_exec(r.store->db, "UPDATE _meta SET value = 1000 WHERE key = 'schema'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    replica_close(&r);
    assert_int_equal(rove__store_open(&r.ports, r.folder, &r.store, &r.error), ROVE_UPGRADE);

    /* The newer build still finds everything. */
    sqlite3 *db = NULL;
    char path[REPLICA_PATH_MAX + 32];
    path_in(path, "replica.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE _meta SET value = 1 WHERE key = 'schema'", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    replica_open(&r);
    replica_expect_text(&r, "Account", id, "name", "Bakery");

    assert_int_equal(sqlite3_exec(r.store->db, "PRAGMA user_version = 1000", NULL, NULL, NULL),
                     SQLITE_OK);
    replica_close(&r);
    assert_int_equal(rove__store_open(&r.ports, r.folder, &r.store, &r.error), ROVE_UPGRADE);
}

/* For the superuser, who otherwise can write everywhere; others have nothing to give up. */
static int give_up_all_rights(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2];

    memset(none, 0, sizeof none);
    return syscall(SYS_capset, &header, none) == 0;
}

static void a_folder_that_cannot_be_written_is_said_so(void **state) {
    (void)state;
    replica_start(&r, "open_readonly");
    replica_close(&r);
    char path[REPLICA_PATH_MAX + 32];
    path_in(path, "lock");
    assert_int_equal(chmod(path, 0444), 0);
    path_in(path, "replica.db");
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(r.folder, 0555), 0);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        rove__store *store = NULL;
        if (!give_up_all_rights()) {
            _exit(2);
        }
        _exit(rove__store_open(&r.ports, r.folder, &store, &r.error) == ROVE_READONLY ? 0 : 1);
    }
    int code = -1;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(chmod(r.folder, 0755), 0);
    assert_true(WIFEXITED(code));
    assert_int_equal(WEXITSTATUS(code), 0);
}

static void a_full_disk_rolls_back_and_the_handle_goes_on(void **state) {
    (void)state;
    char pragma[64];
    replica_start(&r, "open_full");
    rove_id id = replica_account(&r, "Bakery");
    int64_t pages = replica_sql(&r, "PRAGMA page_count");
    snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %lld", (long long)pages + 1);
    (void)replica_sql(&r, pragma);

    static char text[16000];
    memset(text, 'x', sizeof text);
    rove__row row = replica_row(&r, "Account", 0);
    replica_set_text(&row, "name", "Too much");
    replica_set(&row, "description", rove__value_bytes(ROVE_TEXT, text, sizeof text));
    replica_begin(&r);
    rove__row first = replica_row(&r, "Account", id);
    replica_set_text(&first, "phone", "1");
    replica_ok(&r, rove__store_update(r.store, &first, &r.error));
    assert_int_equal(rove__store_insert(r.store, &row, &r.error), ROVE_FULL);
    /* The transaction is lost as a whole, and says so. */
    assert_int_equal(rove__store_update(r.store, &first, &r.error), ROVE_FULL);
    assert_int_equal(rove__store_commit(r.store, &r.error), ROVE_FULL);
    replica_expect_null(&r, "Account", id, "phone");
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 1);

    (void)replica_sql(&r, "PRAGMA max_page_count = 1000000");
    row.id = 0;
    (void)replica_insert(&r, &row);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 2);
}

static void a_device_belongs_to_one_user(void **state) {
    (void)state;
    replica_start(&r, "open_owner");
    rove__store_owner other = {REPLICA_NUMBER + 1, REPLICA_USER + 1};
    rove__store_owner nobody = {0, 0};
    rove__store_owner headquarters = {ROVE_REPLICA_HEADQUARTERS, REPLICA_USER};
    assert_int_equal(rove__store_set_owner(r.store, &other, &r.error), ROVE_STATE);
    assert_int_equal(rove__store_set_owner(r.store, &nobody, &r.error), ROVE_INVALID);
    assert_int_equal(rove__store_set_owner(r.store, &headquarters, &r.error), ROVE_INVALID);
    assert_int_equal(r.store->owner.user, REPLICA_USER);
}

static void files_are_kept_as_promised(void **state) {
    (void)state;
    replica_start(&r, "open_settings");
    assert_int_equal(replica_sql(&r, "PRAGMA synchronous"), 2);
    assert_int_equal(replica_sql(&r, "PRAGMA secure_delete"), 1);
    assert_int_equal(replica_sql(&r, "PRAGMA page_size"), 4096);
    assert_int_equal(replica_sql(&r, "PRAGMA mmap_size"), 0);
    assert_int_equal(replica_sql(&r, "PRAGMA temp_store"), 2);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM pragma_journal_mode WHERE"
                                     " journal_mode = 'wal'"),
                     1);
    assert_int_equal(sqlite3_exec(r.store->db,
                                  "PRAGMA writable_schema = ON;"
                                  "DELETE FROM sqlite_schema",
                                  NULL, NULL, NULL),
                     SQLITE_ERROR);
}

static void short_of_memory_opening_fails_cleanly(void **state) {
    (void)state;
    replica_prepare(&r, "open_memory");
    for (size_t n = 1;; n++) {
        r.memory.fail_at = r.memory.calls + n;
        rove_status status = rove__store_open(&r.ports, r.folder, &r.store, NULL);
        int hit = r.memory.calls >= r.memory.fail_at;
        r.memory.fail_at = 0;
        if (status == ROVE_OK) {
            assert_false(hit);
            break;
        }
        assert_int_equal(status, ROVE_NOMEM);
        assert_null(r.store);
        assert_int_equal(r.memory.alive, 0);
    }
    replica_enrol(&r);
    (void)replica_account(&r, "Here at last");
}

static void trusted_time_survives(void **state) {
    (void)state;
    int trusted = 1;
    replica_start(&r, "open_time");
    assert_int_equal(rove__store_now_ms(r.store, &trusted), REPLICA_NOW_MS);
    assert_false(trusted);

    rove__anchor anchor = {REPLICA_NOW_MS + 500000, r.now};
    replica_ok(&r, rove__store_enter(r.store, &r.error));
    rove_status status = rove__meta_put_anchor(r.store, &anchor, &r.error);
    replica_ok(&r, rove__store_leave(r.store, status, &r.error));
    r.now.wall_ms = 0; /* whatever the user does to the wall clock */
    r.now.boot_ms += 1000;
    replica_reopen(&r);
    assert_int_equal(rove__store_now_ms(r.store, &trusted), REPLICA_NOW_MS + 501000);
    assert_true(trusted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
        TEST(what_was_written_is_there_again),
        TEST(a_second_process_is_told_who_has_it),
        TEST(a_killed_process_loses_nothing_that_was_committed),
        TEST(a_damaged_file_is_reported_with_advice),
        TEST(another_database_is_left_alone),
        TEST(a_replica_of_a_newer_build_is_not_opened),
        TEST(a_folder_that_cannot_be_written_is_said_so),
        TEST(a_full_disk_rolls_back_and_the_handle_goes_on),
        TEST(a_device_belongs_to_one_user),
        TEST(files_are_kept_as_promised),
        TEST(short_of_memory_opening_fails_cleanly),
        TEST(trusted_time_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
