/*
 * rove/client.h - a field-sales replica: open it, read and write it offline, reconcile it with headquarters.
 *
 * A `rove` is one replica in one folder. Any thread may use it; calls that write wait for each other, readers
 * never wait. Everything that fails returns a status and, where there is one, fills in a rove_error.
 *
 *     rove *replica = NULL;
 *     rove_error error;
 *     if (rove_open(&ports, "/data/replica", &replica, &error) != ROVE_OK) ...
 *
 * Stability: stable; structs with a `size` first are extended at their end. Valid C99, C11 and C++.
 */
#ifndef ROVE_CLIENT_H
#define ROVE_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"
#include "rove/sys/alloc.h"
#include "rove/sys/clock.h"
#include "rove/sys/crypto.h"
#include "rove/sys/files.h"
#include "rove/sys/log.h"
#include "rove/sys/random.h"
#include "rove/sys/transport.h"
#include "rove/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_VERSION_TEXT "0.1.0"

typedef struct rove rove;

/* ---- opening ------------------------------------------------------------------------------------------ */

/* What the host provides; the struct is copied, what it points to is borrowed until rove_close. */
typedef struct rove_ports {
    rove_allocator allocator;
    rove_clock clock;
    rove_random random;
    rove_files files;
    rove_crypto crypto;
    rove_transport transport; /* may be all zeros: then nothing that needs headquarters works (NETWORK) */
    rove_log log;             /* write may be NULL */
    const char *app;          /* name and version of the app, for the operator; may be NULL */
} rove_ports;

/*
 * Opens or creates the replica in a folder (UTF-8 path). *replica is owned by the caller: rove_close.
 * BUSY: another process has it (its pid is in the message). READONLY, FULL, IO, NOMEM. CORRUPT: the file is
 * damaged; nothing was changed. UPGRADE: a newer version wrote it.
 */
ROVE_CHECK rove_status rove_open(const rove_ports *ports, const char *folder, rove **replica,
                                 rove_error *error);
/* Waits for calls under way on other threads? No: there must be none. NULL is fine. */
void rove_close(rove *replica);

/* ---- enrolment ---------------------------------------------------------------------------------------- */

/*
 * Makes a key on this device and exchanges a one-time code for a certificate. `url` is that of headquarters
 * ("https://hq.example.com:8443"). `code` is what the operator gave, in any grouping: it carries the code and
 * the fingerprint of headquarters' key, so that the first contact trusts nobody else.
 * CODE: wrong, used or expired. EXISTS: enrolled already. TLS, NETWORK, TIMEOUT, NOT_ROVE.
 */
ROVE_CHECK rove_status rove_enroll(rove *replica, const char *url, const char *code,
                                   rove_error *error);

/* ---- writing ------------------------------------------------------------------------------------------ */

/* A field and its value, by the column name of the entity ("outcome", "billing_city"). */
typedef struct rove_field {
    const char *name;
    rove_value value;
} rove_field;

/* A value for a rove_field. Nothing is copied or owned. Any thread. */
rove_value rove_null(void);
rove_value rove_int(int64_t integer);
rove_value rove_real(double real);
rove_value rove_text(const char *text); /* borrowed until the call that takes it returns */

/*
 * Several writes as one: they are kept, and reach headquarters, together or not at all. Between begin and
 * commit other writers wait, so keep it short. A failed write does not end the transaction. Without a
 * transaction each write is one of its own. Same thread from begin to commit.
 */
ROVE_CHECK rove_status rove_begin(rove *replica, rove_error *error);
ROVE_CHECK rove_status rove_commit(rove *replica, rove_error *error);
void rove_rollback(rove *replica);

/* Makes a record; *id is its name for ever. `entity` as in entities.proto: "Visit". Durable when it returns. */
ROVE_CHECK rove_status rove_insert(rove *replica, const char *entity, const rove_field *fields,
                                   size_t count, rove_id *id, rove_error *error);
/* Changes fields; those not named stay. NOT_FOUND, and what the rules refuse: RANGE, DENIED, STATE ... */
ROVE_CHECK rove_status rove_update(rove *replica, const char *entity, rove_id id,
                                   const rove_field *fields, size_t count, rove_error *error);
ROVE_CHECK rove_status rove_delete(rove *replica, const char *entity, rove_id id,
                                   rove_error *error);
/* Adds to a counter. */
ROVE_CHECK rove_status rove_increment(rove *replica, const char *entity, rove_id id,
                                      const char *field, int64_t delta, rove_error *error);
/* Adds an element to a set, or removes it (`present` 0). */
ROVE_CHECK rove_status rove_element(rove *replica, const char *entity, rove_id id,
                                    const char *field, rove_value element, int present,
                                    rove_error *error);
/* Writes fields and seals the record as it then stands: it never changes again. */
ROVE_CHECK rove_status rove_seal(rove *replica, const char *entity, rove_id id,
                                 const rove_field *fields, size_t count, rove_error *error);
/* Takes back what has not been sent yet of a record: its fields show what headquarters last said. */
ROVE_CHECK rove_status rove_undo(rove *replica, const char *entity, rove_id id, rove_error *error);

/* The same with the packed bytes of a message of entities.proto: the stable form for shells. id 0 in the
 * message: insert, else update. */
ROVE_CHECK rove_status rove_put_packed(rove *replica, const char *entity, const void *bytes,
                                       size_t size, rove_id *id, rove_error *error);
/* And with the generated struct (entities.pb-c.h): rove_put(replica, &visit.base, &id, &error). */
struct ProtobufCMessage;
ROVE_CHECK rove_status rove_put(rove *replica, const struct ProtobufCMessage *message, rove_id *id,
                                rove_error *error);

/* ---- reading ------------------------------------------------------------------------------------------ */

/* Packed bytes of a record as shown; *bytes is owned by the caller: rove_release. NOT_FOUND. */
ROVE_CHECK rove_status rove_get_packed(rove *replica, const char *entity, rove_id id,
                                       void **bytes, size_t *size, rove_error *error);
/* The generated struct; cast it by its entity. Owned by the caller: rove_release_message. */
ROVE_CHECK rove_status rove_get(rove *replica, const char *entity, rove_id id,
                                struct ProtobufCMessage **message, rove_error *error);
void rove_release(rove *replica, void *bytes);
void rove_release_message(rove *replica, struct ProtobufCMessage *message);

/*
 * Any SELECT over the typed tables (a table per entity, snake_case; see docs/data-model.md). Parameters bind to
 * ?1, ?2 ... DENIED for anything that is not a SELECT. A query holds its own snapshot; it belongs to one
 * thread; free it before rove_close.
 */
typedef struct rove_query rove_query;
ROVE_CHECK rove_status rove_query_new(rove *replica, const char *sql, const rove_value *parameters,
                                      size_t count, rove_query **query, rove_error *error);
/* ROVE_OK: there is a row; ROVE_DONE: there is none. */
ROVE_CHECK rove_status rove_query_step(rove_query *query, rove_error *error);
size_t rove_query_columns(const rove_query *query);
const char *rove_query_name(const rove_query *query, size_t column);
rove_value rove_query_value(const rove_query *query, size_t column); /* borrowed until the next step */
void rove_query_free(rove_query *query);

/* Called after each commit on the thread that committed; id 0: many records of this entity. The callback may
 * read but not write. One watcher; NULL ends it. */
typedef struct rove_event {
    const char *entity;
    rove_id id;
} rove_event;
typedef void (*rove_watcher)(void *ctx, const rove_event *events, size_t count);
void rove_watch(rove *replica, rove_watcher watcher, void *ctx);

/* What the entities and fields are, for generic screens. Names are borrowed for the life of the replica. */
typedef struct rove_field_info {
    const char *name;
    rove_type type;
    uint32_t number;
    const char *kind;     /* "register", "rank", "counter", "set", "derived" */
    const char *writer;   /* "rep", "author", "headquarters" */
    const char *target;   /* entity referred to, "any root", or NULL */
    int64_t min, max;     /* of a number; bytes of a text; elements of a set */
    int required, instant, money, boolean, degrees_e7, custom, picklist;
} rove_field_info;
size_t rove_entity_count(const rove *replica);
const char *rove_entity_name(const rove *replica, size_t position);
ROVE_CHECK rove_status rove_entity_table(const rove *replica, const char *entity, const char **table);
ROVE_CHECK rove_status rove_field_at(const rove *replica, const char *entity, size_t position,
                                     rove_field_info *info); /* ROVE_DONE past the last */
/* An enumeration's key and back: "IN_PROGRESS" <-> 2. NOT_FOUND, UNKNOWN_FIELD. */
ROVE_CHECK rove_status rove_enum_key(const rove *replica, const char *entity, const char *field,
                                     int64_t value, const char **key);
ROVE_CHECK rove_status rove_enum_value(const rove *replica, const char *entity, const char *field,
                                       const char *key, int64_t *value);

/* ---- state -------------------------------------------------------------------------------------------- */

/* How the replica is doing, for a status screen and for support. */
typedef struct rove_state {
    size_t size;             /* sizeof(rove_state), set by the caller */
    int enrolled;
    rove_replica replica;
    rove_id user;
    const char *url;         /* of headquarters; borrowed until the next enrolment; "" if not enrolled */
    int64_t now_ms;          /* trusted time */
    int clock_trusted;       /* 0: no contact since the last boot; now_ms may be off */
    int64_t clock_offset_ms; /* trusted minus wall clock */
    uint64_t seq;            /* of headquarters' stream, as far as this replica holds it */
    int catching_up;         /* a download is not complete yet */
    int64_t verified_ms;     /* when the replica was last found equal to headquarters; 0: never */
    int64_t contact_ms;      /* when headquarters last answered; 0: never */
    int64_t next_sync_ms;    /* when to sync again, by trusted time; 0: whenever */
    int64_t certificate_until_ms;
    uint64_t records;        /* held */
    uint64_t scopes;
    uint64_t pending;        /* records with work that headquarters has not acknowledged */
    uint64_t quarantined;
    uint64_t rejections;
    uint64_t conflicts;      /* open ones */
    uint64_t disk_bytes;
} rove_state;
/* Fills in *state, as far as its `size` reaches. INVALID, LOCKED, IO. Any thread. */
ROVE_CHECK rove_status rove_read_state(rove *replica, rove_state *state, rove_error *error);
/* Trusted time in Unix ms: headquarters' clock as carried on by this device's boot clock. */
int64_t rove_now_ms(rove *replica);

/* ISO 8601 in UTC, as text and back: for shells that have nothing better. Any thread. */
#define ROVE_TIME_SIZE 32
void rove_time_format(int64_t unix_ms, char text[ROVE_TIME_SIZE]);
/* Dates, and times with Z, an offset or nothing (UTC). INVALID otherwise. */
ROVE_CHECK rove_status rove_time_parse(const char *text, int64_t *unix_ms);

/* ---- syncing ------------------------------------------------------------------------------------------- */

typedef struct rove_sync_progress {
    uint64_t bytes_sent, bytes_received;
    uint64_t rows_pushed, rows_applied;
    uint64_t rows_expected; /* 0: unknown */
    uint64_t requests;
} rove_sync_progress;

typedef struct rove_sync_options {
    size_t size;             /* sizeof(rove_sync_options), set by the caller */
    int64_t seconds_max;     /* budget; 0: none. What is left follows next time: LIMIT */
    uint64_t bytes_max;      /* budget, received; 0: none */
    void (*progress)(void *ctx, const rove_sync_progress *progress); /* now and then; may be NULL */
    int (*cancelled)(void *ctx); /* asked a few times a second; nonzero ends with CANCELLED; may be NULL */
    void *ctx;
} rove_sync_options;

typedef struct rove_sync_report {
    uint64_t requests, bytes_sent, bytes_received; /* above TLS, headers included */
    uint64_t batches, rows_pushed, rows_applied, rows_removed;
    uint64_t scopes_entered, scopes_left;
    uint64_t rejected, reviewed, lost;
    int verified;
    int64_t duration_ms;
    int64_t next_sync_ms;
} rove_sync_report;

/*
 * Reconciles until nothing is left to do, the budget is used up, or it fails; blocks, while other threads go
 * on reading and writing. Renews the certificate when it is time. One sync at a time: BUSY. `report` is filled in even on
 * failure. What was done stays done: cancel, kill or lose the network at any moment and sync again.
 */
ROVE_CHECK rove_status rove_sync(rove *replica, const rove_sync_options *options,
                                 rove_sync_report *report, rove_error *error);

/*
 * One exchange by hand, for hosts that bring their own event loop: the body to POST to
 * <url>/v1/exchange, the answer as it comes, and what came of it.
 *     rove_exchange_new; rove_exchange_request until *size is 0; rove_exchange_answer ...; rove_exchange_finish
 * *again: start another at once. *next_sync_ms: else when. finish frees it in any case.
 */
typedef struct rove_exchange rove_exchange;
ROVE_CHECK rove_status rove_exchange_new(rove *replica, uint64_t bytes_max, rove_exchange **exchange,
                                         rove_error *error);
ROVE_CHECK rove_status rove_exchange_request(rove_exchange *exchange, void *bytes, size_t capacity,
                                             size_t *size, rove_error *error);
ROVE_CHECK rove_status rove_exchange_answer(rove_exchange *exchange, const void *bytes, size_t size,
                                            rove_error *error);
ROVE_CHECK rove_status rove_exchange_finish(rove_exchange *exchange, rove_status transport,
                                            int *again, rove_sync_report *report,
                                            rove_error *error);

/* ---- what needs the rep's eye -------------------------------------------------------------------------- */

/* A write that headquarters refused. The record shows headquarters' version; the write is kept here. */
typedef struct rove_rejection {
    int64_t number;
    const char *entity;
    rove_id id;
    rove_status status;
    const char *reason; /* a sentence */
    int64_t at_ms;
} rove_rejection;
typedef rove_status (*rove_rejection_visitor)(void *ctx, const rove_rejection *rejection);
ROVE_CHECK rove_status rove_rejections(rove *replica, rove_rejection_visitor visit, void *ctx,
                                       rove_error *error);
/* Puts it back as pending work, with these fields instead (may be none). */
ROVE_CHECK rove_status rove_rejection_retry(rove *replica, int64_t number, const rove_field *fixes,
                                            size_t count, rove_error *error);
/* Gives it up for good; recorded. */
ROVE_CHECK rove_status rove_rejection_discard(rove *replica, int64_t number, rove_error *error);

/* A row from headquarters that could not be applied; the rest went on. */
typedef struct rove_quarantined {
    const char *entity; /* "?" for one that this build does not know */
    rove_id id;
    rove_status status;
    const char *reason;
} rove_quarantined;
typedef rove_status (*rove_quarantine_visitor)(void *ctx, const rove_quarantined *row);
ROVE_CHECK rove_status rove_quarantine(rove *replica, rove_quarantine_visitor visit, void *ctx,
                                       rove_error *error);
ROVE_CHECK rove_status rove_quarantine_retry(rove *replica, uint64_t *left, rove_error *error);

/* Work that headquarters has not acknowledged. */
typedef struct rove_pending {
    const char *entity;
    rove_id id;
    const char *what;   /* "insert", "update", "delete", "seal" */
    int in_flight;      /* 1: frozen into a batch, may have arrived */
    const char *fields; /* changed ones, comma-separated; "" for the whole record */
    int64_t at_ms;      /* of the last edit, trusted time then */
} rove_pending;
typedef rove_status (*rove_pending_visitor)(void *ctx, const rove_pending *pending);
/* Newest first. */
ROVE_CHECK rove_status rove_pending_list(rove *replica, rove_pending_visitor visit, void *ctx,
                                         rove_error *error);

/* Two writes that met unseen: both values with authors and times. Borrowed during the call. */
typedef struct rove_conflict {
    rove_id number;     /* of the Conflict record */
    const char *entity;
    rove_id id;
    const char *field;  /* "" for the whole record */
    const char *kind;   /* "REGISTER_WRITE" ... as in entities.proto */
    rove_value kept, lost;
    rove_id kept_user, lost_user;
    int64_t kept_at_ms, lost_at_ms;         /* corrected */
    int64_t kept_raw_at_ms, lost_raw_at_ms; /* by the writers' own clocks */
    int open;
} rove_conflict;
typedef rove_status (*rove_conflict_visitor)(void *ctx, const rove_conflict *conflict);
ROVE_CHECK rove_status rove_conflicts(rove *replica, rove_conflict_visitor visit, void *ctx,
                                      rove_error *error);
/* restore 1: writes the losing value again as a new write; 0: keeps what stands. Marks it resolved. */
ROVE_CHECK rove_status rove_conflict_settle(rove *replica, rove_id number, int restore,
                                            rove_error *error);

/* Recomputes every digest and checks the file. CORRUPT says where. *records counts what was checked. */
ROVE_CHECK rove_status rove_verify(rove *replica, uint64_t *records, rove_error *error);

#ifdef __cplusplus
}
#endif
#endif
