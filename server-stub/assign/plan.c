/*
 * assign/plan.c - see plan.h.
 */
#include "assign/plan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/value_text.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "print.h"

#define WORDS_BYTES_MAX ((size_t)64 * 1024)
#define ARENA_MAX       ((size_t)256 * 1024)
#define DETAIL_MAX      400
#define OPERATOR_MAX    256

/* ---- words ---------------------------------------------------------------------------------------------- */

void plan_words_init(plan_words *words, const rove_allocator *allocator) {
    *words = (plan_words){.allocator = allocator};
}

void plan_words_free(plan_words *words) {
    rove__free(words->allocator, words->items);
    plan_words_init(words, words->allocator);
}

rove_status plan_words_add(plan_words *words, const char *text) {
    if (words->count == words->capacity) {
        size_t capacity = words->capacity == 0 ? 16 : words->capacity * 2;
        const char **items =
            rove__alloc_resize(words->allocator, words->items, capacity, sizeof *items);
        if (items == NULL) {
            return ROVE_NOMEM;
        }
        words->items = items;
        words->capacity = capacity;
    }
    words->items[words->count++] = text;
    return ROVE_OK;
}

rove_status plan_words_take(plan_words *words, int argc, char **argv) {
    static const char option[] = "--effective";
    rove_status status = ROVE_OK;

    for (int i = 0; i < argc && status == ROVE_OK; i++) {
        if (strcmp(argv[i], option) == 0) {
            i++; /* and its value */
        } else if (strncmp(argv[i], "--effective=", sizeof option) != 0) {
            status = plan_words_add(words, argv[i]);
        }
    }
    return status;
}

/* ---- keeping -------------------------------------------------------------------------------------------- */

rove_status plan_time(hq *headquarters, const char *effective, int64_t *due_ms, rove_error *error) {
    *due_ms = 0;
    if (effective == NULL || strcmp(effective, "now") == 0) {
        return ROVE_OK;
    }
    if (value_text_instant(effective, strlen(effective), due_ms) != ROVE_OK) {
        return rove__error_set(error, ROVE_INVALID,
                               "--effective takes 'now', a date like 2026-01-31, or a time like "
                               "2026-01-31T22:00Z, not '%.60s'.",
                               effective);
    }
    if (*due_ms <= hq_now_ms(headquarters)) {
        *due_ms = 0;
    }
    return ROVE_OK;
}

typedef struct keeping {
    hq *headquarters;
    const hq_io *io;
    rove__hq_plan plan;
    const char *act; /* recorded */
} keeping;

/* The words as one would type them, cut to fit. */
static void shown(const rove__hq_plan *plan, char *text, size_t capacity) {
    size_t size = plan->words.size < capacity ? plan->words.size : capacity;

    memcpy(text, plan->words.data, size);
    for (size_t i = 0; i + 1 < size; i++) {
        text[i] = (char)(text[i] == '\0' ? ' ' : text[i]);
    }
    text[size == 0 ? 0 : size - 1] = '\0';
}

static rove_status keep(void *ctx, rove__hq_tx *tx, rove_error *error) {
    keeping *self = ctx;
    char words[DETAIL_MAX];
    char due[ROVE_TIME_TEXT_SIZE];
    char detail[2 * DETAIL_MAX];
    rove_status status = hq_database(self->headquarters)->directory.plan_put(tx, &self->plan);

    (void)error;
    if (status != ROVE_OK) {
        return status;
    }
    shown(&self->plan, words, sizeof words);
    rove__time_format(self->plan.due_ms, due);
    rove__text_format(detail, sizeof detail, "%s %lld, for %s: %s", self->act,
                      (long long)self->plan.number, due, words);
    return hq_record(self->headquarters, tx, self->io, "plans", detail, 0);
}

static int say_kept(const hq_io *io, const rove__hq_plan *plan, uint64_t records) {
    char due[ROVE_TIME_TEXT_SIZE];

    rove__time_format(plan->due_ms, due);
    if (io->json) {
        return hq_print_json(io, json_pack("{s:I, s:s, s:I}", "plan", (json_int_t)plan->number,
                                           "due", due, "records", (json_int_t)records));
    }
    hq_print(io,
             "Plan %lld, for %s; as things stand, %llu records. The serving process carries it "
             "out.\n",
             (long long)plan->number, due, (unsigned long long)records);
    return HQ_EXIT_DONE;
}

int plan_keep(hq *headquarters, const hq_io *io, const plan_words *words, int64_t due_ms,
              uint64_t records) {
    keeping self = {.headquarters = headquarters, .io = io, .act = "planned"};
    rove_error error = {.code = 0};
    rove__buf bytes;

    rove__buf_init(&bytes, words->allocator, WORDS_BYTES_MAX);
    for (size_t i = 0; i < words->count; i++) {
        rove__buf_append(&bytes, words->items[i], strlen(words->items[i]) + 1);
    }
    rove_status status = rove__buf_status(&bytes);
    if (status == ROVE_OK) {
        self.plan = (rove__hq_plan){.made_ms = hq_now_ms(headquarters),
                                    .due_ms = due_ms,
                                    .operator_name = io->operator_name,
                                    .words = {bytes.data, bytes.size},
                                    .state = ROVE_PLAN_WAITS,
                                    .detail = ""};
        status = hq_commit(headquarters, keep, &self, &error);
    }
    int result =
        status == ROVE_OK ? say_kept(io, &self.plan, records) : hq_failed(io, status, &error);
    rove__buf_free(&bytes);
    return result;
}

/* ---- carrying out --------------------------------------------------------------------------------------- */

/* A plan taken out of the database; its texts live in the arena. */
typedef struct due_plan {
    hq *headquarters;
    int64_t now_ms;
    rove__arena arena;
    rove__hq_plan plan;
    int found;
    rove__hq_plan_state was; /* as it stood when it was read */
    int stands;              /* it still does */
} due_plan;

static rove_status each_plan(void *ctx, const rove__hq_plan *plan) {
    due_plan *self = ctx;

    if (plan->state == ROVE_PLAN_RUNS ||
        (plan->state == ROVE_PLAN_WAITS && plan->due_ms <= self->now_ms)) {
        self->plan = *plan;
        self->found = 1;
        return ROVE_DONE;
    }
    return ROVE_OK;
}

static rove_status find_due(void *ctx, rove__hq_tx *tx, rove_error *error) {
    due_plan *self = ctx;

    (void)error;
    self->found = 0;
    return hq_database(self->headquarters)->directory.plan_scan(tx, &self->arena, each_plan, self);
}

static rove_status each_standing(void *ctx, const rove__hq_plan *plan) {
    due_plan *self = ctx;

    if (plan->number != self->plan.number) {
        return ROVE_OK;
    }
    self->stands = plan->state == self->was;
    return ROVE_DONE;
}

/* What was read may be old by now: a plan that was cancelled since stays cancelled. */
static rove_status write_plan(void *ctx, rove__hq_tx *tx, rove_error *error) {
    due_plan *self = ctx;
    const rove__hq_directory *directory = &hq_database(self->headquarters)->directory;
    rove__arena arena;

    (void)error;
    self->stands = 0;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status = directory->plan_scan(tx, &arena, each_standing, self);
    rove__arena_free(&arena);
    return status == ROVE_OK && self->stands ? directory->plan_put(tx, &self->plan) : status;
}

static rove_status write_state(due_plan *self, rove__hq_plan_state state, rove_error *error) {
    self->was = self->plan.state;
    self->plan.state = state;
    return hq_commit(self->headquarters, write_plan, self, error);
}

/* The arguments in the words; NULL: no memory. Owned by the caller. */
static char **arguments_of(const rove_allocator *allocator, const rove__hq_plan *plan, int *argc) {
    const char *end = (const char *)plan->words.data + plan->words.size;
    size_t count = 0;

    for (size_t i = 0; i < plan->words.size; i++) {
        count += plan->words.data[i] == '\0';
    }
    char **argv = rove__alloc_zeroed(allocator, count + 1, sizeof *argv);
    *argc = (int)count;
    char *at = (char *)(uintptr_t)plan->words.data;
    for (size_t i = 0; argv != NULL && i < count && at < end; i++) {
        argv[i] = at;
        at += strlen(at) + 1;
    }
    return argv;
}

typedef struct heard {
    char text[DETAIL_MAX];
    size_t size;
} heard;

static void hear(void *ctx, const char *bytes, size_t size) {
    heard *self = ctx;
    size_t room = sizeof self->text - 1 - self->size;

    size = size < room ? size : room;
    memcpy(self->text + self->size, bytes, size);
    self->size += size;
    self->text[self->size] = '\0';
}

static void trim_end(heard *said) {
    while (said->size > 0 && said->text[said->size - 1] == '\n') {
        said->text[--said->size] = '\0';
    }
}

static int run_command(due_plan *self, heard *said) {
    const rove_allocator *allocator = &hq_get_ports(self->headquarters)->allocator;
    hq_io io = {.out = hear,
                .err = hear,
                .ctx = said,
                .operator_name = self->plan.operator_name,
                .directory = "/"};
    int argc = 0;
    int code = HQ_EXIT_FAILED;
    char **argv = arguments_of(allocator, &self->plan, &argc);
    const hq_command *command = argc > 0 && argv != NULL ? hq_command_named(argv[0]) : NULL;

    if (command != NULL) {
        code = command->run(self->headquarters, &io, argc, argv);
    }
    trim_end(said);
    rove__free(allocator, argv);
    return code;
}

static rove_status carry_out(due_plan *self, rove_error *error) {
    heard said = {.size = 0};

    rove_status status = write_state(self, ROVE_PLAN_RUNS, error);
    if (status != ROVE_OK || !self->stands) {
        return status;
    }
    int code = run_command(self, &said);
    self->plan.detail = said.text;
    self->plan.ended_ms = hq_now_ms(self->headquarters);
    rove__log(&hq_get_ports(self->headquarters)->log,
              code == HQ_EXIT_DONE ? ROVE_LOG_INFO : ROVE_LOG_ERROR, "plan",
              "plan %lld ended with exit code %d: %s", (long long)self->plan.number, code,
              said.text);
    return write_state(self, code == HQ_EXIT_DONE ? ROVE_PLAN_DONE : ROVE_PLAN_FAILED, error);
}

rove_status plan_run_due(hq *headquarters, int64_t now_ms, size_t *count, rove_error *error) {
    due_plan self = {.headquarters = headquarters, .now_ms = now_ms};
    rove_status status = ROVE_OK;

    *count = 0;
    rove__arena_init(&self.arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    do {
        status = hq_read(headquarters, find_due, &self, error);
        if (status == ROVE_OK && self.found) {
            status = carry_out(&self, error);
            *count += status == ROVE_OK && self.stands;
        }
    } while (status == ROVE_OK && self.found);
    rove__arena_free(&self.arena);
    return status;
}

/* ---- the thread ----------------------------------------------------------------------------------------- */

struct planner {
    hq *headquarters;
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t changed;
    int stopping;
};

/* 1 when it is time to look again, 0 when it is time to end. */
static int wait_a_second(planner *self) {
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1;
    (void)pthread_mutex_lock(&self->mutex);
    if (!self->stopping) {
        (void)pthread_cond_timedwait(&self->changed, &self->mutex, &until);
    }
    int stopping = self->stopping;
    (void)pthread_mutex_unlock(&self->mutex);
    return !stopping;
}

static void *work(void *ctx) {
    planner *self = ctx;

    while (wait_a_second(self)) {
        rove_error error = {.code = 0};
        size_t count = 0;
        rove_status status =
            plan_run_due(self->headquarters, hq_now_ms(self->headquarters), &count, &error);
        if (status != ROVE_OK) {
            rove__log(&hq_get_ports(self->headquarters)->log, ROVE_LOG_ERROR, "plan",
                      "plans could not be carried out: %s", error.message);
        }
    }
    return NULL;
}

rove_status planner_start(hq *headquarters, planner **out, rove_error *error) {
    const rove_allocator *allocator = &hq_get_ports(headquarters)->allocator;
    planner *self = rove__alloc_zeroed(allocator, 1, sizeof *self);
    pthread_condattr_t attributes;

    *out = NULL;
    if (self == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    self->headquarters = headquarters;
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&self->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (pthread_create(&self->thread, NULL, work, self) != 0) {
        (void)pthread_cond_destroy(&self->changed);
        (void)pthread_mutex_destroy(&self->mutex);
        rove__free(allocator, self);
        return rove__error_set(error, ROVE_NOMEM, "A thread could not be started.");
    }
    *out = self;
    return ROVE_OK;
}

void planner_stop(planner *self) {
    if (self == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&self->mutex);
    self->stopping = 1;
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
    (void)pthread_join(self->thread, NULL);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    rove__free(&hq_get_ports(self->headquarters)->allocator, self);
}
