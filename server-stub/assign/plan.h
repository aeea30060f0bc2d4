/*
 * assign/plan.h - acts for later: a command with its words, kept in the database until its time has come, and then carried
 * out by the process that serves, in the name of who planned it.
 *
 * Whom and what it concerns is found out when it is carried out. A plan whose process was killed meanwhile is carried
 * out again by the next one: commands that may be planned change nothing where they have been through already.
 */
#ifndef ROVE_HQ_PLAN_H
#define ROVE_HQ_PLAN_H

#include "hq.h"

/* The words of one command as they were typed; taken before hq_arguments puts them into another order. */
typedef struct plan_words {
    const rove_allocator *allocator;
    const char **items; /* owned; the texts are the caller's */
    size_t count, capacity;
} plan_words;

void plan_words_init(plan_words *words, const rove_allocator *allocator);
void plan_words_free(plan_words *words);
ROVE_CHECK rove_status plan_words_add(plan_words *words, const char *text);
ROVE_CHECK rove_status plan_words_take(plan_words *words, int argc, char **argv);

/*
 * What --effective says: NULL, "now" and a time that has passed are at once (*due_ms 0). INVALID with what to write
 * instead.
 */
ROVE_CHECK rove_status plan_time(hq *headquarters, const char *effective, int64_t *due_ms,
                                 rove_error *error);
/* Keeps a command (without its --effective), and says so: `records` are concerned as things stand. An exit code. */
int plan_keep(hq *headquarters, const hq_io *io, const plan_words *words, int64_t due_ms,
              uint64_t records);

/* Carries out what is due at this time, oldest first; *count: how many. Not on the committing thread. */
ROVE_CHECK rove_status plan_run_due(hq *headquarters, int64_t now_ms, size_t *count,
                                    rove_error *error);

/* A thread that looks every second. */
typedef struct planner planner;
ROVE_CHECK rove_status planner_start(hq *headquarters, planner **out, rove_error *error);
/* Lets one that is being carried out end. NULL is fine. */
void planner_stop(planner *self);

#endif
