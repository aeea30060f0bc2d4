/*
 * sim/world.h - one simulation: devices, headquarters, a network between them and one time for all, in one thread. What
 * happens is in the plan; what came of it in the ledger; and the first thing that must not be is the violation.
 *
 *   main.c       seeds, workers, traces        plan.c      what is to happen
 *   world.c      time, and who is next         ledger.c    what everybody did
 *   device.c     a machine with librove        writes.c    what reps do on it
 *   office.c     a machine with rove-hq        acts.c      what operators do there
 *   network.c    bytes between them            check.c     what must hold at the end
 *   shrink.c     the smallest story            gather.c    what headquarters has then
 *   claims.c     what a device says of itself    reference.c the merge, a second time
 *   values.c     what several wrote of one thing
 *   rights.c     who may write what
 *   late.c       requests that come late, or that no device made
 *   drama.c      what takes several events in one order
 *   epilogue.c   what is tried when all is at rest
 *   seals.c      what was signed
 *   crowd.c      a story beside: several servers on one database
 *   copy.c       a server that reads from a copy of the database
 *   notes.c      what is recorded while a device is locked, and the drop box
 *   wipes.c      devices that are wiped
 *   zstd_once.c  contexts of compression that are kept
 *
 * mvcc*.c in this folder are a fake of PostgreSQL, which tests/rules and tests/conformance use too.
 */
#ifndef ROVE_TESTS_SIM_WORLD_H
#define ROVE_TESTS_SIM_WORLD_H

#include "ledger.h"
#include "plan.h"
#include "rove/rove.h"
#include "sim/fiber.h"
#include "sim/machine.h"
#include "sync/server.h"

#include "drop/box.h"
#include "hq.h"

#define WORLD_BEGIN_MS   INT64_C(1767225600000) /* 2026-01-01 */
#define WORLD_NEVER      INT64_MAX
#define WORLD_ACCOUNTS   8
#define WORLD_URL        "https://hq.example.com:8443"
#define WORLD_OLDER_TEXT 1000 /* bytes that a device of an older build takes in a text */
#define WORLD_WHY        400

typedef struct world world;

/* How often what happened, over all simulations of a process: that they did real work. */
#define WORLD_COUNTS(X)                                                                            \
    X(seeds)                                                                                       \
    X(device_days)                                                                                 \
    X(writes)                                                                                      \
    X(syncs)                                                                                       \
    X(syncs_done)                                                                                  \
    X(exchanges)                                                                                   \
    X(enrolments)                                                                                  \
    X(renewals)                                                                                    \
    X(cuts_of_network)                                                                             \
    X(power_cuts)                                                                                  \
    X(kills)                                                                                       \
    X(out_of_memory)                                                                               \
    X(disk_failures)                                                                               \
    X(clock_jumps)                                                                                 \
    X(restores_of_devices)                                                                         \
    X(clones)                                                                                      \
    X(forks)                                                                                       \
    X(handovers)                                                                                   \
    X(backups)                                                                                     \
    X(restores_of_headquarters)                                                                    \
    X(edits)                                                                                       \
    X(assignments)                                                                                 \
    X(reassignments)                                                                               \
    X(moves) X(merges) X(revocations) X(purges) X(replays) X(conflicts) X(reviews) X(settled)      \
        X(refused) X(sealed) X(parked) X(tidied) X(repairs) X(rows_checked) X(writes_checked)      \
            X(claims) X(late) X(forged) X(lagging) X(newcomers) X(timelines) X(wrong_sums)         \
                X(large_scopes) X(lost_visits) X(overtaken) X(crowds) X(set_aside) X(encrypted)    \
                    X(locked) X(rekeyed) X(leases_over) X(proofs) X(notes) X(notes_taken)   \
                        X(notes_twice) X(wipes) X(wipes_ordered) X(wipes_cut) X(receipts) X(people)
typedef struct world_counts {
#define WORLD_COUNT(name) uint64_t name;
    WORLD_COUNTS(WORLD_COUNT)
#undef WORLD_COUNT
} world_counts;

/* ---- a device ------------------------------------------------------------------------------------------- */

typedef struct device {
    world *w;
    int number;
    sim_machine machine;
    rove_ports ports;
    rove *replica; /* NULL: it is down, or not begun */
    int exists;
    int user;          /* who is enrolled, -1: nobody */
    int wanted;        /* who is to be enrolled next, -1: nobody */
    int family;        /* it is a copy, or one was made of it; -1: neither */
    int line;          /* which device its files have come from; copies have the same */
    int64_t up_ms;     /* when it is started again; WORLD_NEVER: it runs, or does not exist */
    uint64_t syncs;    /* begun */
    int revoked;       /* once: what it had not sent comes under another number */
    int hears;         /* some of an answer has come in the sync under way */
    int deaf;          /* nothing of an answer comes in it */
    uint32_t heard;    /* what was written when its last sync had ended */
    uint32_t kept;     /* what was written since that is its own has not left */
    int failed;        /* one of its syncs did: an answer may have been lost */
    int put_off;       /* what a check finds: headquarters does not take what is in its drop box */
    unsigned requests; /* of the sync under way */
    uint64_t asked;    /* requests that it ever made */
    int retried;       /* its rep did refused work again, part by part */
    int whole;         /* one of its user's syncs went well: his first download is over */
    uint64_t seq;      /* where it stood after its last sync that went well */
    /* Of its number: batches that were acknowledged, and how many of them headquarters was told that it knows of. */
    rove_replica known_as;
    unsigned acked, confirmed;
    rove_replica
        rolled; /* its files went back behind what was confirmed under this number; 0: not */
    struct {    /* of what it may read (leases.c); all in the world's time, 0: not yet */
        int64_t contact_ms, before_ms, last_ms, read_ms;
        int64_t began_ms, granted_ms, odd_ms;
        int64_t starts;
        int turned_back;
    } lease;
    struct {       /* it is being wiped, from the first word of it to its next beginning (wipes.c) */
        int begun; /* its rep did, or it obeyed */
        int ordered, sure;
        size_t number; /* of the world's */
        uint64_t work, faults;
    } wipe;
    /* A sync under way. */
    sim_fiber *fiber;
    int64_t wake_ms; /* when it goes on */
    int dying;       /* it has to end */
    uint64_t faults; /* of its network */
    sim_dice air, beside;
    rove_status synced;
    rove_sync_report report;
    /* A copy of its files. */
    sim_disk image;
    int has_image, image_user;
    rove_keyring image_keyring; /* of these files */
    size_t image_writes;        /* of the ledger */
    size_t image_notes;
    uint64_t image_syncs;
    rove_replica image_known_as;
    unsigned image_acked;
    /* It went on with a copy: after so many syncs, with the files that a device had after so many of its own. */
    uint64_t copied, copied_when;
    int copied_of; /* -1: it did not */
} device;

/* ---- headquarters --------------------------------------------------------------------------------------- */

/* An exchange as headquarters has it. */
typedef struct session {
    struct session *next;
    rove__server *server; /* NULL: headquarters went down */
    rove_replica replica;
} session;

#define OFFICE_REPLAYS 8
#define OFFICE_LATE    4
#define OFFICE_RETRIED 64
typedef struct office {
    world *w;
    sim_machine machine;
    hq_ports ports;
    hq *hq; /* NULL: it is down */
    int64_t up_ms;
    session *sessions;
    rove__spool_port spool;
    rove_id users[PLAN_USERS_MAX];
    rove_id accounts[WORLD_ACCOUNTS];
    drop_box *box;                /* NULL: nothing came for it since it is up */
    uint8_t *dropped;             /* the last request to it */
    size_t dropped_size;
    int64_t wall_most_ms; /* its clock was never later */
    uint64_t head;        /* when it was last looked at */
    uint64_t page_rows;
    uint64_t rows_out; /* sent to devices */
    int accepted;      /* an operator accepted work in review */
    struct {
        uint8_t *bytes;
        size_t size;
        rove_replica replica;
    } replays[OFFICE_REPLAYS];
    size_t replay_count;
    session *late[OFFICE_LATE]; /* requests that came, and are not judged yet */
    sim_dice routing;           /* which server an exchange comes to */
    /* The last backup, and what was known then. */
    uint8_t *backup;
    size_t backup_size;
    size_t backup_writes;
    unsigned *backup_holders, *backup_ever;
    size_t backup_records;
    int restored;                    /* at least once */
    int went_back;                   /* and it does not know it yet */
    int returned;                    /* work in review, to who had done it */
    rove_id retried[OFFICE_RETRIED]; /* returned work that a rep did again, on one of his devices */
    size_t retried_count;
} office;

/* What was recorded while its device was locked: the oracle's list (notes.c). */
typedef struct simulated_note {
    int author; /* device */
    int done, unsure;
    int sent; /* a request may have taken it along */
    int lost; /* and headquarters went back after that */
    int gone; /* with files that went back */
    unsigned again; /* it was returned, and a rep did it again: so often it is another record, too */
    unsigned judged, reviewed;
} simulated_note;

typedef struct notes {
    simulated_note *items; /* from 1 */
    size_t count, capacity;
} notes;

/* A device's end under one number. */
typedef struct simulated_wipe {
    rove_replica replica;
    int over;         /* all is delivered, and the folder as good as new */
    int counted;      /* it is known how much was not sent: its rep wiped it, at rest */
    uint64_t changes; /* so much */
    int lost;         /* headquarters went back since it began */
} simulated_wipe;

struct world {
    const plan *plan;
    int64_t now_ms;
    size_t next; /* event */
    device devices[PLAN_DEVICES_MAX];
    office office;
    ledger ledger;
    notes notes;
    simulated_wipe wipes[PLAN_DEVICES_MAX * 2];
    size_t wipe_count;
    const rove_crypto *crypto;
    world_counts *counts;
    int calm;  /* nothing goes wrong any more */
    int round; /* of peace */
    unsigned copied; /* lines of devices whose files went back or were doubled, a bit each */
    int purged;      /* headquarters forgot something */
    sim_dice boots; /* of devices */
    int spoiled;    /* something was made wrong, for digests to find */
    int verbose;
    uint64_t hash; /* of everything that happened */
    /* The first violation. */
    char invariant[16];
    char why[WORLD_WHY];
    const char *place; /* where it was seen */
};

/* Runs a plan from its beginning to its last check; 1: nothing was violated. */
int world_run(world *w, const plan *story, const rove_crypto *crypto, world_counts *counts,
              int verbose);
/* Makes what every simulation begins with; once a process. */
void world_prepare(const rove_crypto *crypto);
/* Which users hold the n-th account at the beginning. */
unsigned world_first_holders(unsigned account);

/* Notes a violation, if it is the first. The invariant by its number in docs/testing.md. */
void world_violated(world *w, const char *invariant, const char *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define WORLD_PLACE_(line) __FILE__ ":" #line
#define WORLD_PLACE(line)  WORLD_PLACE_(line)
#define VIOLATED(w, invariant, ...)                                                                \
    world_violated((w), (invariant), WORLD_PLACE(__LINE__), __VA_ARGS__)
static inline int world_failed(const world *w) {
    return w->invariant[0] != '\0';
}
/* Makes part of the hash; says it if the world is verbose. */
void world_says(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- device.c ------------------------------------------------------------------------------------------- */

/* Makes the empty replica that most devices begin with; once a process. */
void device_prepare(const rove_crypto *crypto, const int64_t *now_ms);
void device_begin(device *d, int user);
int device_is_older(const device *d);
void device_end(device *d);
/* An event that is not a rep's write. */
void device_act(device *d, const plan_event *event);
/* It is time: it starts again, or its sync goes on. */
void device_wake(device *d);
/* Notices that its power went; after every call. */
void device_look(device *d);
/* Stops what runs on it, without a warning. `power`: what was not synced may be gone. */
void device_stop(device *d, int power, int64_t pause_ms);
/* Syncs at once, with nothing that goes wrong. */
rove_status device_sync_calm(device *d, rove_sync_report *report);
/* 1: the status is one that this call may have now. Else it is a violation. */
int device_may(device *d, const char *call, rove_status status, const rove_error *error);
/* The text of a field on the screen, and how long it is; 0: the record is not there. */
int device_text(device *d, ledger_kind kind, rove_id id, const char *field, char *text,
                size_t capacity);
/* The id under which the device has a record; 0: it has it not. */
rove_id device_find(device *d, uint32_t record);
/* A sync begins; it has ended: what others can have seen of it, and it of others if it heard any. */
void device_speaks(device *d);
void device_hears(device *d);
int64_t device_number(device *d, const char *sql, int64_t parameter, int64_t otherwise);
/* I1: what was written since the last sync began is there. */
void device_check_durable(device *d);

/* ---- leases.c ------------------------------------------------------------------------------------------- */

/* What headquarters grants now; 0: for ever. */
int64_t leases_granted_ms(const world *w);
/* Asks the device whether it reads; 0: it is locked. Either has to be right. */
int leases_reads(device *d);
/* Some of an answer reaches it. */
void leases_contact(device *d);
/* A sync begins; it has ended. */
void leases_sync(device *d, int began, rove_status status);
/* Its clock jumps; its files go back; it stops; another rep's it is; it stops, and its clock is so far back when it starts. */
void leases_odd(device *d);
void leases_went_back(device *d);
void leases_stopped(device *d, int power);
void leases_new_user(device *d);
/* Somebody stretches it with its power and its clock. */
void leases_held(device *d);
void leases_turned_back(device *d, int64_t by_ms);

/* ---- notes.c -------------------------------------------------------------------------------------------- */

/* A rep records a visit while his device says LOCKED. */
void notes_record(device *d);
/* A request with what is in its drop box leaves; the files went back to what they were when there were so many notes. */
void notes_leave(device *d);
void notes_went_back(device *d, size_t first);
/* Headquarters goes back to its backup. */
void notes_restored(world *w);
/* A rep does it again, which an operator returned; 0: none. */
void notes_again(world *w, uint32_t number);
/* The note that a field's value is of; 0: none. */
uint32_t notes_number(const rove_value *value);
void notes_found(world *w, uint32_t number, int reviewed);
void notes_forget_found(world *w);
/* 1: what lies in its drop box may have to wait there, for so much of its user's is in review. */
int notes_put_off(device *d);
/* At the end each note is where it has to be, once. */
void notes_check(world *w);

/* ---- wipes.c -------------------------------------------------------------------------------------------- */

void wipes_act(device *d, const plan_event *event);
/* 1: nobody works on it. */
int wipes_under_way(const device *d);
/* It was opened with this status; 1: there is nothing to open. */
int wipes_opened(device *d, rove_status status);
/* A sync has ended so. 1: it may, and somebody starts it again. */
int wipes_synced(device *d, rove_status status);
/* Headquarters goes back. */
void wipes_restored(world *w);
void wipes_check(world *w);

/* ---- claims.c ------------------------------------------------------------------------------------------- */

/* A request of its sync begins: the answer to the one before, if there was one, is applied. */
void claims_ask(device *d);
/* It is up again: the power may have gone when all of its first download had come, and before its sync said so. */
void claims_opened(device *d, const rove_state *state);
/* A sync has ended. */
void claims_synced(device *d, rove_status status, const rove_sync_report *report);
/* Its files were copied away; it went back to them. */
void claims_copied(device *d);
void claims_restored(device *d);
/* Headquarters took it for a copy. */
void claims_forked(world *w, rove_replica replica);
/*
 * 1: it made the record, and somebody else deleted it. If the answer to its insert was lost, it sends the insert again, and has
 * the record until its digest says that it should not.
 */
int claims_deleted(const device *d, uint32_t record);

/* ---- writes.c ------------------------------------------------------------------------------------------- */

void writes_act(device *d, const plan_event *event);
void writes_contest(device *d, const plan_event *event);
void writes_undo(device *d, const plan_event *event);
void writes_settle(device *d, const plan_event *event);

/* ---- office.c ------------------------------------------------------------------------------------------- */

void office_prepare(const rove_crypto *crypto, const int64_t *now_ms);
void office_begin(office *o, world *w);
void office_end(office *o);
void office_start(office *o);
void office_stop(office *o, int power, int64_t pause_ms);
void office_look(office *o);
/* Enrolment and renewal; the certificate is the one shown, size 0: none. */
rove_status office_enrol(office *o, rove__bytes certificate, rove__bytes body, int user,
                         rove__buf *answer);
rove_status office_renew(office *o, rove__bytes certificate, rove__bytes body, rove__buf *answer);
/* An exchange. What fails with IO was headquarters going down. */
rove_status office_open(office *o, rove__bytes certificate, session **out);
rove_status office_receive(office *o, session *s, const void *bytes, size_t size);
/* 1 while there is something to commit; each call commits one batch. */
rove_status office_commit(office *o, session *s, int *again);
rove_status office_received(office *o, session *s);
rove_status office_answer(office *o, session *s, void *bytes, size_t capacity, size_t *size);
void office_close(office *o, session *s);
void office_remember(office *o, const rove__buf *body, rove_replica replica);
void office_remember_drop(office *o, const rove__buf *body);
/* The body of a request to the drop box, from anybody; appends the answer. */
rove_status office_drop(office *o, const void *body, size_t size, rove__buf *answer);
/* What the device is ordered. NOT_FOUND: nothing. */
rove_status office_order(office *o, rove__bytes certificate, rove__buf *answer);
/* What a certificate says of its device. */
rove_status office_identify(void *ctx, rove__bytes certificate, rove__signer *signer);
/* Runs in a read transaction. */
rove_status office_read(office *o, hq_job job, void *ctx);

/* ---- late.c --------------------------------------------------------------------------------------------- */

/* An old request comes once more. */
void late_replay(office *o, sim_dice *dice);
/* The session waits, and its device has given up. 0: too many wait. */
int late_keep(office *o, session *s);
/* One of those is judged. 0: there is none. */
int late_come(office *o);
void late_end(office *o);
/* The device's request comes from somebody else, with another number (`gap`) or another chain. */
void late_forge(device *d, const rove__buf *body, rove_replica replica, int gap);
/* The same store, one call of which says LATER. One at a time. */
const rove__hq_store *late_store(const rove__hq_store *store);
/* So many writing calls from now; 0: none. */
void late_fails_in(uint64_t calls);

/* ---- copy.c --------------------------------------------------------------------------------------------- */

/* What an exchange works with that begins now. Valid until the next call. */
const rove__hq_store *copy_store(office *o, const rove__hq_store *store);
void copy_end(void);

/* ---- epilogue.c ----------------------------------------------------------------------------------------- */

/* Everything is at rest, and was looked at. */
void epilogue(world *w);
/* Makes a device and enrols it (world.c). */
void world_open_device(world *w, unsigned number, int user);

/* ---- acts.c --------------------------------------------------------------------------------------------- */

void acts_act(office *o, const plan_event *event);
/* One more transaction of no consequence: what ended with the one before has ended then. */
void acts_touch(office *o);
/* Runs a command; its exit code. What it printed is kept until the next one. */
int acts_command(office *o, const char *const *words);

/* A backup is made; 0: it is not. Headquarters goes back to it, and is down. */
int acts_back_up(office *o);
void acts_restore(office *o);
/* An operator writes a text of a record. */
void acts_set(office *o, uint32_t record, rove_id id, unsigned field);

/* ---- network.c ------------------------------------------------------------------------------------------ */

rove_transport network_transport(device *d);

/* ---- check.c -------------------------------------------------------------------------------------------- */

/* Everybody has come to rest: everything is looked at. `round` 0: first; 1: after all were started again. */
void check_all(world *w, int round);
/* A device shows what headquarters has of what its rep holds, and nothing else, but what may be late (claims.c). */
void check_shown(world *w, device *d);

/* ---- seals.c -------------------------------------------------------------------------------------------- */

/* Of no honest device a seal is missing, edited or forged (I25). */
void seals_check(world *w);

/* ---- reference.c ---------------------------------------------------------------------------------------- */

/* One write as the history has it. */
typedef struct reference_step {
    uint64_t seq;
    uint32_t write;
    rove_replica by;
} reference_step;
/* A conflict as headquarters keeps it. */
typedef struct reference_conflict {
    uint32_t kept, lost; /* writes */
    uint64_t kept_stamp, lost_stamp;
    rove_replica kept_replica, lost_replica;
    int seen;
} reference_conflict;
/* Merges a register's writes, in the order of the history, by who had seen what; compares conflicts and outcome. */
void reference_register(world *w, const reference_step *steps, size_t count,
                        reference_conflict *conflicts, size_t conflict_count, uint32_t stands,
                        int exact);

#endif
