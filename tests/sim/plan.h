/*
 * sim/plan.h - what is to happen in one simulation: a list of events, each with everything that it takes. It is drawn from a
 * seed once, or read from a trace; from then on only the list decides, so that a smaller list is a smaller run of the same
 * story. An event whose object is not there does nothing.
 *
 * A trace is a text: "sim <version>", "world <devices> <users> <days> <page rows> <older> <copy>
 * <epilogue> <strict> <encrypted> <lease> <notes>" (what is left out is 0), then a line for each event:
 *
 *     <ms> <what> <who> <work> <faults>      who: a device's number, "hq"; work, faults: hexadecimal, faults 0: none
 */
#ifndef ROVE_TESTS_SIM_PLAN_H
#define ROVE_TESTS_SIM_PLAN_H

#include <stdio.h>

#include "sim/dice.h"

#define PLAN_VERSION     1
#define PLAN_DEVICES_MAX 12
#define PLAN_USERS_MAX   3
#define PLAN_EVENTS_MAX  20000
#define PLAN_CROWD       100 /* as an epilogue, and above: a story of several servers (crowd.h) */
#define PLAN_HQ          255
/* Of a contest, its bits 1 to 3: which act it is; bit 4 says of which account, bit 5 which word. The same of a word. */
#define PLAN_CONTEST_TEXT 7u

/* clang-format off */
#define PLAN_TABLE(X)                                                                              \
    X(WRITE,     "write",     "a rep writes: one record, or several in a transaction")             \
    X(UNDO,      "undo",      "a rep takes back what was not sent")                                \
    X(SETTLE,    "settle",    "a rep decides a conflict, a refused or a returned write")           \
    X(SYNC,      "sync",      "a device syncs, over a network that may fail in any way")           \
    X(TIDY,      "tidy",      "a device writes its file anew")                                     \
    X(KILL,      "kill",      "a process is killed, and started again")                            \
    X(POWER,     "power",     "a machine loses its power within the next calls that reach its disk") \
    X(FULL,      "full",      "a disk is full for a while, or fails once")                         \
    X(CLOCK,     "clock",     "a wall clock jumps, or drifts")                                     \
    X(IMAGE,     "image",     "a device's files are copied away")                                  \
    X(RESTORE,   "restore",   "a device, or headquarters, goes back to what was copied away")      \
    X(CLONE,     "clone",     "another device goes on with a copy of this one's files")            \
    X(HANDOVER,  "handover",  "another rep enrols on a device")                                    \
    X(EDIT,      "edit",      "headquarters changes, adds or deletes a record")                    \
    X(ASSIGN,    "assign",    "headquarters gives or takes an account")                            \
    X(REASSIGN,  "reassign",  "headquarters passes everything of one rep to another")              \
    X(MOVE,      "move",      "headquarters moves a visit to another account")                     \
    X(MERGE,     "merge",     "headquarters merges two accounts, or takes it back")                \
    X(DECIDE,    "decide",    "an operator decides a conflict or work in review")                  \
    X(REVOKE,    "revoke",    "a device is taken out of service, and enrolled anew later")         \
    X(PURGE,     "purge",     "headquarters forgets what happened long ago")                       \
    X(REPLAY,    "replay",    "an old request comes once more, or one that was given up comes late")  \
    X(OPENS,     "opens",     "a rep makes an account")                                            \
    X(TAKES,     "takes",     "headquarters takes the account that was made last from who has it") \
    X(CONTEST,   "contest",   "a rep does what others do too: the same value, word, stage, record") \
    X(LOST,      "lost",      "a device syncs, and nothing of the answer reaches it")              \
    X(CALLS,     "calls",     "a rep plans a visit to the account that he made last")              \
    X(DROPS,     "drops",     "a rep deletes the account that he made last")                       \
    X(TAG,       "tag",       "a rep adds a word of a drama to an account, or takes it out")       \
    X(SLOW,      "slow",      "a device runs out of power, and its clock loses an hour")           \
    X(HELD,      "held",      "a device is read, cut off and started by a held clock, to beyond its lease") \
    X(WIPE,      "wipe",      "a device is wiped, by its rep or because headquarters orders it") \
    X(PEOPLE,    "people",    "a rep puts people on a visit that others work on too, takes them off, or signs it")
/* clang-format on */

typedef enum plan_what {
#define PLAN_VALUE(name, word, sentence) PLAN_##name,
    PLAN_TABLE(PLAN_VALUE)
#undef PLAN_VALUE
        PLAN_WHATS
} plan_what;

typedef struct plan_event {
    int64_t at_ms; /* since the beginning */
    plan_what what;
    unsigned who;
    uint64_t work;   /* what exactly; its own dice */
    uint64_t faults; /* what goes wrong meanwhile; 0: nothing */
} plan_event;

typedef struct plan {
    uint64_t seed; /* 0: of a trace */
    unsigned devices, users, days;
    unsigned page_rows; /* of headquarters' pages; 0: as many as it likes */
    unsigned older;     /* devices of an older build, a bit each: they take no long texts */
    unsigned copy;      /* some exchanges come to a server that reads from a copy which lags */
    unsigned strict;    /* headquarters takes no long texts: what has one is refused */
    unsigned encrypted; /* devices whose replicas are, a bit each */
    unsigned lease;     /* hours for which a device may read after a sync; 0: for ever */
    unsigned notes;     /* who cannot write into a locked replica, records it in the drop box */
    unsigned epilogue;  /* what is tried when all is at rest (epilogue.h); 0: nothing */
    plan_event *events; /* ascending by at_ms */
    size_t count;
} plan;

const char *plan_word(plan_what what);
/* Draws the story of a seed. */
typedef enum plan_kind {
    PLAN_SHORT,
    PLAN_LONG, /* more devices and days */
    PLAN_STORM /* little but work and power cuts */
} plan_kind;
void plan_draw(plan *self, uint64_t seed, plan_kind kind);
void plan_free(plan *self);
void plan_add(plan *self, plan_event event);
/* drama.c: what takes several events in one order. */
void plan_add_dramas(plan *self, uint64_t seed);
void plan_write(const plan *self, FILE *file);
/* 0: it is no trace; the line is said on stderr. */
int plan_read(plan *self, const char *path);

#endif
