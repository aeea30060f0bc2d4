/*
 * processes/world.h - what runs: headquarters, an operator, three devices of two reps, the proxy between them, and the
 * ledger of what was written.
 *
 * One thread. Everybody is looked after in turns: world_turn waits until something has happened and passes bytes on;
 * office_turn, operator_turn and device_turn look after a program that has ended and start the next.
 */
#ifndef ROVE_PROCESSES_WORLD_H
#define ROVE_PROCESSES_WORLD_H

#include <jansson.h>
#include <stdint.h>

#include "chance.h"
#include "child.h"
#include "ledger.h"
#include "proxy.h"

#define PATH_SIZE 400

/* What a device showed when it was last looked at, and what was written on it since. */
typedef struct view {
    struct {
        int64_t points;
        int present;
        unsigned shown[ACCOUNT_FIELDS];
        unsigned tags; /* bit i: tag i */
        unsigned none; /* no padding: views are compared as bytes */
    } accounts[ACCOUNTS];
    unsigned (*tasks)[TASK_FIELDS]; /* by task; a subject of 0: it is not there */
    unsigned task_count;
} view;

/* What a device's program is at. */
enum job {
    JOB_NONE,
    JOB_LOOK,
    JOB_SYNC,
    JOB_WRITE,
};

typedef struct device {
    char name[16];
    char folder[PATH_SIZE];
    char clock[24]; /* an offset in milliseconds, "" for a right clock */
    int user;
    int64_t replica; /* its number since it was enrolled */
    child program;
    enum job job;
    unsigned act;     /* JOB_WRITE: the number of the write */
    child watcher;    /* `rove sync --watch`, which syncs at any time while others write */
    int64_t watch_ms; /* until when */
    int64_t visit;    /* of the visit that is open; 0: none */
    int visit_account;
    unsigned visit_act;
    int known;         /* the view is what the device shows */
    int synced;        /* since it was last looked at */
    unsigned doubtful; /* a write that was killed: the next look tells whether it was done */
    view view;
    int64_t took_ms[2]; /* of late, to be killed within: a write, a sync */
    char said[40];      /* status of the last sync; "OK" */
    unsigned changes;   /* JOB_SYNC: rows up, down and gone */
    int verified;
    chance luck;
} device;

typedef enum office_state { OFFICE_DOWN, OFFICE_STARTING, OFFICE_UP } office_state;

typedef struct office {
    child program;
    office_state state;
    char said[2048]; /* while it starts */
    size_t said_size;
    int stopping; /* its end is wanted */
    int64_t kill_ms;
} office;

typedef struct operator_ {
    child program;
    int busy;
    unsigned act; /* of a write; 0: another command */
    int moving;   /* the account that passes, -1 */
    int to;       /* to which user */
    int backing;  /* a backup runs */
    int64_t next_ms;
    int again; /* the last command's outcome is not known: the same once more */
} operator_;

/* What headquarters has to have after a restore. */
typedef struct backup {
    char path[PATH_SIZE];
    int done;
    unsigned acts; /* writes up to here were before it began */
    int holders[ACCOUNTS];
} backup;

typedef struct totals {
    unsigned writes;
    unsigned syncs;
    unsigned syncs_failed;
    unsigned flips_noticed; /* syncs that failed with a TLS error */
    unsigned office_kills;
    unsigned write_kills;
    unsigned sync_kills;
    unsigned moves;
    unsigned edits; /* by the operator */
    unsigned backups;
    unsigned restores;
    unsigned watches;
    unsigned news; /* syncs of watchers because headquarters said so */
    unsigned reviews;
    unsigned conflicts;
    unsigned checked;
    unsigned doubts; /* writes that were killed and turned out to be done */
    unsigned rounds;
} totals;

typedef struct world {
    const char *rove;
    const char *hq;
    char folder[PATH_SIZE - 64];
    char data[PATH_SIZE]; /* of headquarters */
    uint64_t seed;
    int ends; /* readable when a child has ended */
    int faults;
    proxy *proxy;
    ledger ledger;
    office office;
    operator_ operator;
    backup backup;
    device devices[DEVICES];
    int holders[ACCOUNTS]; /* the user who holds the account */
    int64_t users[USERS];
    totals totals;
    unsigned wrong;   /* what must not be, and was */
    int64_t wrong_ms; /* when it was noticed first */
    int64_t began_ms;
    chance luck;
} world;

extern const char *const logins[USERS];

/* A violation: it is printed, counted, and the run fails in the end. */
void wrong(world *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Waits until something can be done, and passes bytes on. */
void world_turn(world *self);
/* Runs a program to its end while the world goes on; its exit code, and in *printed what it said (freed by the caller;
 * NULL: of no interest). */
int world_run(world *self, char **printed, ...) __attribute__((sentinel));
/* The same with what was printed as JSON; NULL if it failed. Owned by the caller. */
json_t *world_ask(world *self, ...) __attribute__((sentinel));

void office_turn(world *self);
void office_kill(world *self);
/* Asks it to stop and waits; its exit code has to be 0. */
void office_stop(world *self);
/* Waits until it listens. */
void office_wait(world *self);
/* Ended by force, put back to the backup, and started again. */
void office_restore(world *self);
void operator_turn(world *self);

void device_init(world *self, int index);
/* Starts the next thing if nothing runs; `work` 0: only looks after what runs, and looks at what is in doubt. */
void device_turn(world *self, device *one, int work);
void device_sync(world *self, device *one);
int device_idle(const device *one);
void device_free(device *one);

/* When nobody is at work and all have synced: what everybody has is what the ledger says. */
void check_all(world *self);
/* A database that is put away has what operators wrote into it, and on top of what: notes that in the ledger. */
void check_parents(world *self, const char *path);

#endif
