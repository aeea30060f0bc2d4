/*
 * processes/ledger.h - what everybody was told is written, kept by the driver and by nobody else.
 *
 * Each write has a number and carries it in its value as ~000123~, so that it can be found wherever it may have got to:
 * in a table, a history, a conflict. A write of a field also has its parent: the write whose value its author saw there.
 */
#ifndef ROVE_PROCESSES_LEDGER_H
#define ROVE_PROCESSES_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#define ACCOUNTS       12
#define ACCOUNT_FIELDS 5
#define TASK_FIELDS    2 /* subject, description */
#define TAGS           4 /* one for each device, and one that is only ever added */
#define DEVICES        3
#define USERS          2
#define TOKEN_SIZE     9 /* with its end */

/* Who wrote: a device by its index, or an operator. */
#define OPERATOR DEVICES

typedef enum act_kind {
    ACT_ACCOUNT, /* a field of an account */
    ACT_TASK,    /* a field of a task; the subject's first write is the insert */
    ACT_DELETE,  /* of a task */
    ACT_POINTS,  /* an increment */
    ACT_TAG,     /* added or removed */
    ACT_NOTE,
    ACT_CONTACT, /* with its role, in one transaction */
    ACT_VISIT,   /* begun */
    ACT_FINISH   /* of a visit: it is sealed */
} act_kind;

typedef enum act_state {
    ACT_OPEN,  /* the program runs */
    ACT_OK,    /* it said that it is done, or was killed and had done it */
    ACT_NOT,   /* it was killed before it did it */
    ACT_MAYBE, /* nobody can know: headquarters was killed, or restored from before it */
} act_state;

typedef struct act {
    act_kind kind;
    act_state state;
    int who;
    int where; /* the account, or for ACT_TASK and ACT_DELETE the task */
    int field;
    unsigned parent;
    unsigned seen[TASK_FIELDS]; /* ACT_DELETE: what the task showed */
    int64_t amount;             /* ACT_POINTS; ACT_TAG: 1 added, -1 removed */
    int restores;               /* how many there had been */
} act;

struct task {
    int64_t id; /* 0: not known yet */
    int account;
    unsigned insert;
};

typedef struct ledger {
    act *acts; /* [0] stands for what was there before all */
    unsigned count;
    struct task *tasks;
    unsigned task_count;
} ledger;

extern const char *const account_fields[ACCOUNT_FIELDS];
extern const char *const task_fields[TASK_FIELDS];

void ledger_init(ledger *self);
void ledger_free(ledger *self);

/* The number of a new write; its place is filled in by the caller. */
unsigned ledger_add(ledger *self, act one);
int ledger_add_task(ledger *self, struct task one);
/* -1: there is none. */
int ledger_task_of(const ledger *self, int64_t id);

/* All of it, a line a write, for who looks into what was wrong. 0: the file cannot be written. */
int ledger_save(const ledger *self, const char *path);

/* ~000123~ */
void token_write(unsigned number, char out[TOKEN_SIZE]);
/* The number of the first token in so many bytes, 0 if there is none; *after, if not NULL: where to look for the next. */
unsigned token_find(const void *bytes, size_t size, size_t *after);
unsigned token_in(const char *text);

#endif
