/*
 * sim/shrink.c - see shrink.h. A story is as good as another if it violates the same invariant at the same place; each is told
 * in a process of its own, for some of them crash.
 */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_MAX 300

typedef struct outcome {
    char invariant[16];
    char place[64];
} outcome;

static world the_world;

static outcome tell(const plan *story, const rove_crypto *crypto) {
    outcome found = {"crash", ""};
    int ends[2];
    if (pipe(ends) != 0) {
        return found;
    }
    pid_t pid = fork();
    if (pid == 0) {
        world_counts counts = {0};
        outcome mine = {"", ""};
        (void)alarm(60);
        if (!world_run(&the_world, story, crypto, &counts, 0)) {
            snprintf(mine.invariant, sizeof mine.invariant, "%s", the_world.invariant);
            snprintf(mine.place, sizeof mine.place, "%s", the_world.place);
        }
        _exit(write(ends[1], &mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &found, sizeof found) != (ssize_t)sizeof found) {
        found = (outcome){"crash", ""};
    }
    close(ends[0]);
    (void)waitpid(pid, NULL, 0);
    return found;
}

typedef struct shrinking {
    const rove_crypto *crypto;
    outcome wanted;
    time_t until;
    size_t tried;
} shrinking;

static int still(shrinking *s, const plan *story) {
    s->tried++;
    outcome got = tell(story, s->crypto);
    return strcmp(got.invariant, s->wanted.invariant) == 0 &&
           strcmp(got.place, s->wanted.place) == 0;
}

static void copy_without(plan *to, const plan *from, size_t at, size_t count) {
    to->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        if (i < at || i >= at + count) {
            to->events[to->count++] = from->events[i];
        }
    }
}

static int has_time(const shrinking *s) {
    return time(NULL) < s->until;
}

/* Ever smaller portions are left out, as long as what is left violates the same. */
static void leave_out(shrinking *s, plan *story, plan *shorter) {
    for (size_t size = story->count / 2; size > 0 && has_time(s); size /= 2) {
        for (size_t at = 0; at < story->count && has_time(s);) {
            copy_without(shorter, story, at, size);
            if (still(s, shorter)) {
                story->count = shorter->count;
                memcpy(story->events, shorter->events, shorter->count * sizeof *story->events);
            } else {
                at += size;
            }
        }
    }
}

static void calm_down(shrinking *s, plan *story) {
    for (size_t i = 0; i < story->count && has_time(s); i++) {
        uint64_t faults = story->events[i].faults;
        if (faults != 0) {
            story->events[i].faults = 0;
            story->events[i].faults = still(s, story) ? 0 : faults;
        }
    }
}

int shrink(plan *story, const rove_crypto *crypto, const char *out) {
    shrinking s = {.crypto = crypto, .until = time(NULL) + SECONDS_MAX};
    plan shorter = *story;
    s.wanted = tell(story, crypto);
    if (s.wanted.invariant[0] == '\0') {
        fprintf(stderr, "rove-sim: nothing is violated, so there is nothing to shrink.\n");
        return 2;
    }
    size_t before = story->count;
    shorter.events = calloc(story->count + 1, sizeof *shorter.events);
    if (shorter.events == NULL) {
        return 2;
    }
    leave_out(&s, story, &shorter);
    calm_down(&s, story);
    leave_out(&s, story, &shorter);
    free(shorter.events);
    fprintf(stderr, "%s at %s: %zu events, %zu before; %zu stories told\n", s.wanted.invariant,
            s.wanted.place, story->count, before, s.tried);
    FILE *file = out == NULL ? stdout : fopen(out, "w");
    if (file == NULL) {
        perror(out);
        return 2;
    }
    plan_write(story, file);
    if (out != NULL) {
        fclose(file);
    }
    return 0;
}
