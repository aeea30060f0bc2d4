/*
 * sync/judge_state.h - what the files of the judge share.
 *
 * A batch is a list of ops (one change of one record each), sorted so that all ops of a record follow each other, an insert
 * first. A record is one rove__case: loaded once, changed op by op, stored once. An op under judgement is a rove__act:
 * one of the batch, or one that had been parked.
 */
#ifndef ROVE_SYNC_JUDGE_STATE_H
#define ROVE_SYNC_JUDGE_STATE_H

#include "base/alloc.h"
#include "base/log.h"
#include "base/siphash.h"
#include "base/text.h"
#include "merge/merge.h"
#include "rules/rules.h"
#include "sync/entitle.h"
#include "sync/exchange.h"
#include "sync/judge.h"
#include "sync/timeline.h"
#include "sync/writer.h"
#include "wire/batch.h"

#define ROVE_JUDGE_CACHE     64u
#define ROVE_JUDGE_ARENA_MAX ((size_t)64 * 1024 * 1024)
/* Further from what it could be, a stamp makes its record clock_suspect. */
#define ROVE_SUSPECT_MS 300000

/* A device's stamp of one act: of an insert (field 0), of a delete (field 0), of an edit. */
typedef struct rove__op_stamp {
    rove_stamp raw;
    rove_stamp canonical; /* drawn when the batch is judged */
    uint32_t op;          /* position of its op as staged */
} rove__op_stamp;

/* One change of a batch; what it says waits in the spool. There may be ROVE_PUSH_CHANGES_MAX of them. */
typedef struct rove__staged_op {
    rove_id id;
    rove__origin origin;
    rove__cursor cursor;
    uint32_t at, size; /* its change, encoded, in the spool; `at` ascends as staged */
    uint32_t entity;
    rove_replica replica;
    uint32_t stamp; /* its first stamp */
    uint16_t stamp_count;
    uint8_t op; /* rove__op */
    uint8_t suspect;
} rove__staged_op;

struct rove__staged {
    rove__stage *stage;
    uint64_t number;
    uint32_t frames;
    int complete;
    rove__chain previous;
    rove__chain hash;     /* of the frames that came */
    int sealed;           /* it came sealed: it cannot be frozen again */
    rove__chain promised; /* sealed: the hash that was signed */
    rove_replica former; /* whose number it bears, if not that of the connection's device; else 0 */
    rove__signer signer; /* who signed it */
    int dropped;         /* it came through the drop box */
    rove__staged_op *ops; /* owned */
    size_t count, capacity;
    rove__op_stamp *stamps; /* owned */
    size_t stamp_count, stamp_capacity;
};

typedef struct rove__held_slot {
    rove_id user;
    rove_id root; /* user 0: empty */
    rove__holdings holdings;
    int late;       /* true only of what was before this batch */
    uint64_t asked; /* when; 0: never */
} rove__held_slot;

/* What the changes of a record's history did, each with its number and stamp (judge_facts.c). Of an insert all is kept. */
#define ROVE_JUDGE_FACTS_MAX 262144u
typedef enum rove__fact_kind {
    ROVE_FACT_DELETE,
    ROVE_FACT_VALUE,     /* of an edit: the hash of what it wrote */
    ROVE_FACT_INCREMENT, /* low: the delta; high: its place in the history */
    ROVE_FACT_ELEMENT    /* the hash of an element and of what was done to it */
} rove__fact_kind;
typedef struct rove__fact {
    rove_stamp raw;
    rove__hash128 what;
    rove_replica replica;
    uint32_t field; /* 0: a delete */
    rove__fact_kind kind;
} rove__fact;
typedef struct rove__known_insert {
    rove__change change; /* in judge->record */
    struct rove__known_insert *next;
} rove__known_insert;
typedef struct rove__facts {
    rove__fact *items; /* owned */
    size_t count, capacity;
    size_t *runs; /* where each ends; owned */
    size_t run_count, run_capacity;
    rove__known_insert *inserts; /* as they were done */
    int over;                    /* there are more than it takes */
} rove__facts;

typedef struct rove__judge {
    const rove__server_ports *ports;
    const rove__hq_store *store;
    rove__hq_tx *tx;
    rove__hq_device *device;
    rove__staged *staged;
    rove__server_stats *stats;
    rove__answer *answer;
    rove__writer *writer;
    const rove__entity *role;     /* AccountContactRole */
    const rove__entity *conflict; /* Conflict */
    const rove__entity *review;   /* Review */
    rove__arena record;           /* of one case */
    rove__arena answers;          /* of the batch: reasons, renames */
    rove__batch_writer *packer;   /* of a case's history */
    rove__buf packed;
    rove__buf read;          /* the change of the op at hand, encoded */
    rove__buf hashed;        /* a value, to be hashed */
    rove__facts facts;       /* of the case at hand, if facts_read */
    rove__verdict *verdicts; /* owned */
    size_t verdict_count, verdict_capacity;
    rove__canonical *canonicals; /* owned */
    size_t canonical_count, canonical_capacity;
    rove_id *refused; /* roots whose insert this batch was refused (D8); owned */
    size_t refused_count, refused_capacity;
    rove__held_slot held[ROVE_JUDGE_CACHE];
    uint64_t held_asked;       /* how often */
    rove__timelines timelines; /* that cursors of this batch are of */
    rove__cursor clip_of;      /* the cursor clipped last */
    int clip_known;
    uint64_t clip_seq;
    rove_stamp clip_stamp; /* of the head when it passed clip_seq */
    int parked_known;      /* the next two are what of the device's user waits (P15) */
    uint64_t parked_edits;
    uint64_t parked_bytes;
    rove_replica user_of; /* the replica looked up last */
    rove_id user_found;
    int made_up; /* headquarters does not know `device`: stored, this one would lock the real one out (T3) */
    rove_error *error;

    /* of a batch of a former number (judge_former.c), and of one that cannot be frozen again */
    int former;
    int stray;  /* it does not follow its author's chain */
    int kept;   /* nor can it: it is the batch of its number, judged once more */
    int forked; /* nothing is its author's own (P5) */
    int copied; /* another device came of its own: after a restore that one's work may be here first (P3) */
    const char *doubt;    /* why all of it goes to review; NULL: it is judged */
    rove__hash128 *heard; /* what is in review, or was; owned */
    size_t heard_count, heard_capacity;
    int heard_listed;
    rove__staged_op *as_staged; /* the ops before they were renamed; owned */
} rove__judge;

/* One record under judgement. */
typedef struct rove__case {
    rove__judge *judge;
    uint32_t entity;
    rove_id id;
    int stood; /* `before` is what headquarters had */
    rove__hq_row before;
    int taken;  /* another record has its id */
    int exists; /* `after` holds the record as it will stand */
    rove__hq_row after;
    int changed; /* it is to be stored */
    int differs; /* the device has to be sent what came out */
    int suspect;
    int reviewed;        /* its insert went to review, and what follows goes with it */
    rove_status refused; /* its insert was refused, and what follows is refused with it */
    const char *reason;
    size_t judged;               /* changes in judge->packer, for the history */
    int facts_read;              /* judge->facts holds what its history does */
    struct rove__traced *traced; /* what was found out by rove__judge_trace */
} rove__case;

/* One op under judgement. */
typedef struct rove__act {
    rove__change change;          /* in judge->record */
    rove__bytes packed;           /* the same, encoded */
    const rove__op_stamp *stamps; /* one per edit; one for an insert or a delete */
    rove_id user;
    rove_replica replica;
    int own;    /* `replica` is the number of a device that is its author (P5) */
    int again;  /* it may have come before, in another batch (P3) */
    int parked; /* it had been parked: nobody waits for a verdict */
    int decided; /* an operator accepts it: nobody's entitlement is asked for, and it fails if refused */
    uint64_t cursor; /* clipped */
} rove__act;

/* The latest of its stamps. */
static inline rove_stamp rove__act_latest(const rove__act *act) {
    rove_stamp latest = act->stamps[0].canonical;

    for (size_t i = 1; i < act->change.edit_count; i++) {
        latest = act->stamps[i].canonical > latest ? act->stamps[i].canonical : latest;
    }
    return latest;
}

/* In whose name a transaction is made: the device's, or an operator's. */
typedef struct rove__judge_actor {
    const char *act;
    const char *operator_name; /* "": the device's */
} rove__judge_actor;

/* judge.c */
void rove__judge_close(rove__judge *judge);
ROVE_CHECK rove_status rove__judge_open(rove__judge *judge, const rove__server_ports *ports,
                                        rove__hq_tx *tx, rove__hq_device *device, int64_t now_ms,
                                        const rove__judge_actor *actor, rove__server_stats *stats,
                                        rove_error *error);
ROVE_CHECK rove_status rove__judge_clip(rove__judge *judge, rove__cursor cursor, uint64_t *seq,
                                        rove_stamp *stamp);
/* Decodes one change into the arena of the record. */
ROVE_CHECK rove_status rove__judge_unpack(rove__judge *judge, rove__bytes packed,
                                          rove__change *change);
/* Judges one op; the case may not exist yet. */
ROVE_CHECK rove_status rove__judge_act(rove__case *c, const rove__act *act);
/* What headquarters has of the record, if it is this one: an id may be another's by now. */
ROVE_CHECK rove_status rove__case_load(rove__case *c, rove__origin origin);
/* Stores what came out, if anything did. */
ROVE_CHECK rove_status rove__case_store(rove__case *c);
/* Counts, for both, which of two concurrent writes the clock has let stand; of one user's own devices nothing. */
ROVE_CHECK rove_status rove__judge_contest(rove__judge *judge, const rove__act *act,
                                           rove_replica other, int won);
/* The user behind a replica number; 0 for headquarters. */
ROVE_CHECK rove_status rove__judge_user(rove__judge *judge, rove_replica replica, rove_id *user);
/* 1: the device's own number; 2: one that it had before (P3); 0: another's. */
ROVE_CHECK rove_status rove__judge_replica(rove__judge *judge, rove_replica replica, int *whose);
/* Sets `forked`: whether records here may bear the author's number that he had not seen when he wrote. */
ROVE_CHECK rove_status rove__judge_is_forked(rove__judge *judge);
/* Sets `copied`. */
ROVE_CHECK rove_status rove__judge_is_copied(rove__judge *judge);

/* judge_names.c (P4): fills answer->renames. */
ROVE_CHECK rove_status rove__judge_names(rove__judge *judge);
/* So many names of one record are kept with what it came as: a device may send it under as many ids as it likes. */
#define ROVE_JUDGE_NAMES_MAX 16u
/*
 * Keeps what a record that came as `id` is called here, for the audit of what its device signed. If it is called as it came, and that
 * name is of nobody's number, headquarters had given it before it was restored; then it is kept that it does not know what it was. So it
 * is of what is beyond ROVE_JUDGE_NAMES_MAX.
 */
ROVE_CHECK rove_status rove__judge_note_name(const rove__hq_store *store, rove__hq_tx *tx,
                                             const rove__rename *rename);
/*
 * Of a batch that was taken: which of its records have other ids here. If any has, the answer is a RENUMBER of them: whoever made
 * them hears of it before he writes more about them, also if he did not hear it the first time.
 */
ROVE_CHECK rove_status rove__judge_names_told(const rove__hq_store *store, rove__hq_tx *tx,
                                              const rove__staged *staged, rove__answer *answer);
/* 1 if some root other than of this entity has the id already. */
ROVE_CHECK rove_status rove__judge_root_taken(rove__judge *judge, const rove__entity *entity,
                                              rove_id id, int *taken);

/* judge_insert.c, judge_cells.c, judge_seal.c, judge_delete.c: one op each. */
ROVE_CHECK rove_status rove__judge_insert(rove__case *c, const rove__act *act);
ROVE_CHECK rove_status rove__judge_update(rove__case *c, const rove__act *act);
ROVE_CHECK rove_status rove__judge_seal(rove__case *c, const rove__act *act);
ROVE_CHECK rove_status rove__judge_delete(rove__case *c, const rove__act *act);
/* A dead record comes back, for review (P12). */
ROVE_CHECK rove_status rove__judge_revive(rove__case *c, const rove__act *act);
/* What the row has for a field; NULL value if nothing. */
rove_value rove__case_cell(rove__case *c, uint32_t field);
/* 1 if the row stays small enough for a frame, and has few enough unknown fields, with this value in this cell. */
int rove__case_fits(rove__case *c, uint32_t field, const rove_value *value);
/* What a change carries for a field; NULL value if nothing. */
rove_value rove__change_cell(const rove__change *change, uint32_t field);
/* Writes a cell and its clock entry. NOMEM; TOO_BIG: an unknown field more than a row may have. */
ROVE_CHECK rove_status rove__case_set(rove__case *c, uint32_t field, rove_value value,
                                      rove__version version, uint32_t epoch);
/* 1 if headquarters has the record sealed. */
int rove__case_sealed(const rove__case *c);
/* 1 if the cell came with the row by NEED_ROW: who wrote it only the device says that had it. */
int rove__case_salvaged(const rove__case *c, const rove__clock_entry *entry);
/* 1 if the author's number counts for "own" against this cell: not where it came by NEED_ROW (P5). */
int rove__case_own(const rove__case *c, const rove__act *act, const rove__clock_entry *entry);
/* Applies a set's or a counter's delta; *known: the author can tell the result by himself. */
ROVE_CHECK rove_status rove__judge_set(rove__case *c, const rove__act *act, uint32_t field,
                                       rove__version version, rove__version base, rove_value delta,
                                       rove__version *result, int *known);
/* A set as its elements; of acts, what they make of `stands`. What cannot be read stays as it is. */
ROVE_CHECK rove_status rove__judge_plain_set(rove__judge *judge, const rove_value *value,
                                             const rove_value *stands, rove_value *plain);
/* Both sides of a conflict as their elements: so they are compared, and so the log has them. */
ROVE_CHECK rove_status rove__judge_plain_sets(rove__judge *judge, rove__cell *stands,
                                              rove__cell *write);
ROVE_CHECK rove_status rove__judge_counter(rove__case *c, const rove__act *act, uint32_t field,
                                           rove__version version, rove__version base,
                                           rove_value increments, rove__version *result,
                                           int *known);

/* judge_entitle.c (P14) */
ROVE_CHECK rove_status rove__judge_held(rove__judge *judge, rove_id user, rove__scope scope,
                                        uint64_t from, int *held);
/* The batch has changed who holds what. */
void rove__judge_forget_held(rove__judge *judge);
/* The same, by a role row that was stored. */
ROVE_CHECK rove_status rove__judge_edge(rove__judge *judge);
/* `part`: where it is to be written to, in place of the parts in which the row was; -1: as it was. */
ROVE_CHECK rove_status rove__judge_entitled(rove__case *c, const rove__act *act, int32_t part,
                                            int *entitled);
/* For an insert, or an update that moves: the scope named may be written to. */
/* To review, for want of entitlement; `reason` says what was not held. */
ROVE_CHECK rove_status rove__judge_not_held(rove__case *c, const rove__act *act,
                                            const char *reason);
ROVE_CHECK rove_status rove__judge_may_enter(rove__case *c, const rove__act *act,
                                             const rove__row *row, int *entitled);

/* judge_park.c (P15) */
ROVE_CHECK rove_status rove__judge_park(rove__case *c, const rove__act *act);
/* `insert`: what brought the record, which may hold some of what waits; NULL: no insert did. */
ROVE_CHECK rove_status rove__judge_unpark(rove__case *c, const rove__change *insert);
#define ROVE_REVIEW_RETURNED 2 /* rove__hq_review.state */
/* What waits for a record that an operator returns is returned with it: nothing else would ever bring it. */
ROVE_CHECK rove_status rove__judge_return_parked(rove__judge *judge, const rove__hq_review *review,
                                                 const rove__decision *decision);
/* Another id for the case where its own is taken by now. */
/* The id of a record that is not here: its own if it was here and purged, a fresh one if it is taken. */
ROVE_CHECK rove_status rove__case_free_id(rove__case *c, const rove__entity *entity,
                                          rove__origin origin);
/* Takes in a row as a device had it (WHOLE); `*taken` 0: its author may not write there. */
ROVE_CHECK rove_status rove__judge_take_row(rove__case *c, const rove__act *act, int *taken);

/* Judges the ops of a batch that is due. */
ROVE_CHECK rove_status rove__judge_fresh(rove__judge *judge);
/* judge_former.c: gives the records of a sealed batch the names that judge_names found; takes it back, if all fails. */
ROVE_CHECK rove_status rove__judge_rename(rove__judge *judge);
void rove__judge_unrename(rove__judge *judge);
/* 1 if the same change is in review, or was. */
ROVE_CHECK rove_status rove__judge_heard(rove__judge *judge, const rove__act *act, int *heard);

/* judge_facts.c. Reads the history, once in a case; and adds what the case put there since. */
ROVE_CHECK rove_status rove__facts_read(rove__case *c);
ROVE_CHECK rove_status rove__facts_add(rove__case *c, rove__bytes packed);
void rove__facts_free(rove__judge *judge);
/* `what` of a value (action 0), or of an element. */
ROVE_CHECK rove_status rove__fact_value(rove__judge *judge, const rove_value *value, int action,
                                        rove__hash128 *what);
int rove__facts_has(const rove__facts *facts, const rove__fact *fact);
int rove__facts_of_replica(const rove__facts *facts, rove_replica replica);
/* Any of its replica, field and kind. */
int rove__facts_of_field(const rove__facts *facts, const rove__fact *like);
/* Takes the increments of its replica, field and raw stamp out of *delta, one after another until nothing is left. */
void rove__facts_take(const rove__facts *facts, const rove__fact *like, int64_t *delta);

/* judge_known.c (P3): drops edits of a change that the record's history has. *known: nothing is left. */
#define ROVE_JUDGE_UNTOLD 2             /* in *known: the history is too long to tell */
extern const char rove__judge_untold[]; /* why that goes to review */
ROVE_CHECK rove_status rove__judge_known(rove__case *c, rove__act *act, int *known);
/* The same, of what an insert holds that is not in the history yet. */
ROVE_CHECK rove_status rove__judge_brought(rove__case *c, rove__act *act,
                                           const rove__change *insert, int *known);

/* judge_conflict.c: one entry of the conflict log. */
typedef struct rove__clash {
    int kind;       /* ROVE__CONFLICT__KIND__* */
    uint32_t field; /* 0: the whole record */
    rove__cell kept;
    rove__cell lost;
    int write_kept; /* the write judged is the one kept */
    rove_stamp raw; /* of the write judged; 0: unknown */
    rove_id user;   /* who wrote it */
    uint64_t seq;   /* at which the other side was written; 0: as the clock says of the field */
    rove_stamp other_raw; /* of the other side; 0: as the history says */
} rove__clash;
/* Who wrote a field (0: any) of the case's record at a seq, and by what own clock; zeros if nobody knows. */
typedef struct rove__trace {
    rove_replica replica;
    rove_stamp raw;
} rove__trace;
ROVE_CHECK rove_status rove__judge_trace(rove__case *c, uint64_t seq, uint32_t field,
                                         rove__trace *trace);
/* What the case put into the history at the seq at hand. */
ROVE_CHECK rove_status rove__traces_add(rove__case *c, rove__bytes packed);
ROVE_CHECK rove_status rove__judge_conflict(rove__case *c, const rove__clash *clash);

/* A cell of a row that headquarters keeps about others' work; what its field does not allow is left out. */
void rove__judge_put(rove__row *row, const char *column, rove_value value);
void rove__judge_put_number(rove__row *row, const char *column, int64_t number); /* 0: none */

/* judge_redirect.c (P13) */
ROVE_CHECK rove_status rove__judge_redirects(rove__case *c, const rove__act *act, uint32_t field,
                                             rove_value value, int *refused);
/* A lead converted twice: the account or contact that lost is redirected to the one that stands, if who named it is entitled to
 * it. `write_kept`: the write judged is the one that stands. */
ROVE_CHECK rove_status rove__judge_second_conversion(rove__case *c, const rove__act *act,
                                                     uint32_t field, rove_value kept,
                                                     rove_value lost, int write_kept);

/* judge_tell.c: what the author of work in review sees of it. */
ROVE_CHECK rove_status rove__judge_tell(rove__judge *judge, const rove__act *act,
                                        const rove__hq_review *review);
ROVE_CHECK rove_status rove__judge_tell_decision(rove__judge *judge, const rove__hq_review *review,
                                                 const rove__decision *decision);

/* judge_verdict.c */
ROVE_CHECK rove_status rove__judge_verdict(rove__case *c, const rove__act *act, uint32_t field,
                                           rove__verdict_code code, rove_status status,
                                           const char *reason);
/* Headquarters looks at it: the change is kept as it came. */
ROVE_CHECK rove_status rove__judge_review(rove__case *c, const rove__act *act, const char *reason);
/* 0: its device has dropped it, or was told that it waits, and hears of no verdict. */
int rove__judge_listens(const rove__case *c, const rove__act *act);
/* A rule refused it. */
ROVE_CHECK rove_status rove__judge_refuse(rove__case *c, const rove__act *act, rove_status status,
                                          const char *reason);
/* The stamp that a write got, if the device has to be told. */
ROVE_CHECK rove_status rove__judge_stamped(rove__case *c, const rove__act *act, uint32_t field,
                                           rove_stamp raw, rove_stamp stamp);
/* The change becomes part of the record's history. */
ROVE_CHECK rove_status rove__judge_record(rove__case *c, const rove__change *change);
ROVE_CHECK rove_status rove__answer_row(rove__answer *answer, uint32_t entity, rove_id id);
ROVE_CHECK rove_status rove__answer_rename(rove__answer *answer, const rove__rename *rename);
/* Encodes verdicts and stamps as Ack frames. */
ROVE_CHECK rove_status rove__judge_ack(rove__judge *judge, const rove__chain *chain, uint64_t seq);
/* The next frame of a kept answer, into the arena; CORRUPT: it is spoiled, or there is none. */
ROVE_CHECK rove_status rove__judge_next_ack(rove__reader *frames, rove__arena *arena,
                                            rove__ack *ack);

/* One more item in an owned array. NULL: no memory. */
void *rove__grow(const rove_allocator *allocator, void *items, size_t count, size_t *capacity,
                 size_t size);

#endif
