/*
 * test_hq_control.c - commands through the process that has the folder: what they print and return arrives, whoever asks
 * wrongly does no harm, and stopping waits for what runs.
 */
#include "headquarters.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "control.h"

typedef struct world {
    headquarters h;
    control *control;
    said said;
    rove_error error;
} world;

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_start(&w->h);
    assert_int_equal(control_start(w->h.hq, &w->control, &w->error), ROVE_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    control_stop(w->control);
    headquarters_end(&w->h);
    free(w);
    return 0;
}

/* A command from outside, as rove-hq sends it; the exit code, or -1 with w->error. */
static int call(world *w, hq_io *io, const char *a, const char *b, const char *c) {
    const char *const words[] = {a, b, c};
    char *argv[4] = {NULL, NULL, NULL, NULL};
    int argc = 0;
    int code = -1;
    while (argc < 3 && words[argc] != NULL) {
        argv[argc] = rove__alloc_text(&w->h.ports.allocator, words[argc]);
        argc++;
    }
    memset(&w->error, 0, sizeof w->error);
    rove_status status =
        control_call(&w->h.ports.allocator, w->h.folder, io, argc, argv, &code, &w->error);
    for (int i = 0; i < argc; i++) {
        rove__free(&w->h.ports.allocator, argv[i]);
    }
    return status == ROVE_OK ? code : -1;
}

static void test_prints_and_returns(void **state) {
    world *w = *state;
    hq_io io = said_io(&w->said);
    assert_int_equal(call(w, &io, "status", NULL, NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(w->said.out, "timeline"));
    assert_string_equal(w->said.err, "");
    io = said_io(&w->said);
    io.json = 1;
    assert_int_equal(call(w, &io, "status", NULL, NULL), HQ_EXIT_DONE);
    assert_string_equal(said_member(&w->said, "head"), "1");
    io = said_io(&w->said);
    assert_int_equal(call(w, &io, "revoke", "99", NULL), HQ_EXIT_NOT_FOUND);
    assert_non_null(strstr(w->said.err, "no device 99"));
    assert_string_equal(w->said.out, "");
    assert_int_equal(call(w, &io, "status", "--nonsense", NULL), HQ_EXIT_USAGE);
    assert_int_equal(call(w, &io, "no-such-command", NULL, NULL), HQ_EXIT_USAGE);
}

static rove_status newest_act(void *ctx, const rove__hq_act *act) {
    said *s = ctx;
    s->out_size = (size_t)snprintf(s->out, sizeof s->out, "%s by %s", act->act, act->operator_name);
    return ROVE_DONE;
}

typedef struct reading {
    hq *hq;
    said said;
} reading;

static rove_status read_newest_act(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reading *self = ctx;
    (void)error;
    return hq_database(self->hq)->directory.act_scan(tx, newest_act, &self->said);
}

static void test_the_operator_is_recorded(void **state) {
    world *w = *state;
    reading acts = {.hq = w->h.hq};
    hq_io io = said_io(&w->said);
    io.operator_name = "Zoë Ó Briain";
    (void)headquarters_user_put(&w->h, 0, "jo", 1);
    assert_int_equal(call(w, &io, "enroll-code", "--user", "jo"), HQ_EXIT_DONE);
    assert_int_equal(hq_read(w->h.hq, read_newest_act, &acts, NULL), ROVE_OK);
    assert_string_equal(acts.said.out, "enroll-code by Zoë Ó Briain");
}

static void test_only_the_owner_reaches_it(void **state) {
    world *w = *state;
    struct stat info;
    char path[200];
    headquarters_path(&w->h, "control", path, sizeof path);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void test_nobody_serves(void **state) {
    world *w = *state;
    hq_io io = said_io(&w->said);
    char path[200];
    int code = -1;
    char name[] = "status";
    char *argv[] = {name, NULL};
    control_stop(w->control);
    w->control = NULL;
    headquarters_path(&w->h, "control", path, sizeof path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(control_call(&w->h.ports.allocator, w->h.folder, &io, 1, argv, &code, NULL),
                     ROVE_NOT_FOUND);
    /* A socket that a killed process left behind is nobody either, and in nobody's way. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    headquarters_path(&w->h, "control", address.sun_path, sizeof address.sun_path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    (void)close(stale);
    assert_int_equal(control_call(&w->h.ports.allocator, w->h.folder, &io, 1, argv, &code, NULL),
                     ROVE_NOT_FOUND);
    assert_int_equal(control_start(w->h.hq, &w->control, &w->error), ROVE_OK);
    assert_int_equal(call(w, &io, "status", NULL, NULL), HQ_EXIT_DONE);
}

/* ---- those who ask wrongly ------------------------------------------------------------------------------ */

static int reach(world *w) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    headquarters_path(&w->h, "control", address.sun_path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Sends bytes, says that nothing follows, and reads until the other side ends. */
static void ask_wrongly(world *w, const void *bytes, size_t size) {
    char answer[512];
    int fd = reach(w);
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, answer, sizeof answer, 0) > 0) {
    }
    (void)close(fd);
}

static void test_hostile_requests(void **state) {
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1, 0};
    static const uint8_t empty[] = {0, 0, 0, 0};
    static const uint8_t version[] = {0, 0, 0, 5, 9, 0, 0, 0, 0};
    static const uint8_t no_arguments[] = {0, 0, 0, 5, 1, 0, 0, 0, 0};
    static const uint8_t too_many[] = {0, 0, 0, 9, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f};
    static const uint8_t cut_argument[] = {0, 0, 0, 7, 1, 0, 0, 0, 1, 100, 'a'};
    static const uint8_t with_nul[] = {0, 0, 0, 9, 1, 0, 0, 0, 1, 3, 'a', 0, 'b'};
    world *w = *state;
    hq_io io = said_io(&w->said);
    ask_wrongly(w, huge, sizeof huge);
    ask_wrongly(w, huge, 3);
    ask_wrongly(w, empty, sizeof empty);
    ask_wrongly(w, version, sizeof version);
    ask_wrongly(w, no_arguments, sizeof no_arguments);
    ask_wrongly(w, too_many, sizeof too_many);
    ask_wrongly(w, cut_argument, sizeof cut_argument);
    ask_wrongly(w, with_nul, sizeof with_nul);
    assert_int_equal(call(w, &io, "status", NULL, NULL), HQ_EXIT_DONE);
}

/* Callers who never ask take every place; stopping ends them all the same. */
static void test_silent_callers(void **state) {
    world *w = *state;
    int silent[CONTROL_COMMANDS_MAX + 3];
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        silent[i] = reach(w);
    }
    control_stop(w->control);
    w->control = NULL;
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        char byte;
        assert_true(recv(silent[i], &byte, 1, 0) <= 0);
        (void)close(silent[i]);
    }
}

/* ---- many at once --------------------------------------------------------------------------------------- */

typedef struct asker {
    world *w;
    pthread_t thread;
    said said;
    int code;
} asker;

static void *ask_often(void *ctx) {
    asker *self = ctx;
    char name[] = "status";
    char *argv[] = {name, NULL};
    for (int i = 0; i < 10 && self->code == 0; i++) {
        hq_io io = said_io(&self->said);
        if (control_call(&self->w->h.ports.allocator, self->w->h.folder, &io, 1, argv, &self->code,
                         NULL) != ROVE_OK ||
            strstr(self->said.out, "timeline") == NULL) {
            self->code = -1;
        }
    }
    return NULL;
}

static void test_many_callers(void **state) {
    static asker askers[2 * CONTROL_COMMANDS_MAX];
    const size_t count = sizeof askers / sizeof askers[0];
    for (size_t i = 0; i < count; i++) {
        askers[i].w = *state;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_often, &askers[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].code, 0);
    }
}

/* ---- want of descriptors -------------------------------------------------------------------------------- */

static void limit_descriptors(rlim_t most) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void tell_refused(void *ctx, rove_log_level level, const char *module, const char *text) {
    (void)level;
    (void)module;
    if (strstr(text, "accepting failed") != NULL) {
        (void)sem_post(ctx);
    }
}

/* Who has all of them for a while, as many devices may, does not lock the operators out. */
static void test_descriptors_run_out_for_a_while(void **state) {
    world *w = *state;
    struct rlimit before;
    sem_t refused;
    hq_io io = said_io(&w->said);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    control_stop(w->control);
    w->control = NULL;
    headquarters_end(&w->h);
    headquarters_prepare(&w->h);
    assert_int_equal(sem_init(&refused, 0, 0), 0);
    w->h.ports.log = (rove_log){tell_refused, &refused, ROVE_LOG_ERROR};
    assert_int_equal(headquarters_init(&w->h, "Acme"), ROVE_OK);
    headquarters_open(&w->h);
    assert_int_equal(control_start(w->h.hq, &w->control, &w->error), ROVE_OK);

    headquarters_path(&w->h, "control", address.sun_path, sizeof address.sun_path);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int next = dup(fd);
    assert_true(fd >= 0 && next >= 0);
    (void)close(next);
    limit_descriptors((rlim_t)next);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(sem_wait(&refused), 0);
    limit_descriptors(before.rlim_cur);
    (void)close(fd);
    assert_int_equal(call(w, &io, "status", NULL, NULL), HQ_EXIT_DONE);
    control_stop(w->control);
    w->control = NULL;
    (void)sem_destroy(&refused);
}

/* Where the folder's path is longer than a socket's name may be. */
static void test_long_path(void **state) {
    world *w = *state;
    char folder[400];
    headquarters deep;
    hq_io io = said_io(&w->said);
    int code = -1;
    char name[] = "status";
    char *argv[] = {name, NULL};
    control *commands = NULL;
    (void)snprintf(folder, sizeof folder, "%s/%0150d", w->h.folder, 1);
    headquarters_prepare(&deep);
    static const char *const host = "localhost";
    hq_init_options options = {
        .name = "Deep", .hosts = &host, .host_count = 1, .operator_name = "tester"};
    assert_int_equal(hq_init(&deep.ports, folder, &options, &w->error), ROVE_OK);
    assert_int_equal(hq_open(&deep.ports, folder, &deep.hq, &w->error), ROVE_OK);
    assert_int_equal(control_start(deep.hq, &commands, &w->error), ROVE_OK);
    assert_int_equal(control_call(&deep.ports.allocator, folder, &io, 1, argv, &code, &w->error),
                     ROVE_OK);
    assert_int_equal(code, 0);
    control_stop(commands);
    headquarters_end(&deep);
    char command[500];
    (void)snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_prints_and_returns),
        TEST(test_the_operator_is_recorded),
        TEST(test_only_the_owner_reaches_it),
        TEST(test_nobody_serves),
        TEST(test_hostile_requests),
        TEST(test_silent_callers),
        TEST(test_many_callers),
        TEST(test_descriptors_run_out_for_a_while),
        TEST(test_long_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
