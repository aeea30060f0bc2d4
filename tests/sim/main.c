/*
 * rove-sim - the simulator: stories of reps, operators, networks, disks and clocks, drawn from seeds, told by the real code in
 * one thread and virtual time, and checked against what everybody did. docs/testing.md says what it covers.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/planted.h"
#include "posix/posix.h"
#include "shrink.h"
#include "world.h"

#define LONG_EVERY   50 /* one seed of so many is a long story */
#define DOUBLE_EVERY 50 /* and one is told twice */

typedef struct options {
    uint64_t from, count, seed;
    int has_seed, verbose, workers, teeth;
    const char *trace, *replay, *shrink, *plant, *regress;
} options;

static world the_world;
static rove_crypto crypto;
static char crashing[64]; /* what is said if this process crashes */

static void on_crash(int number) {
    size_t size = strlen(crashing);
    (void)!write(STDOUT_FILENO, crashing, size);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int storm; /* --storm: all stories are storms, in which most classes of events never come */

static int encrypted; /* --encrypted: every device's replica is, and not only some */

static plan_kind kind_of(uint64_t seed) {
    return storm ? PLAN_STORM : seed % LONG_EVERY == LONG_EVERY - 1 ? PLAN_LONG : PLAN_SHORT;
}

static void draw(plan *story, uint64_t seed) {
    plan_draw(story, seed, kind_of(seed));
    if (encrypted) {
        story->encrypted = ~0u;
    }
}

static void print_violation(uint64_t seed) {
    printf("seed %" PRIu64 ": %s at %s: %s\n", seed, the_world.invariant, the_world.place,
           the_world.why);
    fflush(stdout);
}

/* ---- counts --------------------------------------------------------------------------------------------- */

static void add_counts(world_counts *to, const world_counts *from) {
#define ADD_COUNT(name) to->name += from->name;
    WORLD_COUNTS(ADD_COUNT)
#undef ADD_COUNT
}

static void print_counts(const world_counts *counts, double seconds) {
    int column = 0;
#define PRINT_COUNT(name)                                                                          \
    printf("%26s %-12" PRIu64 "%s", #name, counts->name, ++column % 3 == 0 ? "\n" : "");
    WORLD_COUNTS(PRINT_COUNT)
#undef PRINT_COUNT
    printf("\n%.1f seeds a second, %.0f virtual device-days a second\n",
           (double)counts->seeds / seconds, (double)counts->device_days / seconds);
}

/* A class of event that never came shows that its check is none. */
static int print_missing(const world_counts *counts) {
    int missing = 0;
#define LOOK_COUNT(name)                                                                           \
    if (counts->name == 0) {                                                                       \
        printf("rove-sim: there was not one of: %s\n", #name);                                     \
        missing++;                                                                                 \
    }
    WORLD_COUNTS(LOOK_COUNT)
#undef LOOK_COUNT
    return missing;
}

/* ---- seeds ---------------------------------------------------------------------------------------------- */

/* 1: nothing was violated. */
static int run_seed(uint64_t seed, world_counts *counts, int verbose) {
    plan story;
    snprintf(crashing, sizeof crashing, "seed %" PRIu64 ": crash\n", seed);
    draw(&story, seed);
    int good = world_run(&the_world, &story, &crypto, counts, verbose);
    uint64_t hash = the_world.hash;
    if (good && seed % DOUBLE_EVERY == 0) {
        world_counts again = {0};
        (void)world_run(&the_world, &story, &crypto, &again, 0);
        if (the_world.hash != hash) {
            printf("seed %" PRIu64 ": told twice, it is another story\n", seed);
            good = 0;
        }
    } else if (!good) {
        print_violation(seed);
    }
    plan_free(&story);
    return good;
}

typedef struct result {
    world_counts counts;
    uint64_t failures, first_failure;
} result;

/*
 * Which seed is next lies in a pipe: whoever is free takes it out, and puts in the one after it. Dealt out beforehand, all long
 * stories would be one worker's, for their seeds are odd.
 */
static uint64_t take_turn(const int turns[2], uint64_t end) {
    uint64_t turn = end;
    (void)!read(turns[0], &turn, sizeof turn);
    uint64_t next = turn < end ? turn + 1 : end;
    (void)!write(turns[1], &next, sizeof next);
    return turn;
}

static void work(const options *o, const int turns[2], int out) {
    result r = {.first_failure = UINT64_MAX};
    (void)signal(SIGABRT, on_crash);
    (void)signal(SIGSEGV, on_crash);
    for (uint64_t i = take_turn(turns, o->count); i < o->count; i = take_turn(turns, o->count)) {
        if (!run_seed(o->from + i, &r.counts, 0)) {
            r.failures++;
            r.first_failure = r.first_failure < o->from + i ? r.first_failure : o->from + i;
            if (o->teeth) {
                (void)take_turn(turns, 0); /* nobody else need look for it */
            }
            if (o->teeth || r.failures >= 20) {
                break;
            }
        }
    }
    if (write(out, &r, sizeof r) != (ssize_t)sizeof r) {
        _exit(3);
    }
}

/* Seeds divided among processes. A worker that dies is a violation too. */
static int run_workers(const options *o, result *total) {
    int pipes[64][2];
    int turns[2];
    pid_t pids[64];
    int good = 1;
    uint64_t first = 0;
    *total = (result){.first_failure = UINT64_MAX};
    fflush(stdout);
    if (pipe(turns) != 0 || write(turns[1], &first, sizeof first) != (ssize_t)sizeof first) {
        perror("rove-sim");
        return 0;
    }
    for (int i = 0; i < o->workers; i++) {
        if (pipe(pipes[i]) != 0 || (pids[i] = fork()) < 0) {
            perror("rove-sim");
            return 0;
        }
        if (pids[i] == 0) {
            work(o, turns, pipes[i][1]);
            exit(0);
        }
        close(pipes[i][1]);
    }
    for (int i = 0; i < o->workers; i++) {
        result r;
        int status = 0;
        ssize_t size = read(pipes[i][0], &r, sizeof r);
        close(pipes[i][0]);
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
        }
        if (size != (ssize_t)sizeof r || status != 0) {
            printf("rove-sim: worker %d died (%s)\n", i,
                   WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit");
            total->failures++;
            good = 0;
            continue;
        }
        add_counts(&total->counts, &r.counts);
        total->failures += r.failures;
        total->first_failure =
            r.first_failure < total->first_failure ? r.first_failure : total->first_failure;
    }
    close(turns[0]);
    close(turns[1]);
    return good && total->failures == 0;
}

static int run_many(const options *o) {
    result total;
    double begin = seconds_now();
    int good = run_workers(o, &total);
    print_counts(&total.counts, seconds_now() - begin);
    int missing = o->count >= 1000 && !storm ? print_missing(&total.counts) : 0;
    printf("seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " violations\n", o->from,
           o->from + o->count - 1, total.failures);
    return good && missing == 0 ? 0 : 1;
}

/* ---- one story ------------------------------------------------------------------------------------------ */

static int run_story(plan *story, const options *o) {
    world_counts counts = {0};
    int good = world_run(&the_world, story, &crypto, &counts, o->verbose);
    printf("%s  hash %016" PRIx64 "  %zu events\n",
           good ? "nothing is violated" : the_world.invariant, the_world.hash, story->count);
    if (!good) {
        print_violation(story->seed);
    }
    if (o->trace != NULL) {
        FILE *file = fopen(o->trace, "w");
        if (file == NULL) {
            perror(o->trace);
            return 2;
        }
        plan_write(story, file);
        fclose(file);
    }
    return good ? 0 : 1;
}

/* Every story that once violated something. */
static int run_regress(const options *o) {
    char path[512];
    int failures = 0;
    int count = 0;
    DIR *folder = opendir(o->regress);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        world_counts counts = {0};
        plan story;
        size_t size = strlen(entry->d_name);
        if (size < 6 || strcmp(entry->d_name + size - 6, ".trace") != 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", o->regress, entry->d_name);
        count++;
        if (!plan_read(&story, path) || !world_run(&the_world, &story, &crypto, &counts, 0)) {
            printf("%s: %s: %s\n", entry->d_name, the_world.invariant, the_world.why);
            failures++;
        }
        plan_free(&story);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    printf("%d stories, %d violate something\n", count, failures);
    return failures == 0 && count > 0 ? 0 : 1;
}

/* ---- teeth ---------------------------------------------------------------------------------------------- */

#ifdef ROVE_PLANTS
static const char *const plant_names[] = {"NONE",
#define PLANT_NAME(name, sentence) #name,
                                          ROVE_PLANT_TABLE(PLANT_NAME)
#undef PLANT_NAME
};

static int run_teeth(options *o) {
    int caught = 0;
    int wanted = 0;
    o->teeth = 1;
    for (int i = 1; i < ROVE_PLANT_COUNT; i++) {
        result total;
        if (o->plant != NULL && strcmp(o->plant, plant_names[i]) != 0) {
            continue;
        }
        rove__planted = (rove__plant)i;
        double begin = seconds_now();
        int good = run_workers(o, &total);
        wanted++;
        caught += !good;
        printf("%-18s %s after %" PRIu64 " seeds, %.1f s\n", plant_names[i],
               good ? "NOT CAUGHT" : "caught", total.counts.seeds, seconds_now() - begin);
        fflush(stdout);
    }
    rove__planted = ROVE_PLANT_NONE;
    printf("%d of %d\n", caught, wanted);
    return caught == wanted ? 0 : 1;
}

static int plant_by_name(const char *name) {
    for (int i = 1; i < ROVE_PLANT_COUNT; i++) {
        if (strcmp(name, plant_names[i]) == 0) {
            rove__planted = (rove__plant)i;
            return 1;
        }
    }
    fprintf(stderr, "rove-sim: there is no planted bug %s; core/src/base/planted.h lists them.\n",
            name);
    return 0;
}
#else
static int run_teeth(options *o) {
    (void)o;
    fprintf(stderr,
            "rove-sim: this build has no planted bugs; configure it with -D ROVE_PLANTS=ON.\n");
    return 2;
}

static int plant_by_name(const char *name) {
    (void)name;
    (void)run_teeth(NULL);
    return 0;
}
#endif

/* ---- arguments ------------------------------------------------------------------------------------------ */

static int usage(void) {
    fprintf(
        stderr,
        "rove-sim [--seeds N] [--from S] [--workers N]   seeds S .. S + N - 1; what happened, and "
        "what was violated\n"
        "         --storm                                little happens in them but work and power "
        "cuts\n"
        "         --encrypted                            all replicas are, and not only some\n"
        "rove-sim --seed S [-v] [--trace FILE]           one story, told aloud; its events to a "
        "file\n"
        "rove-sim --replay FILE [-v]                     the story of a trace\n"
        "rove-sim --shrink FILE [--trace OUT]            a shorter one that violates the same\n"
        "rove-sim --regress FOLDER                       all traces of a folder\n"
        "rove-sim --teeth [--plant NAME] [--seeds N]     every planted bug has to be noticed\n");
    return 2;
}

static int parse(options *o, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        int takes = 1;
        if (strcmp(word, "--seeds") == 0) {
            o->count = strtoull(value, NULL, 10);
        } else if (strcmp(word, "--from") == 0) {
            o->from = strtoull(value, NULL, 10);
        } else if (strcmp(word, "--seed") == 0) {
            o->seed = strtoull(value, NULL, 10);
            o->has_seed = 1;
        } else if (strcmp(word, "--workers") == 0) {
            o->workers = (int)strtol(value, NULL, 10);
        } else if (strcmp(word, "--trace") == 0) {
            o->trace = value;
        } else if (strcmp(word, "--replay") == 0) {
            o->replay = value;
        } else if (strcmp(word, "--shrink") == 0) {
            o->shrink = value;
        } else if (strcmp(word, "--regress") == 0) {
            o->regress = value;
        } else if (strcmp(word, "--plant") == 0) {
            o->plant = value;
        } else {
            takes = 0;
            o->verbose += strcmp(word, "-v") == 0;
            o->teeth |= strcmp(word, "--teeth") == 0;
            storm |= strcmp(word, "--storm") == 0;
            encrypted |= strcmp(word, "--encrypted") == 0;
            if (strcmp(word, "-v") != 0 && strcmp(word, "--teeth") != 0 &&
                strcmp(word, "--storm") != 0 && strcmp(word, "--encrypted") != 0) {
                return 0;
            }
        }
        i += takes;
    }
    return o->workers > 0 && o->workers <= 64;
}

int main(int argc, char **argv) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    options o = {.from = 1, .count = 200, .workers = cores > 0 && cores < 64 ? (int)cores : 1};
    plan story;
    if (!parse(&o, argc, argv)) {
        return usage();
    }
    if (o.plant != NULL && !o.teeth && !plant_by_name(o.plant)) {
        return 2;
    }
    /* Disks are made and dropped all the time: their memory is kept. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    rove_posix_crypto_openssl(&crypto);
    world_prepare(&crypto);
    if (o.teeth) {
        return run_teeth(&o);
    }
    if (o.regress != NULL) {
        return run_regress(&o);
    }
    if (o.has_seed) {
        draw(&story, o.seed);
    } else if (o.replay != NULL || o.shrink != NULL) {
        if (!plan_read(&story, o.replay != NULL ? o.replay : o.shrink)) {
            return 2;
        }
    } else {
        return run_many(&o);
    }
    int code = o.shrink != NULL ? shrink(&story, &crypto, o.trace) : run_story(&story, &o);
    plan_free(&story);
    return code;
}
