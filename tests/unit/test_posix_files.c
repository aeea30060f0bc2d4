/*
 * test_posix_files.c - the files port: durable replacement, bounds, permissions, and the lock between
 * processes. Everything happens below a folder of its own in the working directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "no_sync.h"
#include "posix/posix.h"

typedef struct world {
    rove_files files;
    char folder[64];
    char path[128];
    rove_error error;
} world;

static const char *in_folder(world *w, const char *name) {
    (void)snprintf(w->path, sizeof w->path, "%s/%s", w->folder, name);
    return w->path;
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    rove_posix_files(&w->files);
    (void)snprintf(w->folder, sizeof w->folder, "test_posix_files.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    static const char *const names[] = {"a/b/c", "a/b", "a", "file", "file.tmp", "lock"};
    world *w = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)remove(in_folder(w, names[i]));
    }
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

static mode_t mode_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777;
}

static void test_folders_are_made_with_their_parents(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    assert_int_equal(f->make_folder(f->ctx, in_folder(w, "a//b/c/"), &w->error), ROVE_OK);
    assert_int_equal(mode_of(in_folder(w, "a")), 0700);
    assert_int_equal(mode_of(in_folder(w, "a/b/c")), 0700);
    assert_int_equal(f->make_folder(f->ctx, in_folder(w, "a/b/c"), &w->error), ROVE_OK);
    assert_int_equal(f->make_folder(f->ctx, ".", &w->error), ROVE_OK);
    assert_int_equal(f->replace(f->ctx, in_folder(w, "file"), "x", 1, &w->error), ROVE_OK);
    assert_int_equal(f->make_folder(f->ctx, in_folder(w, "file"), &w->error), ROVE_IO);
    assert_int_equal(w->error.domain, ROVE_DOMAIN_OS);
    assert_int_equal(f->make_folder(f->ctx, in_folder(w, "file/below"), NULL), ROVE_IO);
    assert_int_not_equal(f->make_folder(f->ctx, "", &w->error), ROVE_OK);
}

static void test_replace_and_read(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    const char *path = in_folder(w, "file");
    char bytes[8];
    size_t size = 9;
    assert_int_equal(f->read(f->ctx, path, bytes, sizeof bytes, &size, &w->error), ROVE_NOT_FOUND);
    assert_int_equal(size, 0);
    assert_int_equal(f->replace(f->ctx, path, "first", 5, &w->error), ROVE_OK);
    assert_int_equal(f->replace(f->ctx, path, "new", 3, &w->error), ROVE_OK);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(f->read(f->ctx, path, bytes, sizeof bytes, &size, &w->error), ROVE_OK);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "new", 3);
    assert_int_equal(f->replace(f->ctx, path, "", 0, &w->error), ROVE_OK);
    assert_int_equal(f->read(f->ctx, path, bytes, sizeof bytes, &size, &w->error), ROVE_OK);
    assert_int_equal(size, 0);
}

/* Whoever has it open still reads zeros. */
static void test_erase_overwrites_and_removes(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    const char *path = in_folder(w, "erased");
    static char bytes[200000];
    size_t size = 0;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(f->replace(f->ctx, path, bytes, sizeof bytes, &w->error), ROVE_OK);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(f->erase(f->ctx, path, &w->error), ROVE_OK);
    assert_int_equal(f->read(f->ctx, path, bytes, sizeof bytes, &size, &w->error), ROVE_NOT_FOUND);
    assert_int_equal(read(fd, bytes, sizeof bytes), sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], 0);
    }
    (void)close(fd);
    assert_int_equal(f->erase(f->ctx, path, &w->error), ROVE_OK);
    assert_int_equal(f->erase(f->ctx, w->folder, &w->error), ROVE_IO);
}

static void test_append_makes_and_lengthens(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    const char *path = in_folder(w, "file");
    char bytes[8];
    size_t size = 0;
    assert_int_equal(f->append(f->ctx, path, "one", 3, &w->error), ROVE_OK);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(f->append(f->ctx, path, "two", 3, &w->error), ROVE_OK);
    assert_int_equal(f->append(f->ctx, path, "", 0, &w->error), ROVE_OK);
    assert_int_equal(f->read(f->ctx, path, bytes, sizeof bytes, &size, &w->error), ROVE_OK);
    assert_int_equal(size, 6);
    assert_memory_equal(bytes, "onetwo", 6);
    assert_int_equal(f->append(f->ctx, in_folder(w, "none/file"), "x", 1, &w->error),
                     ROVE_NOT_FOUND);
    assert_int_equal(f->append(f->ctx, w->folder, "x", 1, &w->error), ROVE_IO);
}

static rove_status append_one(world *w) {
    const rove_files *f = &w->files;
    no_sync_folders = 0;
    return f->append(f->ctx, in_folder(w, "file"), "one", 3, &w->error);
}

/* Files may have so many bytes; what a full disk does, too, is to make a file and to leave it empty. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Nobody knows of a file that is there whether its name is on the disk: an earlier append may have failed, or been killed. */
static void test_append_makes_the_name_durable(void **state) {
    world *w = *state;
    struct stat info;
    assert_int_equal(append_one(w), ROVE_OK);
    assert_int_equal(no_sync_folders, 1);
    assert_int_equal(unlink(in_folder(w, "file")), 0);

    for (rlim_t room = 0; room < 3; room++) {
        assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
        limit_files(room);
        rove_status status = append_one(w);
        limit_files(RLIM_INFINITY);
        assert_int_not_equal(status, ROVE_OK);
        assert_int_equal(stat(in_folder(w, "file"), &info), 0);
        assert_int_equal(info.st_size, room);
        assert_int_equal(append_one(w), ROVE_OK);
        assert_int_equal(no_sync_folders, 1);
        assert_int_equal(unlink(in_folder(w, "file")), 0);
    }

    int fd = open(in_folder(w, "file"), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_int_equal(write(fd, "whole", 5), 5); /* and killed before it synced anything */
    (void)close(fd);
    assert_int_equal(append_one(w), ROVE_OK);
    assert_int_equal(no_sync_folders, 1);
}

static void test_read_is_bounded(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    const char *path = in_folder(w, "file");
    char bytes[9];
    size_t size = 0;
    assert_int_equal(f->replace(f->ctx, path, "12345678", 8, &w->error), ROVE_OK);
    assert_int_equal(f->read(f->ctx, path, bytes, 8, &size, &w->error), ROVE_OK);
    assert_int_equal(size, 8);
    assert_int_equal(f->read(f->ctx, path, bytes, 7, &size, &w->error), ROVE_TOO_BIG);
    assert_int_equal(size, 0);
    assert_int_equal(f->read(f->ctx, w->folder, bytes, 8, &size, &w->error), ROVE_IO);
}

static void test_leftover_of_a_crash_does_not_matter(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    char bytes[8];
    size_t size = 0;
    /* A crash left half a file, and it may even be a link to somewhere else. */
    assert_int_equal(symlink("/nonexistent/elsewhere", in_folder(w, "file.tmp")), 0);
    assert_int_equal(f->replace(f->ctx, in_folder(w, "file"), "whole", 5, &w->error), ROVE_OK);
    assert_int_equal(f->read(f->ctx, w->path, bytes, sizeof bytes, &size, &w->error), ROVE_OK);
    assert_int_equal(size, 5);
    assert_int_not_equal(access(in_folder(w, "file.tmp"), F_OK), 0);
}

static void test_failed_replacement_keeps_the_old_file(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    char bytes[8];
    size_t size = 0;
    assert_int_equal(f->replace(f->ctx, in_folder(w, "file"), "old", 3, &w->error), ROVE_OK);
    /* A folder in the place of the temporary file: it cannot be written. */
    assert_int_equal(mkdir(in_folder(w, "file.tmp"), 0700), 0);
    assert_int_not_equal(f->replace(f->ctx, in_folder(w, "file"), "new", 3, &w->error), ROVE_OK);
    assert_non_null(strstr(w->error.message, "file.tmp"));
    assert_int_equal(f->read(f->ctx, w->path, bytes, sizeof bytes, &size, &w->error), ROVE_OK);
    assert_memory_equal(bytes, "old", 3);
    assert_int_equal(f->replace(f->ctx, in_folder(w, "none/file"), "new", 3, NULL), ROVE_NOT_FOUND);
}

static void test_remove(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    const char *path = in_folder(w, "file");
    assert_int_equal(f->remove(f->ctx, path, &w->error), ROVE_OK);
    assert_int_equal(f->replace(f->ctx, path, "x", 1, &w->error), ROVE_OK);
    assert_int_equal(f->remove(f->ctx, path, &w->error), ROVE_OK);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* A process that holds the lock until it is killed or `go` is closed; returns once it holds it. */
static pid_t start_holder(world *w, const char *path, int *go) {
    int ready[2];
    int until[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(until), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        void *lock = NULL;
        (void)close(until[1]);
        rove_status status = w->files.lock(w->files.ctx, path, &lock, NULL);
        (void)!write(ready[1], status == ROVE_OK ? "y" : "n", 1);
        (void)!read(until[0], &byte, 1);
        w->files.unlock(w->files.ctx, lock);
        _exit(0);
    }
    (void)close(ready[1]);
    (void)close(until[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    (void)close(ready[0]);
    *go = until[1];
    return pid;
}

static void test_lock_is_busy_and_names_the_holder(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    const char *path = in_folder(w, "lock");
    void *lock = &lock;
    char pid_text[32];
    int go = -1;
    pid_t holder = start_holder(w, path, &go);
    assert_int_equal(f->lock(f->ctx, path, &lock, &w->error), ROVE_BUSY);
    assert_null(lock);
    (void)snprintf(pid_text, sizeof pid_text, "Process %ld ", (long)holder);
    assert_non_null(strstr(w->error.message, pid_text));
    (void)close(go);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    assert_int_equal(f->lock(f->ctx, path, &lock, &w->error), ROVE_OK);
    assert_non_null(lock);
    f->unlock(f->ctx, lock);
}

static void test_lock_ends_with_a_killed_process(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    const char *path = in_folder(w, "lock");
    void *lock = NULL;
    char bytes[32] = "";
    char own[32];
    size_t size = 0;
    int go = -1;
    pid_t holder = start_holder(w, path, &go);
    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    (void)close(go);
    assert_int_equal(f->lock(f->ctx, path, &lock, &w->error), ROVE_OK);
    assert_int_equal(f->read(f->ctx, path, bytes, sizeof bytes - 1, &size, &w->error), ROVE_OK);
    (void)snprintf(own, sizeof own, "%ld\n", (long)getpid());
    assert_string_equal(bytes, own);
    f->unlock(f->ctx, lock);
}

static void test_lock_holds_within_a_process(void **state) {
    world *w = *state;
    const rove_files *f = &w->files;
    const char *path = in_folder(w, "lock");
    void *first = NULL;
    void *second = NULL;
    assert_int_equal(f->lock(f->ctx, path, &first, &w->error), ROVE_OK);
    assert_int_equal(f->lock(f->ctx, path, &second, &w->error), ROVE_BUSY);
    f->unlock(f->ctx, first);
    assert_int_equal(f->lock(f->ctx, path, &second, &w->error), ROVE_OK);
    f->unlock(f->ctx, second);
    f->unlock(f->ctx, NULL);
    assert_int_equal(f->lock(f->ctx, in_folder(w, "none/lock"), &first, &w->error), ROVE_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_folders_are_made_with_their_parents),
        TEST(test_replace_and_read),
        TEST(test_append_makes_and_lengthens),
        TEST(test_append_makes_the_name_durable),
        TEST(test_erase_overwrites_and_removes),
        TEST(test_read_is_bounded),
        TEST(test_leftover_of_a_crash_does_not_matter),
        TEST(test_failed_replacement_keeps_the_old_file),
        TEST(test_remove),
        TEST(test_lock_is_busy_and_names_the_holder),
        TEST(test_lock_ends_with_a_killed_process),
        TEST(test_lock_holds_within_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
