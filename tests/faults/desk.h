/*
 * faults/desk.h - what the fault loops of commands act in: a headquarters as the program rove-hq has it, with faults below it.
 * A command is done, or it has failed and says why, and then nothing or all of it is done.
 */
#ifndef ROVE_TESTS_DESK_H
#define ROVE_TESTS_DESK_H

#include "world.h"

#include "bureau.h"

static heap desk_heap;
static rove_allocator desk_allocator;
static rove_files desk_files;
static rove_random desk_random = {world_random, NULL};
static bureau *desk;

/* No headquarters yet. For `prepare`. */
static inline void desk_new(void) {
    rove_error error = {.message = ""};

    world_dice = 1;
    desk_allocator = heap_allocator(&desk_heap);
    rove_posix_files(&desk_files);
    faults_wrap_files(&desk_files);
    loop_heaps[FAULTS_HEADQUARTERS] = &desk_heap;
    desk = bureau_new(&desk_allocator, &desk_files, &desk_random, WORLD_HQ, SITE_NOW);
    if (bureau_init(desk, &error) != ROVE_OK) {
        fail_msg("%s", error.message);
    }
}

static inline void desk_open(void) {
    rove_error error = {.message = ""};

    if (bureau_open(desk, &error) != ROVE_OK) {
        fail_msg("%s", error.message);
    }
}

static inline void desk_close(void) {
    bureau_close(desk);
}

static inline void desk_end(void) {
    world_sound(WORLD_HQ "/hq.db");
    bureau_free(desk);
    assert_int_equal(desk_heap.alive, 0);
}

/* Words up to NULL; returns the exit code. */
static inline int desk_run(const char *first_word, ...) {
    char words[12][200];
    char *argv[12];
    int argc = 0;
    va_list args;

    va_start(args, first_word);
    for (const char *word = first_word; word != NULL && argc < 11; word = va_arg(args, char *)) {
        (void)snprintf(words[argc], sizeof words[argc], "%s", word);
        argv[argc] = words[argc];
        argc++;
    }
    va_end(args);
    argv[argc] = NULL;
    return bureau_run(desk, argc, argv);
}

/* The exit code of a command under the fault; 1: it is done. 0 and 1 are in docs/operating.md; nothing else happened here. */
static inline int desk_did(int code) {
    faults_end = FAULTS_DEVICE;
    if (code == 0) {
        return 1;
    }
    if (code != 1 || strncmp(bureau_complained(desk), "rove-hq: ", 9) != 0) {
        fail_msg("exit %d: %s%s", code, bureau_said(desk), bureau_complained(desk));
    }
    return 0;
}

/* Runs a command of words under the fault; 1: it is done. */
#define DESK_TRY(...) desk_did((faults_end = FAULTS_HEADQUARTERS, desk_run(__VA_ARGS__, NULL)))

static inline void desk_ok(int code) {
    if (code != 0) {
        fail_msg("exit %d: %s", code, bureau_complained(desk));
    }
}

static inline void desk_write(const char *path, const char *text) {
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* main() of a scenario that acts at this desk and differs from others in these alone. */
static inline int desk_main(int argc, char **argv, const char *name, unsigned kinds,
                            void (*prepare)(void), void (*act)(void), void (*check)(void)) {
    const loop_scenario scenario = {.name = name,
                                    .kinds = kinds,
                                    .prepare = prepare,
                                    .open = desk_open,
                                    .act = act,
                                    .close = desk_close,
                                    .check = check,
                                    .end = desk_end};

    return loop_main(&scenario, argc, argv);
}

#endif
