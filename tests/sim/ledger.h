/*
 * sim/ledger.h - what everybody did, written down by the simulation itself: the oracle that nothing of the product has a hand
 * in. Every write has a number, which is in its value ("w17;"), and a parent: the write whose value its author saw there.
 * Every record has one too, in a field that nobody ever changes ("r4;"), by which it is known whatever its id is.
 */
#ifndef ROVE_TESTS_SIM_LEDGER_H
#define ROVE_TESTS_SIM_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "rove/value.h"

#define LEDGER_TEXTS    4
#define LEDGER_HQ       (-1) /* an operator */
#define LEDGER_NOBODY   0u   /* the value that stood at the beginning, or none */
#define LEDGER_KEY_SIZE 24

/* What the simulation writes of an entity. */
typedef struct ledger_entity {
    const char *name, *table;
    const char *key;                 /* the field that names the record */
    const char *texts[LEDGER_TEXTS]; /* fields that are written; NULL past the last */
    const char *scope;               /* the field with its account; NULL: it is a root */
    const char *counter, *set, *rank;
    int headquarters; /* operators change it as well */
} ledger_entity;

typedef enum ledger_kind {
    LEDGER_ACCOUNT,
    LEDGER_VISIT,
    LEDGER_TASK,
    LEDGER_NOTE,
    LEDGER_CONTACT,
    LEDGER_LEAD,
    LEDGER_ROLE,
    LEDGER_KINDS
} ledger_kind;
extern const ledger_entity ledger_entities[LEDGER_KINDS];

typedef enum ledger_what {
    LEDGER_INSERT,
    LEDGER_SET,   /* a text */
    LEDGER_SEAL,  /* the same, and nothing after it */
    LEDGER_COUNT, /* adds its own number */
    LEDGER_ADD,   /* an element, which is its value */
    LEDGER_TAKE,  /* takes out the element that `parent` added */
    LEDGER_DELETE,
    /* What others write too, so that no value names its write: `parent` is the stage, or the word. */
    LEDGER_STAGE,
    LEDGER_TAG, /* adds a word to a set, or a person to a visit, who is the record `parent` */
    LEDGER_UNTAG,
    LEDGER_SIGNED /* no act: whom the seal seen[0] signed in `parent`; 0: somebody who is not on the screen */
} ledger_what;

typedef struct ledger_write {
    ledger_what what;
    uint32_t record;
    unsigned field; /* of texts */
    int author;     /* device, or LEDGER_HQ */
    int line;       /* of the device: which one its files had come from */
    int user;
    rove_replica replica; /* of the device at the time */
    uint32_t parent;
    uint64_t syncs; /* that the device had begun */
    uint64_t asked; /* requests that it had made */
    size_t event;   /* of the plan: a rep's writes of one are one transaction */
    uint32_t seen
        [LEDGER_TEXTS]; /* of a delete: what its author saw; of a seal: what it signed; of a stage: the one before */
    uint32_t
        heard; /* of what was written since its author cannot have seen anything of others; number of a write */
    uint32_t
        left; /* before that nobody else can have seen it; 0: its author has not synced since */
    /* What became of it. */
    int done;   /* the call said so */
    int unsure; /* the machine went down during the call, or it said that the disk failed */
    int barred; /* not sent yet when its device was revoked: an operator has to look at it */
    int lost;   /* it may have been sent when headquarters went back: it comes again as it was */
    int given_up; /* taken back, or gone with a machine whose files went back, or an operator's before a restore */
    /* What a check finds. */
    unsigned judged, reviewed, refused;
    unsigned carried; /* in what somebody sealed */
} ledger_write;

typedef struct ledger_record {
    ledger_kind kind;
    uint32_t account; /* its record; 0: a root, or a contact */
    uint32_t insert;  /* the write */
    rove_id made_as;  /* the id that its maker gave it; 0: nobody did, or it failed */
    int owner;        /* a user, by reassignments; -1: nobody is */
    unsigned holders; /* users who hold it by a grant, a bit each; of roots */
    unsigned ever;    /* users who may have held it at any time, a bit each; of roots */
    int moved;        /* to another account */
    /* Devices, a bit each, whose work on it is not sent, for it was written together with what is about a refused record; and
     * those of them where it is a delete that waits. */
    unsigned waits, leaves;
    unsigned
        undone; /* devices on which it was taken back: what it was is noted there, a bit each */
    int again; /* refused work on it was done again: the same write, but over what the screen shows by then */
    uint64_t redone; /* when: its device had begun or ended so many syncs; 0: never */
    int odd;         /* its conflicts and holders cannot be told exactly any more */
} ledger_record;

typedef struct ledger {
    ledger_write *writes; /* from 1 */
    size_t count, capacity;
    ledger_record *records; /* from 1 */
    size_t record_count, record_capacity;
} ledger;

/* Room for one more in a list of items of this size; what is there moves. */
void *ledger_grow(void *items, size_t count, size_t *capacity, size_t size);
void ledger_free(ledger *self);
uint32_t ledger_write_new(ledger *self, ledger_what what, uint32_t record, int author);
uint32_t ledger_record_new(ledger *self, ledger_kind kind, uint32_t account);
static inline ledger_write *ledger_get(ledger *self, uint32_t number) {
    return &self->writes[number];
}
static inline ledger_record *ledger_record_get(ledger *self, uint32_t number) {
    return &self->records[number];
}

/* "w17;" or "r4;" at the beginning of a text; 0: it is none. */
uint32_t ledger_number(char letter, const void *text, size_t size);
void ledger_text(char letter, uint32_t number, char text[LEDGER_KEY_SIZE]);
/* 1: whoever wrote `b` cannot have seen `a`, whatever the devices and headquarters think. */
int ledger_unseen(const ledger *self, uint32_t a, uint32_t b);
/* 1: `ancestor` is the write itself, or one that it came after, step by step. */
int ledger_after(const ledger *self, uint32_t write, uint32_t ancestor);

#endif
