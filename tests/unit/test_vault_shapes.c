/*
 * test_vault_shapes.c - the sealing VFS called as SQLite calls it, and as it should not: what is not one of the shapes that are
 * known is refused, and nothing is written. Also the first look at a file, with each call of it failing.
 */
#include "safe.h"

#include "faults.h"

#define DATABASE (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB)
#define LOG      (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL)
#define JOURNAL  (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL)

static safe s;
static sqlite3_filename names; /* of the database, its log and its journal */
static sqlite3_file *file;

static int start(void **state) {
    char journal[SAFE_PATH_MAX + 32];
    char log[SAFE_PATH_MAX + 32];

    (void)state;
    safe_make(&s, "vault_shapes", SAFE_OPENSSL);
    safe_open(&s);
    snprintf(journal, sizeof journal, "%s-journal", s.vfs.path);
    snprintf(log, sizeof log, "%s-wal", s.vfs.path);
    names = sqlite3_create_filename(s.vfs.path, journal, log, 0, NULL);
    file = calloc(1, (size_t)s.vfs.vfs.szOsFile);
    assert_non_null(names);
    assert_non_null(file);
    return 0;
}

static int end(void **state) {
    (void)state;
    if (file->pMethods != NULL) {
        (void)file->pMethods->xClose(file);
    }
    free(file);
    sqlite3_free_filename(names);
    safe_close(&s);
    safe_end(&s);
    return 0;
}

static int open_as(sqlite3_filename name, int flags) {
    if (file->pMethods != NULL) {
        (void)file->pMethods->xClose(file);
    }
    memset(file, 0, (size_t)s.vfs.vfs.szOsFile);
    return s.vfs.vfs.xOpen(&s.vfs.vfs, name, file, flags, NULL);
}

/* A log or a journal, which take their mode from the database. */
static void open_beside(sqlite3_filename name, int flags) {
    safe_write(s.path, "", 0);
    assert_int_equal(open_as(name, flags), SQLITE_OK);
}

static int put(int size, sqlite3_int64 at) {
    static uint8_t bytes[16384];
    return file->pMethods->xWrite(file, bytes, size, at);
}

static uint8_t got[16384];

static int get(int size, sqlite3_int64 at) {
    memset(got, 0x5a, sizeof got);
    return file->pMethods->xRead(file, got, size, at);
}

static sqlite3_int64 size_now(void) {
    sqlite3_int64 size = -1;
    assert_int_equal(file->pMethods->xFileSize(file, &size), SQLITE_OK);
    return size;
}

static void expect_zeros(size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        assert_int_equal(got[i], 0);
    }
}

static void files_of_other_kinds_are_not_opened(void **state) {
    static const int kinds[] = {SQLITE_OPEN_TEMP_DB, SQLITE_OPEN_TRANSIENT_DB,
                                SQLITE_OPEN_TEMP_JOURNAL, SQLITE_OPEN_SUBJOURNAL,
                                SQLITE_OPEN_SUPER_JOURNAL};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | kinds[i];
        assert_int_equal(open_as(names, flags), SQLITE_CANTOPEN);
        assert_null(file->pMethods);
        assert_int_equal(open_as(NULL, flags), SQLITE_CANTOPEN);
    }
    assert_int_equal(open_as(NULL, DATABASE), SQLITE_CANTOPEN);
    assert_int_equal(open_as(sqlite3_filename_wal(names), DATABASE), SQLITE_CANTOPEN);
    assert_int_equal(access(s.path, F_OK), -1);
    assert_int_equal(access(s.log, F_OK), -1);
}

static void pages_are_written_whole(void **state) {
    static uint8_t page[4096];

    (void)state;
    assert_int_equal(open_as(names, DATABASE), SQLITE_OK);
    assert_int_equal(put(512, 0), SQLITE_IOERR_WRITE);
    assert_int_equal(put(4095, 0), SQLITE_IOERR_WRITE);
    assert_int_equal(put(8192, 0), SQLITE_IOERR_WRITE);
    assert_int_equal(put(4096, 512), SQLITE_IOERR_WRITE);
    for (size_t i = 4064; i < 4096; i++) { /* where the seal will lie */
        page[i] = 1;
        assert_int_equal(file->pMethods->xWrite(file, page, 4096, 0), SQLITE_IOERR_WRITE);
        page[i] = 0;
    }
    assert_int_equal(size_now(), 0);
    page[4063] = 7;
    assert_int_equal(file->pMethods->xWrite(file, page, 4096, 4096), SQLITE_OK);
    assert_int_equal(size_now(), 8192);
    assert_int_equal(file->pMethods->xSectorSize(file), 4096);
}

static void pages_are_read_in_any_part(void **state) {
    static uint8_t page[4096];

    (void)state;
    assert_int_equal(open_as(names, DATABASE), SQLITE_OK);
    assert_int_equal(get(100, 0), SQLITE_IOERR_SHORT_READ); /* it is empty */
    expect_zeros(0, 100);
    for (int n = 0; n < 3; n++) {
        memset(page, 'a' + n, 4064);
        assert_int_equal(file->pMethods->xWrite(file, page, 4096, n * 4096), SQLITE_OK);
    }
    assert_int_equal(get(16, 4096 + 24), SQLITE_OK);
    assert_int_equal(got[0], 'b');
    assert_int_equal(got[15], 'b');
    assert_int_equal(get(8192, 2000), SQLITE_OK);
    assert_int_equal(got[0], 'a');
    expect_zeros(2064, 2096);
    assert_int_equal(got[2096], 'b');
    assert_int_equal(got[8191], 'c');
    assert_int_equal(get(20, 4070), SQLITE_OK); /* of the seal alone */
    expect_zeros(0, 20);
    assert_int_equal(get(4096, 3 * 4096), SQLITE_IOERR_DATA); /* no page of ours ends there */
    expect_zeros(0, 4096);
    assert_int_equal(get(8192, 2 * 4096), SQLITE_IOERR_DATA);
    expect_zeros(4096, 8192);
    assert_int_equal(get(8192, 3 * 4096), SQLITE_IOERR_DATA);
    expect_zeros(0, 8192);
}

static void a_log_is_written_in_its_parts(void **state) {
    static const struct {
        int size;
        sqlite3_int64 at;
    } wrong[] = {{31, 0},   {32, 1},  {64, 0},         {16, 32},   {4096, 32},
                 {24, 56},  {24, 33}, {4120, 32},      {2048, 56}, {4096, 57},
                 {4096, 0}, {24, 8},  {4096 - 24, 56}, {8, 24}};

    (void)state;
    open_beside(sqlite3_filename_wal(names), LOG);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(put(wrong[i].size, wrong[i].at), SQLITE_IOERR_WRITE);
    }
    safe_bytes bytes = safe_read(s.log);
    assert_int_equal(bytes.size, 0);
    free(bytes.data);
    assert_int_equal(put(32, 0), SQLITE_OK);
    assert_int_equal(size_now(), 32);
    assert_int_equal(put(24, 32), SQLITE_OK);
    assert_int_equal(size_now(), 32); /* whole frames count */
    assert_int_equal(put(4096, 56), SQLITE_OK);
    assert_int_equal(size_now(), 32 + 4120);
    assert_int_equal(get(4120, 32), SQLITE_OK);
    assert_int_equal(get(8, 48), SQLITE_OK);
    assert_int_equal(get(100, 0), SQLITE_OK);
    assert_int_equal(get(4120, 32 + 4120), SQLITE_IOERR_SHORT_READ);
    expect_zeros(0, 4120);
    assert_int_equal(file->pMethods->xTruncate(file, 32), SQLITE_OK);
    assert_int_equal(size_now(), 32);
    assert_int_equal(file->pMethods->xTruncate(file, 0), SQLITE_OK);
    bytes = safe_read(s.log);
    assert_int_equal(bytes.size, 0);
    free(bytes.data);
}

/* Only what is asked for from a frame's begin to its end may be the end of the log. */
static void a_torn_part_of_a_log_is_an_error(void **state) {
    (void)state;
    open_beside(sqlite3_filename_wal(names), LOG);
    assert_int_equal(put(32, 0), SQLITE_OK);
    assert_int_equal(put(24, 32), SQLITE_OK);
    assert_int_equal(put(4096, 56), SQLITE_OK);
    safe_flip(s.log, 3);
    safe_flip(s.log, 64 + 3);
    assert_int_equal(get(32, 0), SQLITE_OK);
    expect_zeros(0, 32);
    assert_int_equal(get(8, 24), SQLITE_IOERR_DATA);
    assert_int_equal(get(24, 0), SQLITE_IOERR_DATA);
    assert_int_equal(get(4120, 32), SQLITE_OK);
    expect_zeros(0, 4120);
    assert_int_equal(get(24, 32), SQLITE_IOERR_DATA);
    assert_int_equal(get(8, 48), SQLITE_IOERR_DATA);
    assert_int_equal(get(4096, 56), SQLITE_OK); /* it is whole */
}

static void a_journal_is_its_head(void **state) {
    (void)state;
    open_beside(sqlite3_filename_journal(names), JOURNAL);
    assert_int_equal(put(4, 512), SQLITE_IOERR_WRITE);
    assert_int_equal(put(513, 0), SQLITE_IOERR_WRITE);
    assert_int_equal(put(1, 512), SQLITE_IOERR_WRITE);
    assert_int_equal(put(1, -1), SQLITE_IOERR_WRITE);
    assert_int_equal(put(-1, 0), SQLITE_IOERR_WRITE);
    assert_int_equal(put(512, 0), SQLITE_OK);
    assert_int_equal(size_now(), 512);
    char path[SAFE_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s-journal", s.path);
    FILE *more = fopen(path, "ab");
    assert_non_null(more);
    for (int i = 0; i < 5000; i++) {
        (void)fputc('X', more);
    }
    assert_int_equal(fclose(more), 0);
    assert_int_equal(size_now(), 512);
    assert_int_equal(get(20, 512), SQLITE_IOERR_SHORT_READ);
    expect_zeros(0, 20);
    assert_int_equal(get(20, 500), SQLITE_IOERR_SHORT_READ);
    expect_zeros(0, 20);
    assert_int_equal(file->pMethods->xTruncate(file, 0), SQLITE_OK);
    assert_int_equal(size_now(), 0);
}

static void what_is_not_about_files_is_the_real_ones(void **state) {
    sqlite3_vfs *vfs = &s.vfs.vfs;
    char bytes[8] = {0};
    double days = 0;

    (void)state;
    assert_int_equal(vfs->xRandomness(vfs, sizeof bytes, bytes), sizeof bytes);
    assert_true(vfs->xSleep(vfs, 1) >= 1);
    assert_int_equal(vfs->xCurrentTime(vfs, &days), SQLITE_OK);
    assert_true(days > 2440587.5);
    rove__vfs none;
    assert_int_equal(rove__vfs_open(&none, &s.allocator, "no such", &s.vault, s.path),
                     SQLITE_NOTFOUND);
    rove__vfs_close(&none);
}

/* ---- a real one that fails ------------------------------------------------------------------------------ */

/* Opens again over that VFS. */
static void over(const char *real) {
    safe_close(&s);
    s.real = real;
    safe_open(&s);
    free(file);
    file = calloc(1, (size_t)s.vfs.vfs.szOsFile);
    assert_non_null(file);
}

static void what_fails_below_is_what_comes(void **state) {
    (void)state;
    over(FAULTS_VFS);
    assert_int_equal(open_as(names, DATABASE), SQLITE_OK);
    assert_int_equal(put(4096, 0), SQLITE_OK);
    faults_arm(&faults_io, 1, 0, SQLITE_IOERR_WRITE);
    assert_int_equal(get(4096, 0), SQLITE_IOERR_READ);
    faults_arm(&faults_io, 2, 0, SQLITE_IOERR_WRITE); /* it is too short; by how much? */
    assert_int_equal(get(4096, 4096), SQLITE_IOERR_FSTAT);
    faults_arm(&faults_io, 1, 0, SQLITE_FULL);
    assert_int_equal(put(4096, 4096), SQLITE_FULL);
    faults_arm(&faults_io, 0, 0, 0);
    assert_int_equal(open_as(sqlite3_filename_journal(names), JOURNAL), SQLITE_OK);
    assert_int_equal(put(512, 0), SQLITE_OK);
    faults_arm(&faults_io, 1, 0, SQLITE_IOERR_WRITE);
    assert_int_equal(get(600, 0), SQLITE_IOERR_READ);
    faults_arm(&faults_io, 0, 0, 0);
    (void)file->pMethods->xClose(file);
    file->pMethods = NULL;
}

static int closed;

static int count_close(sqlite3_file *real) {
    (void)real;
    closed++;
    return SQLITE_OK;
}

/* As SQLite allows: it fails, and is to be closed. */
static int fail_to_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *real, int flags,
                        int *out_flags) {
    static const sqlite3_io_methods methods = {.iVersion = 1, .xClose = count_close};

    (void)vfs;
    (void)name;
    (void)flags;
    (void)out_flags;
    real->pMethods = &methods;
    return SQLITE_CANTOPEN;
}

static void what_failed_to_open_is_closed(void **state) {
    sqlite3_vfs failing = *sqlite3_vfs_find(NULL);

    (void)state;
    failing.zName = "failing";
    failing.xOpen = fail_to_open;
    assert_int_equal(sqlite3_vfs_register(&failing, 0), SQLITE_OK);
    over("failing");
    assert_int_equal(open_as(names, DATABASE), SQLITE_CANTOPEN);
    assert_null(file->pMethods);
    assert_int_equal(closed, 1);
    over(NULL);
    (void)sqlite3_vfs_unregister(&failing);
}

/* By a link too: SQLite names what it points at. */
static void the_path_may_lead_over_a_link(void **state) {
    (void)state;
    (void)unlink("vault_shapes_link");
    assert_int_equal(symlink("vault_shapes", "vault_shapes_link"), 0);
    safe_close(&s);
    snprintf(s.path, sizeof s.path, "vault_shapes_link/sealed.db");
    safe_open(&s);
    sqlite3 *db = safe_connect(&s);
    safe_ok(db, "CREATE TABLE a(b)");
    safe_disconnect(db);
    assert_int_equal(unlink("vault_shapes_link"), 0);
    snprintf(s.path, sizeof s.path, "vault_shapes/sealed.db");
    assert_int_equal(access(s.path, F_OK), 0);
}

/* ---- the first look ------------------------------------------------------------------------------------- */

static void a_look_says_what_fails(void **state) {
    rove__vfs_content content = ROVE_VFS_OTHER;
    uint8_t zeros[4096] = {0};

    (void)state;
    safe_write(s.path, "SQLite format 3", 16);
    for (size_t fail_at = 1; fail_at <= 3; fail_at++) { /* access, open, read */
        faults_arm(&faults_io, fail_at, 0, SQLITE_IOERR_WRITE);
        int code = rove__vfs_look(FAULTS_VFS, &s.allocator, s.path, &content);
        assert_true((code & 0xff) == SQLITE_IOERR || code == SQLITE_CANTOPEN);
        assert_int_equal(content, ROVE_VFS_NOTHING);
    }
    faults_arm(&faults_io, 0, 0, 0);
    s.memory.fail_at = s.memory.calls + 1;
    assert_int_equal(rove__vfs_look(FAULTS_VFS, &s.allocator, s.path, &content), SQLITE_NOMEM);
    s.memory.fail_at = 0;
    faults_arm(&faults_memory, 1, 1, 0);
    assert_int_equal(rove__vfs_look(FAULTS_VFS, &s.allocator, s.path, &content), SQLITE_NOMEM);
    faults_arm(&faults_memory, 0, 0, 0);
    assert_int_equal(rove__vfs_look(FAULTS_VFS, &s.allocator, s.path, &content), SQLITE_OK);
    assert_int_equal(content, ROVE_VFS_PLAIN);
    safe_write(s.path, "SQ", 2); /* shorter than any head */
    assert_int_equal(rove__vfs_look(NULL, &s.allocator, s.path, &content), SQLITE_OK);
    assert_int_equal(content, ROVE_VFS_OTHER);
    safe_write(s.path, zeros, sizeof zeros); /* what a power cut may leave of a new one */
    assert_int_equal(rove__vfs_look(NULL, &s.allocator, s.path, &content), SQLITE_OK);
    assert_int_equal(content, ROVE_VFS_NOTHING);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(files_of_other_kinds_are_not_opened),
        TEST(pages_are_written_whole),
        TEST(pages_are_read_in_any_part),
        TEST(a_log_is_written_in_its_parts),
        TEST(a_torn_part_of_a_log_is_an_error),
        TEST(a_journal_is_its_head),
        TEST(what_is_not_about_files_is_the_real_ones),
        TEST(what_fails_below_is_what_comes),
        TEST(what_failed_to_open_is_closed),
        TEST(the_path_may_lead_over_a_link),
        TEST(a_look_says_what_fails),
    };

    if (faults_register_memory() != SQLITE_OK || sqlite3_initialize() != SQLITE_OK ||
        faults_register_vfs() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
