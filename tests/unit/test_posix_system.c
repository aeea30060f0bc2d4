/*
 * test_posix_system.c - the small ports: clock, random, allocator and log; and the secret in a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix/posix.h"

static void test_boot_clock_never_runs_back(void **state) {
    (void)state;
    rove_clock clock;
    rove_clock_reading last;
    rove_clock_reading next;
    rove_posix_clock(&clock);
    clock.read(clock.ctx, &last);
    assert_true(last.boot_ms > 0);
    assert_true(last.wall_ms > INT64_C(1500000000000)); /* 2017: ms, not seconds */
    for (int i = 0; i < 10000; i++) {
        clock.read(clock.ctx, &next);
        assert_true(next.boot_ms >= last.boot_ms);
        assert_memory_equal(next.boot_id, last.boot_id, ROVE_BOOT_ID_SIZE);
        last = next;
    }
}

static void test_boot_id_is_the_kernels(void **state) {
    (void)state;
    char uuid[64] = "";
    char hex[2 * ROVE_BOOT_ID_SIZE + 1] = "";
    rove_clock clock;
    rove_clock_reading reading;
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (file == NULL) {
        skip();
        return;
    }
    assert_non_null(fgets(uuid, sizeof uuid, file));
    (void)fclose(file);
    rove_posix_clock(&clock);
    clock.read(clock.ctx, &reading);
    for (size_t i = 0; i < ROVE_BOOT_ID_SIZE; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", reading.boot_id[i]);
    }
    assert_memory_equal(hex, uuid, 8); /* up to the first dash */
    assert_memory_equal(hex + 20, uuid + 24, 12);
}

static void test_skew_moves_the_wall_clock_alone(void **state) {
    (void)state;
    const int64_t year_ms = INT64_C(31536000000);
    rove_clock clock;
    rove_clock_reading before;
    rove_clock_reading after;
    rove_posix_clock(&clock);
    clock.read(clock.ctx, &before);
    rove_posix_clock_skew(-10 * year_ms);
    clock.read(clock.ctx, &after);
    rove_posix_clock_skew(0);
    assert_true(after.wall_ms < before.wall_ms - 9 * year_ms);
    assert_true(after.boot_ms - before.boot_ms < year_ms);
    clock.read(clock.ctx, &after);
    assert_true(after.wall_ms > before.wall_ms - year_ms);
}

static void test_random_fills_everything(void **state) {
    (void)state;
    static uint8_t bytes[100000];
    rove_random random;
    size_t zeros = 0;
    rove_posix_random(&random);
    assert_int_equal(random.fill(random.ctx, bytes, sizeof bytes), ROVE_OK);
    for (size_t i = 0; i < sizeof bytes; i++) {
        zeros += bytes[i] == 0;
    }
    assert_true(zeros < 1000); /* 391 are expected; an unfilled page would be 4096 */
    bytes[0] = 7;
    assert_int_equal(random.fill(random.ctx, bytes, 0), ROVE_OK);
    assert_int_equal(bytes[0], 7);
}

static void test_allocator(void **state) {
    (void)state;
    rove_allocator allocator;
    rove_posix_allocator(&allocator);
    char *text = allocator.resize(allocator.ctx, NULL, 4);
    assert_non_null(text);
    memcpy(text, "abc", 4);
    text = allocator.resize(allocator.ctx, text, 100000);
    assert_non_null(text);
    assert_string_equal(text, "abc");
    assert_null(allocator.resize(allocator.ctx, text, 0));
    assert_null(allocator.resize(allocator.ctx, NULL, 0));
}

/* What the log writes to standard error for one report. */
static void capture(rove_log_level level, const char *module, const char *text, char *out,
                    size_t capacity) {
    rove_log log;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    rove_posix_log_stderr(&log, ROVE_LOG_INFO);
    log.write(log.ctx, level, module, text);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    (void)close(ends[1]);
    ssize_t size = read(ends[0], out, capacity - 1);
    (void)close(ends[0]);
    assert_true(size > 0);
    out[size] = '\0';
}

static void test_log_is_one_line(void **state) {
    (void)state;
    static char text[4000];
    char line[5000];
    capture(ROVE_LOG_WARN, "sync", "two\nlines", line, sizeof line);
    assert_non_null(strstr(line, "Z warn sync: two?lines\n"));
    assert_int_equal(line[4], '-');
    assert_int_equal(line[19], '.');
    memset(text, 'x', sizeof text - 1);
    capture(ROVE_LOG_ERROR, "store", text, line, sizeof line);
    assert_int_equal(strlen(line), 1024);
    assert_int_equal(line[1023], '\n');
}

enum { ASKERS = 8 };

typedef struct asker {
    pthread_t thread;
    pthread_barrier_t *together;
    const char *path;
    uint8_t secret[ROVE_SECRET_SIZE];
    rove_status status;
} asker;

static void *ask_secret(void *ctx) {
    asker *self = ctx;
    (void)pthread_barrier_wait(self->together);
    self->status = rove_posix_secret_file(self->path, self->secret, NULL);
    return NULL;
}

/* Several replicas are set up at once, and none was there: a secret that another one replaced would open nothing any more. */
static void test_secret_is_one_for_all(void **state) {
    (void)state;
    asker askers[ASKERS];
    pthread_barrier_t together;
    char folder[] = "secret.XXXXXX";
    char path[64];
    uint8_t kept[ROVE_SECRET_SIZE];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/secret", folder);
    assert_int_equal(pthread_barrier_init(&together, NULL, ASKERS), 0);
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < ASKERS; i++) {
            askers[i] = (asker){.together = &together, .path = path};
            assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_secret, &askers[i]), 0);
        }
        for (size_t i = 0; i < ASKERS; i++) {
            assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        }
        assert_int_equal(rove_posix_secret_file(path, kept, NULL), ROVE_OK);
        for (size_t i = 0; i < ASKERS; i++) {
            assert_int_equal(askers[i].status, ROVE_OK);
            assert_memory_equal(askers[i].secret, kept, sizeof kept);
        }
        assert_int_equal(unlink(path), 0);
    }
    (void)pthread_barrier_destroy(&together);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boot_clock_never_runs_back),
        cmocka_unit_test(test_boot_id_is_the_kernels),
        cmocka_unit_test(test_skew_moves_the_wall_clock_alone),
        cmocka_unit_test(test_random_fills_everything),
        cmocka_unit_test(test_allocator),
        cmocka_unit_test(test_log_is_one_line),
        cmocka_unit_test(test_secret_is_one_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
