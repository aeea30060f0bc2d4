/*
 * laws/main.c - tries each law of merge, clocks and digests on random states and writes (laws.h).
 *
 *     rove_laws [--triples N] [--seed S] [--law NAME [--at I]] [--teeth]
 *
 * A law that breaks prints what was drawn, made small, and the line that tries it again. With --teeth the bugs that are
 * planted in merge and digest are planted one at a time (base/planted.h), and each has to break a law.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/planted.h"
#include "laws.h"

#define TRIPLES UINT64_C(100000)
#define SEED    UINT64_C(20261128)

static const law laws[] = {
#define LAW_ENTRY(name, sentence) {#name, sentence, law_##name},
    LAW_TABLE(LAW_ENTRY)
#undef LAW_ENTRY
};
#define LAWS (sizeof laws / sizeof *laws)

typedef struct wish {
    uint64_t triples;
    uint64_t seed;
    const char *law;
    uint64_t at;
    int alone; /* --at was given */
    int teeth;
} wish;

static int usage(void) {
    fputs("usage: laws [--triples N] [--seed S] [--law NAME [--at I]] [--teeth]\n", stderr);
    for (size_t i = 0; i < LAWS; i++) {
        fprintf(stderr, "  %-20s %s\n", laws[i].name, laws[i].sentence);
    }
    return 2;
}

static int read_number(const char *text, uint64_t *number) {
    char *end = NULL;

    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static int read_wish(int argc, char **argv, wish *w) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        int ok = 1;
        if (strcmp(argv[i], "--teeth") == 0) {
            w->teeth = 1;
            continue;
        }
        if (strcmp(argv[i], "--triples") == 0) {
            ok = read_number(value, &w->triples);
        } else if (strcmp(argv[i], "--seed") == 0) {
            ok = read_number(value, &w->seed);
        } else if (strcmp(argv[i], "--at") == 0) {
            ok = read_number(value, &w->at);
            w->alone = 1;
        } else if (strcmp(argv[i], "--law") == 0) {
            w->law = value;
        } else {
            ok = 0;
        }
        if (!ok) {
            return 0;
        }
        i++;
    }
    for (size_t i = 0; i < LAWS && w->law != NULL; i++) {
        if (strcmp(laws[i].name, w->law) == 0) {
            return 1;
        }
    }
    return w->law == NULL && !w->alone;
}

/* 1 if the law holds throughout; *at is the try that broke it. */
static int holds(lab *l, const law *which, const wish *w, uint64_t *at) {
    uint64_t end = w->alone ? w->at + 1 : w->triples;

    for (*at = w->alone ? w->at : 0; *at < end; ++*at) {
        if (lab_try(l, which, w->seed, *at) != NULL) {
            return 0;
        }
    }
    return 1;
}

static double seconds(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int try_all(lab *l, const wish *w) {
    size_t tried = 0;
    size_t broken = 0;
    double start = seconds();

    for (size_t i = 0; i < LAWS; i++) {
        uint64_t at = 0;
        double before = seconds();
        if (w->law != NULL && strcmp(laws[i].name, w->law) != 0) {
            continue;
        }
        tried++;
        if (holds(l, &laws[i], w, &at)) {
            printf("%-20s holds for %llu triples, %.1f s\n", laws[i].name,
                   (unsigned long long)(w->alone ? 1 : w->triples), seconds() - before);
        } else {
            broken++;
            lab_explain(l, &laws[i], w->seed, at);
        }
        (void)fflush(stdout);
    }
    printf("%zu of %zu laws hold, seed %llu, %.1f s\n", tried - broken, tried,
           (unsigned long long)w->seed, seconds() - start);
    return broken != 0;
}

#ifdef ROVE_PLANTS
static const struct planted {
    rove__plant plant;
    const char *name;
} bugs[] = {
#define BUG(name)                                                                                  \
    { ROVE_PLANT_##name, #name }
    BUG(P05_BLIND),      BUG(P05_STRANGE),   BUG(P06_EARLIER),     BUG(P06_SILENT),
    BUG(P06_EQUAL),      BUG(P07_RAW),       BUG(P08_REGISTER),    BUG(P09_REMOVE_WINS),
    BUG(P09_LAST_ADDER), BUG(P10_OVERWRITE), BUG(G01_CLOCKS_ONLY),
#undef BUG
};

static int show_teeth(lab *l, const wish *w) {
    size_t count = sizeof bugs / sizeof *bugs;
    size_t noticed = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t at = 0;
        size_t which = 0;
        rove__planted = bugs[i].plant;
        while (which < LAWS && holds(l, &laws[which], w, &at)) {
            which++;
        }
        rove__planted = ROVE_PLANT_NONE;
        noticed += which < LAWS;
        if (which < LAWS) {
            printf("noticed     %-16s by %s, triple %llu\n", bugs[i].name, laws[which].name,
                   (unsigned long long)at);
        } else {
            printf("NOT NOTICED %s\n", bugs[i].name);
        }
    }
    printf("%zu of %zu planted bugs noticed\n", noticed, count);
    return noticed != count;
}
#else
static int show_teeth(lab *l, const wish *w) {
    (void)l;
    (void)w;
    fputs("this build has no bugs to plant (ROVE_PLANTS)\n", stderr);
    return 2;
}
#endif

int main(int argc, char **argv) {
    wish w = {.triples = TRIPLES, .seed = SEED};
    static lab l;

    if (!read_wish(argc, argv, &w)) {
        return usage();
    }
    lab_open(&l);
    int failed = w.teeth ? show_teeth(&l, &w) : try_all(&l, &w);
    lab_close(&l);
    return failed;
}
