/*
 * small/main.c - every interleaving of two devices with three acts each, a cut, a crash and a reassignment.
 *
 *     rove_small [--draw N] [--scenario NAME [--path PATH]] [--under PATH] [--teeth]
 *
 * All paths of each scenario, or those that begin with --under, depth first (choice.h); with --draw so many of each, drawn from a
 * seed that is always the same.
 * A path that fails is repeated with its steps printed, and --path repeats it again. With --teeth the bugs below are planted
 * one at a time, and some path has to fail.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/planted.h"
#include "choice.h"
#include "ledger.h"
#include "schedule.h"

#define SEED  UINT64_C(20261128)
#define TEETH 2000 /* drawn paths in which a bug has to be noticed */

static void program(void *ctx) {
    schedule_run(ctx);
}

static double seconds(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The program takes its context as it is; a scenario is not changed by it. */
static scenario *changeable(size_t which) {
    static scenario copy;

    copy = scenarios[which];
    return &copy;
}

static void tell_of(scenario *which, const choice_path *path) {
    char text[4 * CHOICE_DEPTH_MAX + 1];

    choice_print(path, text);
    printf("\nFAILED, again: ./dev small --scenario %s --path %s\n", which->name, text);
    (void)choice_repeat(program, which, path);
}

static int run_all(const char *only, uint64_t draws, const choice_path *under) {
    uint64_t paths = 0;
    uint64_t failed = 0;
    double start = seconds();

    for (size_t i = 0; i < SCENARIOS; i++) {
        scenario *which = changeable(i);
        double before = seconds();
        if (only != NULL && strcmp(only, which->name) != 0) {
            continue;
        }
        choice_result result = draws > 0 ? choice_draw(program, which, SEED, draws, 0)
                                         : choice_explore(program, which, under);
        if (result.failed > 0) {
            tell_of(which, &result.first);
        }
        printf("%-16s %8llu of %s%.0f schedules, %llu fail, %.1f s\n", which->name,
               (unsigned long long)result.paths, draws > 0 ? "about " : "", result.of,
               (unsigned long long)result.failed, seconds() - before);
        (void)fflush(stdout);
        paths += result.paths;
        failed += result.failed;
    }
    printf("%llu schedules, %llu fail, %.1f s, %.0f a second\n", (unsigned long long)paths,
           (unsigned long long)failed, seconds() - start, (double)paths / (seconds() - start));
    return failed != 0 || paths == 0;
}

#ifdef ROVE_PLANTS
static const struct planted {
    rove__plant plant;
    const char *name;
    const char *scenario; /* that notices */
} bugs[] = {
#define BUG(name, scenario)                                                                        \
    { ROVE_PLANT_##name, #name, scenario }
    BUG(D01_STALE, "one_field"),
    BUG(D02_JOIN, "rank"),
    BUG(D03_LAST_BASE, "one_field"),
    BUG(D05_DROPPED, "counter"),
    BUG(D06_TRAMPLES, "one_field"),
    BUG(P02_AGAIN, "counter"),
    BUG(P05_BLIND, "one_field"),
    BUG(P05_STRANGE, "one_field"),
    BUG(P06_SILENT, "one_field"),
    BUG(P08_REGISTER, "rank"),
    BUG(P09_REMOVE_WINS, "set"),
    BUG(P09_LAST_ADDER, "set"),
    BUG(P10_OVERWRITE, "counter"),
    BUG(P11_MIXED, "seal"),
    BUG(P12_DELETE_WINS, "update_delete"),
    BUG(P14_NOW, "counter"),
    BUG(Q02_PARTLY, "child"),
#undef BUG
};

/* 1 if a path fails with the bug. */
static int notices(const struct planted *bug) {
    char text[4 * CHOICE_DEPTH_MAX + 1];
    uint64_t paths = 0;
    int noticed = 0;

    for (size_t i = 0; i < SCENARIOS; i++) {
        scenario *which = changeable(i);
        if (strcmp(which->name, bug->scenario) != 0) {
            continue;
        }
        rove__planted = bug->plant;
        choice_result result = choice_draw(program, which, SEED, TEETH, 1);
        rove__planted = ROVE_PLANT_NONE;
        paths += result.paths;
        noticed = result.failed > 0;
        if (noticed) {
            choice_print(&result.first, text);
            printf("noticed     %-16s by %s, schedule %llu: %s\n", bug->name, which->name,
                   (unsigned long long)paths, text);
        }
    }
    if (!noticed) {
        printf("NOT NOTICED %-16s in %llu schedules\n", bug->name, (unsigned long long)paths);
    }
    (void)fflush(stdout);
    return noticed;
}

static int show_teeth(void) {
    size_t count = sizeof bugs / sizeof *bugs;
    size_t noticed = 0;

    for (size_t i = 0; i < count; i++) {
        noticed += (size_t)notices(&bugs[i]);
    }
    printf("%zu of %zu planted bugs noticed\n", noticed, count);
    return noticed != count;
}
#else
static int show_teeth(void) {
    fputs("this build has no bugs to plant (ROVE_PLANTS)\n", stderr);
    return 2;
}
#endif

static int usage(void) {
    fputs("usage: small [--draw N] [--scenario NAME [--path PATH]] [--under PATH] [--teeth]\n",
          stderr);
    for (size_t i = 0; i < SCENARIOS; i++) {
        fprintf(stderr, "  %s\n", scenarios[i].name);
    }
    return 2;
}

static int repeat(const char *name, const char *text) {
    choice_path path;

    for (size_t i = 0; i < SCENARIOS; i++) {
        if (name != NULL && strcmp(name, scenarios[i].name) == 0 && choice_parse(text, &path)) {
            return choice_repeat(program, changeable(i), &path);
        }
    }
    return usage();
}

int main(int argc, char **argv) {
    const char *only = NULL;
    const char *path = NULL;
    choice_path under = {.depth = 0};
    uint64_t draws = 0;
    int teeth = 0;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--teeth") == 0) {
            teeth = 1;
        } else if (strcmp(argv[i], "--draw") == 0 && value != NULL && atoll(value) > 0) {
            draws = (uint64_t)atoll(argv[++i]);
        } else if (strcmp(argv[i], "--scenario") == 0 && value != NULL) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--under") == 0 && value != NULL &&
                   choice_parse(value, &under)) {
            i++;
        } else if (strcmp(argv[i], "--path") == 0 && value != NULL) {
            path = argv[++i];
        } else {
            return usage();
        }
    }
    (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a process may end anywhere */
    /* Memory that was given back is not given to the system: each process would get it anew. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    world_open(FIRST_VALUE, FIRST_STAGE);
    if (path != NULL) {
        return repeat(only, path);
    }
    return teeth ? show_teeth() : run_all(only, draws, &under);
}
