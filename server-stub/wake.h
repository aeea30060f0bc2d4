/*
 * wake.h - who waits for news, and whom a commit wakes: GET /v1/wait without HTTP.
 *
 *   the committing thread   notes which roots and which users' grants a transaction touches (sync/news.h); after the
 *                           commit the notes are news
 *   the waking thread       at most every WAKE_PAUSE_MS: looks up who holds those roots, remembers for each user who ever
 *                           waited the seq of his last news, and resumes all of the round whose cursor lies before it
 *
 * So a commit costs the committing thread a few bytes per root, a round one look-up per root, and libmicrohttpd, whose
 * resuming walks through everything that is suspended, one walk. What a device pushed is no news to itself. All this is a
 * hint: where it is not certain (a cursor from before this process, no memory for notes) the answer is "changed".
 *
 * Threads: wake_start and wake_stop from one; everything else from any.
 */
#ifndef ROVE_HQ_WAKE_H
#define ROVE_HQ_WAKE_H

#include "hq.h"

#define WAKE_PAUSE_MS     100
#define WAKE_NOTES_MAX    ((size_t)65536) /* in one round; past it everybody is woken */
#define WAKE_ADDRESS_SIZE 16

typedef struct wake wake;

typedef enum wake_answer {
    WAKE_NOTHING, /* the time is over, headquarters stops, or the device is to be looked up again */
    WAKE_CHANGED,
    WAKE_LATER /* there are too many, or the device waits elsewhere now */
} wake_answer;

/* One wait. The caller fills in the upper part, and keeps it until resume() was called. */
typedef struct wake_waiter wake_waiter;
struct wake_waiter {
    rove_id user;
    rove_replica replica;
    rove__cursor cursor;
    uint8_t address[WAKE_ADDRESS_SIZE]; /* where it comes from */
    unsigned asked;                     /* wake_asked() before the device was looked up */
    /* Called once, on the waking thread, when `answer` is there; then the waiter is the caller's again. */
    void (*resume)(void *ctx);
    void *ctx;

    wake_answer answer;
    int64_t until_ms; /* what follows is wake.c's */
    wake_waiter *older, *newer;
    wake_waiter *next;
};

typedef struct wake_options {
    int64_t wait_ms;         /* the longest wait */
    size_t most;             /* waits at a time */
    size_t most_per_address; /* of them from one address */
} wake_options;

ROVE_CHECK rove_status wake_new(hq *headquarters, wake **out, rove_error *error);
/* Stopped, if it was started; NULL is fine. */
void wake_free(wake *self);

/* Where writers tell what they touch; to be used on the committing thread. */
const rove__news *wake_news(const wake *self);
/* The committing thread, after a commit: what was noted is news. `self` is a wake. */
void wake_committed(void *self);

/* Starts the waking thread. Until then nothing is noted, and nobody can wait. */
ROVE_CHECK rove_status wake_start(wake *self, const wake_options *options, rove_error *error);
/* Ends all waits, and the thread. It may be started again. */
void wake_stop(wake *self);

/*
 * 1: it waits. 0: the answer is there already, resume() is not called. A device waits once: an older wait of it is
 * answered WAKE_LATER, so that two who take turns at that slow each other down.
 */
int wake_wait(wake *self, wake_waiter *waiter);
/* How often wake_device was called: to be read before a device is looked up, so that no call in between is missed. */
unsigned wake_asked(wake *self);
/* Whatever is known of the device has changed: who waits is to look it up again. */
void wake_device(wake *self, rove_id user, rove_replica replica);
/* How many wait, and how many were woken by news so far. */
void wake_count(wake *self, size_t *waiting, uint64_t *woken);

#endif
