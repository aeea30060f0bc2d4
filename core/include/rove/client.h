/*
 * rove/client.h - a field-sales replica: open it, read and write it offline, reconcile it with headquarters.
 *
 * A `rove` is one replica in one folder. Everything that fails returns a status and, where there is one, fills in a
 * rove_error, which may be NULL. INVALID is what a call says to arguments that its description excludes (NULL
 * where something is needed, an id below 0), NOMEM may come from every call, and IO, FULL, READONLY,
 * CORRUPT and LOCKED from every call that reads or writes the replica; they are not repeated at each function. A
 * failed call changed nothing; rove_status_classify says who can do something about it.
 *
 * Threads: a handle may be used by any thread, and by several at once, unless a function says otherwise. Calls that
 * write wait for each other, also for a page that a sync is applying; reads never wait for writes, and nothing
 * waits for the network but rove_enroll, rove_sync and rove_wait_run.
 *
 *     rove *replica = NULL;
 *     rove_error error;
 *     if (rove_open(&ports, "/data/replica", &replica, &error) != ROVE_OK) ...
 *
 * docs/client.md is an hour's introduction; docs/examples are whole programs.
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
#include "rove/sys/keyring.h"
#include "rove/sys/log.h"
#include "rove/sys/random.h"
#include "rove/sys/stream.h"
#include "rove/sys/transport.h"
#include "rove/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_VERSION_TEXT "0.1.0"

typedef struct rove rove;

/* ---- opening ------------------------------------------------------------------------------------------ */

/* What the host provides; the struct is copied, what it points to is borrowed until rove_close. rove/posix.h fills it
 * in for POSIX systems. */
typedef struct rove_ports {
    rove_allocator allocator;
    rove_clock clock;
    rove_random random;
    rove_files files;
    rove_crypto crypto;
    rove_transport transport; /* all zeros: what needs headquarters is NETWORK */
    rove_log log;             /* write may be NULL */
    const char *app;          /* name and version of the app, for the operator; may be NULL */
    rove_keyring keyring;     /* all zeros: the replica is not encrypted */
} rove_ports;

/*
 * Opens or creates the replica in a folder (UTF-8 path). *replica is owned by the caller: rove_close.
 * BUSY: this or another process has it open (the pid is in the message). CORRUPT: a file is damaged, or the key file
 * is missing; nothing was changed. WRONG_KEY: the keyring's secret or the PIN does not open it, or it is encrypted and there is
 * no keyring. NOT_ENCRYPTED: there is a keyring, and the replica is a plain one. What the keyring said. LATER: there were too many wrong PINs; with the domain ROVE_DOMAIN_WAIT the error's code says in how many
 * seconds another one may be tried (docs/security.md). UPGRADE: a newer version of the app wrote it. UTF8.
 * WIPED: it was wiped, and its drop box is still to be delivered (rove_drop_send). A damaged identity is no reason not to open: the
 * replica then says that it is not enrolled, and a new code mends it.
 */
ROVE_CHECK rove_status rove_open(const rove_ports *ports, const char *folder, rove **replica,
                                 rove_error *error);
/*
 * Closes and frees the handle; an open transaction is rolled back. The caller sees to it that no call is under way on
 * another thread, and that queries and exchanges were ended. NULL is fine.
 */
void rove_close(rove *replica);

/* ---- the lock ----------------------------------------------------------------------------------------- */

/*
 * An encrypted replica is open, or locked: then its keys, and what was read with them, are overwritten or gone, and everything that
 * reads or writes says LOCKED; reading the state says so. Lock it when the rep turns the device off, and some
 * minutes after the app went to the background. What was committed is safe, and what was not sent waits. The call waits
 * for a write under way; a sync of another thread ends with LOCKED within a second, and what it held goes with it, and so does any
 * other until it is unlocked. Queries that are open say LOCKED from then on: free them, and finish an exchange by hand, for until then they
 * keep what they have read. STATE: the replica is not encrypted, or this
 * thread has a transaction open.
 */
ROVE_CHECK rove_status rove_lock(rove *replica, rove_error *error);
/*
 * Asks the keyring again. OK if it is not locked. WRONG_KEY, LATER, CORRUPT, what the keyring said, as when it is opened; it
 * stays locked then, for a sync too. LOCKED: its lease is over; sync, which asks the keyring itself.
 */
ROVE_CHECK rove_status rove_unlock(rove *replica, rove_error *error);
/*
 * Headquarters may say how long a replica is read without having heard of it: its lease, which each sync grants anew
 * (rove_state.lease_until_ms). When it is over, everything that reads or writes says LOCKED, and an encrypted replica is
 * locked; rove_sync, rove_exchange_new and rove_enroll go on, unlock it by the keyring for themselves, and leave it unlocked if
 * they were granted a lease. What was not sent goes with them. Neither the device's clock nor starting it again adds time.
 */
/*
 * Wraps the replica's key under another secret and PIN, in milliseconds: the records are not written anew. `secret`: what the
 * keyring will give from now on, ROVE_SECRET_SIZE bytes; NULL: what it gives now. `pin`: NULL for none. If the power goes, or
 * the disk fails (IO), it is the old or the new one: keep both until the replica was opened. INVALID: a PIN is 1 to
 * ROVE_PIN_MAX bytes. BUSY: another secret, and a sync is under way. STATE: the replica is not encrypted, or this thread has a
 * transaction open. LOCKED.
 */
ROVE_CHECK rove_status rove_wrap_key(rove *replica, const uint8_t *secret, const char *pin,
                                     size_t pin_size, rove_error *error);

/*
 * Writes all records anew under another key, in place of the one that the replica has had: for when that one, or the secret and a
 * copy of core.key, may be in other hands. Takes as long as rove_tidy, and as much memory; call it at such a moment. It asks
 * the keyring. It may be killed: the replica opens as before, and the next call goes on. BUSY: a sync is under way, or a query keeps
 * the log. STATE: the replica is not encrypted, or this thread has a transaction open. WRONG_KEY, and what the keyring said.
 */
ROVE_CHECK rove_status rove_replace_key(rove *replica, rove_error *error);

/*
 * What an app writes out of an encrypted replica - a list for later, a copy for support - it may write sealed: into a file that this
 * replica alone opens, that shows nothing, and of which every change and every cut is noticed. After rove_replace_key what was
 * sealed before opens no more. *export is owned by the caller: rove_export_free. One thread at a time; free it before the replica is
 * closed. It keeps up to 64 KiB of what was written: that is overwritten when the replica is locked or wiped, and then, also once it is
 * unlocked, every call says LOCKED: begin anew. STATE: the replica is not encrypted. LOCKED. What the sink says.
 */
typedef struct rove_export rove_export;
ROVE_CHECK rove_status rove_export_new(rove *replica, const rove_sink *to, rove_export **out,
                                       rove_error *error);
/* Bytes, in any portions. A failed export stays failed. */
ROVE_CHECK rove_status rove_export_write(rove_export *out, const void *bytes, size_t size,
                                         rove_error *error);
/* That was all. What was not ended opens nowhere. STATE: it was ended before. */
ROVE_CHECK rove_status rove_export_end(rove_export *out, rove_error *error);
/* NULL is fine. */
void rove_export_free(rove_export *out);
/*
 * All that was sealed into a file, from its beginning. Looks at its header and its end before it gives a byte; should a part in the
 * middle be damaged, the sink has been given what stands before it. CORRUPT: damaged, cut, or no sealed file. UPGRADE: a newer
 * version of the app wrote it. WRONG_KEY: another replica did, or this one before its key was replaced. STATE: the replica is not
 * encrypted. LOCKED. What source and sink say.
 */
ROVE_CHECK rove_status rove_export_open(rove *replica, const rove_source *from, const rove_sink *to,
                                        rove_error *error);

/*
 * Wipes the replica: what headquarters does not have yet goes into the drop box (rove/drop.h), sealed so that it alone can read it,
 * with a receipt that says how much that was, and what it has but no backup of it yet; then the key, the records, and this device's
 * identity go. From then on everything says WIPED, and so does rove_open of the folder, until the drop box was delivered, and is in a
 * backup where headquarters makes any: rove_drop_send, or a sync of this handle. It may be killed: whoever opens the replica goes on,
 * and there is no way back. The rep is to be asked before. The files are overwritten; on flash that reaches the
 * old cells of a plain replica only by luck, while the data of an encrypted one is gone with its key.
 * NOT_ENROLLED: what was recorded here has nobody to go to; enrol first. FULL: no room to seal it; what is to be delivered first, is
 * in the drop box: sync. LOCKED: unlock it first. BUSY: a sync is under way. STATE: this thread has a transaction open. Once it
 * has begun it is LOCKED, and the next sync, unlocking or opening goes on. IO: a file could not be removed; the same.
 */
ROVE_CHECK rove_status rove_wipe(rove *replica, rove_error *error);

/* ---- enrolment ---------------------------------------------------------------------------------------- */

/*
 * Makes a key on this device and exchanges a one-time code for a certificate. `url` is that of headquarters
 * ("https://hq.example.com:8443"). `code` is what the operator gave, in any grouping: it carries the code and
 * the fingerprint of headquarters' key, so that the first contact trusts nobody else. Blocks for two requests.
 * A crash or a failure on the way leaves the device as it was; if headquarters had answered already, the code is used
 * up and the operator has to give another one.
 * A device that headquarters turns away (revoked, expired for too long, unknown) enrols again in the same way.
 *
 * A code of another user of the same headquarters passes the device on. What the user before had not sent is sealed: only headquarters
 * can read it, knows it for his, and gets it with the next sync, whoever makes it (rove_state.former_batches). Everything else of his
 * leaves the replica and its files; readers see the empty replica at once, and queries that are open have to be ended. If the
 * call fails or is killed after headquarters' answer, the code stays good on this device: the replica is passed on when it is
 * opened next, or by the same call. Another code takes its place: whose that one is, his the device is then. BUSY: a query
 * is open, end it and call again. STATE: the user before is of another headquarters, or his identity is damaged; nothing
 * was changed.
 *
 * CODE: mistyped, wrong, used or expired. EXISTS: it is enrolled already, for this user; the code stays good. STATE: this thread has a transaction
 * open. INVALID: the address. BUSY: a sync is under way. NETWORK, TIMEOUT, NOT_ROVE, TRUNCATED: try again. TLS, PROTOCOL.
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
/* `text` is borrowed until the call that takes the value returns; NULL is rove_null(). */
rove_value rove_text(const char *text);

/*
 * What every write may say, besides what is above: NOT_ENROLLED. UNKNOWN_ENTITY, UNKNOWN_FIELD. INVALID: a value of the
 * wrong type, a field twice, a set or counter by the wrong call. RANGE, UTF8, TOO_BIG: a value against the
 * limits of its field. REQUIRED. DENIED: the rep may not write it. STATE: the record is sealed, or may not go from the
 * state it is in to that one. CYCLE. A number is given as a number; a text is not converted. Nothing that is
 * handed in is kept after the call. When a write returns ROVE_OK outside of a transaction, it is on the disk.
 */

/*
 * Several writes as one: they are kept, and reach headquarters, together or not at all (at most 1,000 records and
 * 192 KiB: TOO_BIG). Between begin and commit other writers wait, so keep it short. A failed write does not end the
 * transaction, and leaves it as it was before the write. Without a transaction each write is one of its own. All
 * calls from begin to commit come from the thread that began; writes of other threads wait for the end.
 * begin: STATE if this thread has one open. commit: STATE if it has none; after any other failure nothing of
 * it was kept. rollback drops it, and does nothing if this thread has none.
 */
ROVE_CHECK rove_status rove_begin(rove *replica, rove_error *error);
ROVE_CHECK rove_status rove_commit(rove *replica, rove_error *error);
void rove_rollback(rove *replica);

/* Makes a record; *id is its name for ever, 0 on failure. `entity` as in entities.proto ("Visit") or as its table
 * ("visit"). */
ROVE_CHECK rove_status rove_insert(rove *replica, const char *entity, const rove_field *fields,
                                   size_t count, rove_id *id, rove_error *error);
/* Changes fields; those not named stay. Writing what is there already is no change. NOT_FOUND.
 * Name those alone that the rep changed: what is named counts as written by somebody who had seen what is there now, and takes the
 * place of what a sync brought while his form was open. A counter or a set that is named is to be so as a whole: what others did
 * to it meanwhile is taken back; use rove_increment and rove_element. */
ROVE_CHECK rove_status rove_update(rove *replica, const char *entity, rove_id id,
                                   const rove_field *fields, size_t count, rove_error *error);
/* Deletes a record. Should somebody have edited it meanwhile, it comes back, as a conflict to look at. NOT_FOUND. */
ROVE_CHECK rove_status rove_delete(rove *replica, const char *entity, rove_id id,
                                   rove_error *error);
/* Adds to a counter; additions of several reps add up. NOT_FOUND. */
ROVE_CHECK rove_status rove_increment(rove *replica, const char *entity, rove_id id,
                                      const char *field, int64_t delta, rove_error *error);
/* Adds an element to a set, or removes it (`present` 0). Adding what is there is no change. NOT_FOUND: the record. */
ROVE_CHECK rove_status rove_element(rove *replica, const char *entity, rove_id id,
                                    const char *field, rove_value element, int present,
                                    rove_error *error);
/* Writes fields and seals the record as it then stands: it never changes again, and is never refused. The device signs it, with
 * the time and its seal before (the field `proof`): taking it back (rove_undo) leaves a gap that headquarters sees. NOT_FOUND.
 * INVALID: records of this entity are not sealed. */
ROVE_CHECK rove_status rove_seal(rove *replica, const char *entity, rove_id id,
                                 const rove_field *fields, size_t count, rove_error *error);
/* Takes back what has not been sent yet of a record: its fields show what headquarters last said; a record that
 * headquarters has not seen is gone. NOT_FOUND: there is nothing to take back. STATE: it is on its way already. */
ROVE_CHECK rove_status rove_undo(rove *replica, const char *entity, rove_id id, rove_error *error);

/* The same with the packed bytes of a message of entities.proto: the stable form for shells. Without an id in the
 * message it is an insert, else an update: what the message leaves out stays, and only what the rep changed should be in
 * it (see rove_update). *id is the record's, 0 on failure.
 * INVALID: no message of this entity. NOT_FOUND. */
ROVE_CHECK rove_status rove_put_packed(rove *replica, const char *entity, const void *bytes,
                                       size_t size, rove_id *id, rove_error *error);
struct ProtobufCMessage;
/* And with the generated struct (entities.pb-c.h): rove_put(replica, &visit.base, &id, &error). The struct is
 * borrowed for the call. */
ROVE_CHECK rove_status rove_put(rove *replica, const struct ProtobufCMessage *message, rove_id *id,
                                rove_error *error);

/* ---- reading ------------------------------------------------------------------------------------------ */

/*
 * Reads see what was committed last, and inside a transaction of this thread what it wrote so far (queries do not).
 * What they show is headquarters' version with the rep's own pending work laid over it.
 */

/* Packed bytes of a record; *bytes is owned by the caller: rove_release. NULL, 0 on failure. NOT_FOUND. */
ROVE_CHECK rove_status rove_get_packed(rove *replica, const char *entity, rove_id id, void **bytes,
                                       size_t *size, rove_error *error);
/* The generated struct; cast it by its entity. Owned by the caller: rove_release_message. NULL on failure.
 * NOT_FOUND. */
ROVE_CHECK rove_status rove_get(rove *replica, const char *entity, rove_id id,
                                struct ProtobufCMessage **message, rove_error *error);
/* Frees what rove_get_packed gave; NULL is fine. */
void rove_release(rove *replica, void *bytes);
/* Frees what rove_get gave; NULL is fine. */
void rove_release_message(rove *replica, struct ProtobufCMessage *message);

/*
 * A SELECT over the typed tables (a table per entity, snake_case; see docs/data-model.md). A query holds its own
 * snapshot, from its first step to its end; it belongs to one thread at a time; several may be open. An open
 * query keeps the log of writes from being trimmed, so end it soon.
 */
typedef struct rove_query rove_query;
/* Prepares it; *query is owned by the caller: rove_query_free, before rove_close. Parameters bind to ?1, ?2 ... and
 * are copied. DENIED for what is no single SELECT. INVALID: no SQL, an unknown name, the number of parameters.
 * TOO_BIG: more than 64 KiB of SQL. */
ROVE_CHECK rove_status rove_query_new(rove *replica, const char *sql, const rove_value *parameters,
                                      size_t count, rove_query **query, rove_error *error);
/* ROVE_OK: there is a row; ROVE_DONE: there is none, and never will be. */
ROVE_CHECK rove_status rove_query_step(rove_query *query, rove_error *error);
/* How many columns a row has. */
size_t rove_query_columns(const rove_query *query);
/* The name of a column, "" if there is no such column; borrowed until the query is freed. */
const char *rove_query_name(const rove_query *query, size_t column);
/* The value of a column in the row; NULL if there is no such column or row. Text is borrowed until the next step, and
 * is not NUL-terminated. A set's column holds bytes of Rove's own: read sets from their tables. */
rove_value rove_query_value(const rove_query *query, size_t column);
/* Ends and frees it; NULL is fine. */
void rove_query_free(rove_query *query);

/* Most bytes of rove_query_packed's rows. */
#define ROVE_PACKED_ROWS_MAX 16777216
/* A whole query in one call, for shells in other languages: parameters are the bytes of a message Row, and what comes is
 * those of a message Rows (rows.proto). `parameters` may be NULL. *bytes is owned by the caller: rove_release. NULL, 0 on
 * failure. As rove_query_new and _step; INVALID: the parameters are no Row; TOO_BIG: the rows are more than
 * ROVE_PACKED_ROWS_MAX; ask for fewer with LIMIT. */
ROVE_CHECK rove_status rove_query_packed(rove *replica, const char *sql, const void *parameters,
                                         size_t parameters_size, void **bytes, size_t *size,
                                         rove_error *error);

/* One record that changed; names are borrowed for the life of the replica. */
typedef struct rove_event {
    const char *entity;
    rove_id id; /* 0: many records of this entity */
} rove_event;
/* Told after each commit, once or in several portions, on the thread that committed (a sync's own among them); one call
 * at a time. It may read but not write. */
typedef void (*rove_watcher)(void *ctx, const rove_event *events, size_t count);
/* Sets the one watcher; NULL ends it. When it returns, no call of the former one is under way, and none will come: what its
 * ctx points to may be freed. So it waits for such a call; do not hold what the watcher needs, nor a transaction. The
 * watcher itself may call it, and is then no longer needed when it has returned. */
void rove_watch(rove *replica, rove_watcher watcher, void *ctx);

/* What a field is, for generic screens. Names are borrowed for the life of the replica. */
typedef struct rove_field_info {
    const char *name;
    rove_type type;
    uint32_t number;
    const char *kind;   /* "register", "rank", "counter", "set", "derived" */
    const char *writer; /* "rep", "author", "headquarters" */
    const char *target; /* entity referred to, "any root", or NULL */
    int64_t min, max;   /* of a number; bytes of a text; elements of a set */
    int required, instant, money, boolean, degrees_e7, custom, picklist;
} rove_field_info;
/* How many entities there are. */
size_t rove_entity_count(const rove *replica);
/* The name of the entity at a position from 0, NULL past the last. */
const char *rove_entity_name(const rove *replica, size_t position);
/* The table of an entity: "account_contact_role". UNKNOWN_ENTITY. */
ROVE_CHECK rove_status rove_entity_table(const rove *replica, const char *entity,
                                         const char **table);
/* The field at a position from 0; DONE past the last. Custom fields that a sync brings come after the others.
 * UNKNOWN_ENTITY. */
ROVE_CHECK rove_status rove_field_at(const rove *replica, const char *entity, size_t position,
                                     rove_field_info *info);
/* An enumeration's key and back: "IN_PROGRESS" <-> 2. NOT_FOUND, UNKNOWN_ENTITY; UNKNOWN_FIELD: or no enumeration. */
ROVE_CHECK rove_status rove_enum_key(const rove *replica, const char *entity, const char *field,
                                     int64_t value, const char **key);
ROVE_CHECK rove_status rove_enum_value(const rove *replica, const char *entity, const char *field,
                                       const char *key, int64_t *value);

/* ---- state -------------------------------------------------------------------------------------------- */

/* How the replica is doing, for a status screen and for support. */
typedef struct rove_state {
    size_t size; /* sizeof(rove_state), set by the caller */
    int enrolled;
    rove_replica replica;
    rove_id user;
    const char *url;   /* of headquarters; borrowed until the next enrolment; "" if not enrolled */
    int64_t now_ms;    /* trusted time */
    int clock_trusted; /* 0: no contact since the last boot; now_ms may be off */
    int64_t clock_offset_ms; /* trusted minus wall clock */
    uint64_t seq;            /* of headquarters' stream, as far as this replica holds it */
    int catching_up;         /* a download is not complete yet */
    int64_t verified_ms;     /* when the replica was last found equal to headquarters; 0: never */
    int64_t contact_ms;      /* when headquarters last answered; 0: never */
    int64_t next_sync_ms;    /* when to sync again, by trusted time; 0: whenever */
    int64_t certificate_until_ms;
    uint64_t records; /* held */
    uint64_t scopes;
    uint64_t pending; /* records with work that headquarters has not acknowledged */
    uint64_t quarantined;
    uint64_t rejections;
    uint64_t conflicts; /* open ones */
    uint64_t disk_bytes;
    uint64_t
        in_review; /* writes that an operator is to look at; returned ones are among `rejections` */
    int remains; /* records that left may still lie in gaps of the files: rove_tidy */
    /* Parts of the replica that differ from headquarters although they were fetched again less than an hour ago.
     * Headquarters knows; they are fetched once more after the hour. */
    uint64_t differing;
    uint64_t former_batches; /* sealed work of former users and numbers that the next sync delivers */
    int encrypted;
    int locked; /* 1: nothing that is counted or dated by the replica is known, and is 0 */
    /* Trusted time until which the replica may be read without a sync; 0: for ever. At or before now_ms: sync. */
    int64_t lease_until_ms;
    /* The drop box (rove/drop.h), known also when it is locked: records that wait to be sent, since when the oldest one does (by the
     * device's clock; 0: none waits), those that headquarters refused for good, and those that it has, but no backup of it yet. */
    uint64_t dropped;
    int64_t dropped_since_ms;
    uint64_t drop_refused;
    uint64_t drop_kept;
} rove_state;
/* Fills in *state, as far as its `size` reaches. Waits for a write under way. */
ROVE_CHECK rove_status rove_read_state(rove *replica, rove_state *state, rove_error *error);
/* Trusted time in Unix ms: headquarters' clock as carried on by this device's boot clock; before the first contact
 * since the last boot, a guess from the wall clock. */
int64_t rove_now_ms(rove *replica);

#define ROVE_TIME_SIZE 32
/* ISO 8601 in UTC, as text and back: for shells that have nothing better. */
void rove_time_format(int64_t unix_ms, char text[ROVE_TIME_SIZE]);
/* Dates, and times with Z, an offset or nothing (UTC). INVALID otherwise. */
ROVE_CHECK rove_status rove_time_parse(const char *text, int64_t *unix_ms);

/* ---- syncing ------------------------------------------------------------------------------------------- */

/* How far a sync is. */
typedef struct rove_sync_progress {
    uint64_t bytes_sent, bytes_received;
    uint64_t rows_pushed, rows_applied;
    uint64_t rows_expected; /* 0: unknown */
    uint64_t requests;
} rove_sync_progress;

/* The callbacks come on the thread that called rove_sync; they may read, not write. */
typedef struct rove_sync_options {
    size_t size;         /* sizeof(rove_sync_options), set by the caller */
    int64_t seconds_max; /* budget; 0: none. What is left follows next time: LIMIT */
    uint64_t bytes_max;  /* budget, received; 0: none */
    void (*progress)(void *ctx, const rove_sync_progress *progress); /* now and then; may be NULL */
    int (*cancelled)(
        void *ctx); /* asked a few times a second; nonzero ends with CANCELLED; may be NULL */
    void *ctx;
} rove_sync_options;

/* What a sync, or an exchange, did. */
typedef struct rove_sync_report {
    uint64_t requests, bytes_sent, bytes_received; /* above TLS, headers included */
    uint64_t batches, rows_pushed, rows_applied, rows_removed;
    uint64_t scopes_entered, scopes_left;
    uint64_t rejected, reviewed,
        lost;     /* verdicts on writes: refused, being looked at, lost to another write */
    int verified; /* equal to headquarters, by digest */
    int64_t duration_ms;
    int64_t next_sync_ms; /* when to sync again, by trusted time; 0: whenever */
} rove_sync_report;

/*
 * Reconciles until nothing is left to do, the budget is used up, or it fails; blocks, while other threads go
 * on reading and writing. Renews the certificate when it is time; a device that turns out to be a copy gets a
 * number of its own. `options` and `report` may be NULL; the report is filled in even on failure. What was done
 * stays done: cancel, kill or lose the network at any moment and sync again.
 * LIMIT, CANCELLED: ended early, as asked. BUSY: one at a time. STATE: this thread has a transaction open.
 * NOT_ENROLLED. NETWORK, TIMEOUT, LATER, SERVER, NOT_ROVE, TRUNCATED: try again at report->next_sync_ms. TLS,
 * PROTOCOL, VERSION, UPGRADE, UNAUTHORIZED, REVOKED, EXPIRED, FORK: see their texts; unsent work is safe in any case.
 * A device that is REVOKED asks what it is ordered. LOCKED: to lock itself; it stays so, restarts included, until headquarters lets
 * it in again and a sync succeeds. WIPED: to wipe itself, which is done as rove_wipe does it; a replica that is locked with a PIN is wiped
 * when it is unlocked next. Where an order cannot be written down (FULL, IO, READONLY), the handle is locked all the same,
 * and each sync tries again. An order that is not followed says why: TLS, DENIED, EXPIRED, EXISTS, PROTOCOL, VERSION, TRUNCATED.
 */
ROVE_CHECK rove_status rove_sync(rove *replica, const rove_sync_options *options,
                                 rove_sync_report *report, rove_error *error);

/*
 * Waiting until there is something to fetch: headquarters answers as soon as anything changes that this device may hold.
 * It is a hint, which saves polling and makes a sync prompt; whoever does without misses nothing, for the next sync brings
 * it all.
 *
 *     status = rove_sync(replica, ...)
 *     status = rove_wait_new(replica, &transport, &wait, &error);
 *     status = rove_wait_run(wait, &options, &retry_ms, &error);    ROVE_OK: sync, and wait anew
 *     rove_wait_free(wait);
 *
 * A wait takes with it what it needs of the replica. While it runs, other threads read, write and sync, and the replica may
 * even be closed, for another process to open. What the ports point to is borrowed until rove_wait_free.
 */
typedef struct rove_wait rove_wait;
typedef struct rove_wait_options {
    size_t size;         /* sizeof(rove_wait_options), set by the caller */
    int64_t seconds_max; /* LIMIT after so long; 0: as long as headquarters lets it, some minutes */
    int (*cancelled)(
        void *ctx); /* asked a few times a second; nonzero ends with CANCELLED; may be NULL */
    void *ctx;
} rove_wait_options;
/*
 * For what the replica does not have yet: after a sync make a new one. `transport` is used while it runs, some minutes at a
 * time, so it is none that a sync needs meanwhile: as a rule one of its own. *wait is owned by the caller:
 * rove_wait_free. NOT_ENROLLED.
 */
ROVE_CHECK rove_status rove_wait_new(rove *replica, const rove_transport *transport,
                                     rove_wait **wait, rove_error *error);
/*
 * Blocks. OK: something changed; sync. DONE: nothing did in the time that headquarters gives; run it again. Otherwise run
 * it again after *retry_ms (may be NULL), which grows from failure to failure; polling goes on meanwhile.
 * LIMIT, CANCELLED: ended early, as asked; *retry_ms is 0. NETWORK, TIMEOUT, LATER (also: the device waits elsewhere, or
 * headquarters says again and again that something changed, and the syncs bring nothing: it is listened to less), SERVER, NOT_ROVE, TRUNCATED, PROTOCOL, TLS. UNAUTHORIZED, EXPIRED: a sync may mend it. REVOKED. `options` may be NULL. One thread at a time.
 */
ROVE_CHECK rove_status rove_wait_run(rove_wait *wait, const rove_wait_options *options,
                                     int64_t *retry_ms, rove_error *error);
/* NULL is fine. */
void rove_wait_free(rove_wait *wait);

/*
 * One exchange by hand, for hosts that bring their own event loop: the body to POST to
 * <url>/v1/exchange, the answer as it comes, and what came of it.
 *     rove_exchange_new; rove_exchange_target; rove_exchange_request until *size is 0; rove_exchange_answer ...;
 *     rove_exchange_finish
 * One thread at a time. Renewing a certificate, and asking for an order, need the transport: after EXPIRED, FORK or REVOKED, and once a week,
 * call rove_sync.
 */
typedef struct rove_exchange rove_exchange;
/* Freezes what is pending and begins; *exchange is owned by the caller: rove_exchange_finish. bytes_max: at which the
 * answer is to end, 0: nowhere. NOT_ENROLLED. BUSY: one at a time. STATE: this thread has a transaction open. */
ROVE_CHECK rove_status rove_exchange_new(rove *replica, uint64_t bytes_max,
                                         rove_exchange **exchange, rove_error *error);
/* Where it goes and whom to trust: fills in method, url, content types, trust and trusted_now_ms of a request; the
 * rest is zero. Borrowed until finish. It holds the private key: do not log it. NOT_ENROLLED. */
ROVE_CHECK rove_status rove_exchange_target(rove_exchange *exchange, rove_request *request,
                                            rove_error *error);
/* Up to `capacity` bytes of the body; *size 0: it is complete. */
ROVE_CHECK rove_status rove_exchange_request(rove_exchange *exchange, void *bytes, size_t capacity,
                                             size_t *size, rove_error *error);
/* Bytes of the answer, in any portions; whole pages are applied as they are complete. A status other than OK: nothing
 * more is wanted; finish. PROTOCOL, VERSION, FORK, and what headquarters says: UPGRADE, REVOKED, LATER ... */
ROVE_CHECK rove_status rove_exchange_answer(rove_exchange *exchange, const void *bytes, size_t size,
                                            rove_error *error);
/* Ends and frees it in any case. `transport` says how the transfer ended. Returns that, or what the exchange itself
 * came to; TRUNCATED: the answer was not complete. *again 1: begin another at once; else report->next_sync_ms says
 * when. `again` and `report` may be NULL. */
ROVE_CHECK rove_status rove_exchange_finish(rove_exchange *exchange, rove_status transport,
                                            int *again, rove_sync_report *report,
                                            rove_error *error);

/* ---- what needs the rep's eye -------------------------------------------------------------------------- */

/*
 * Lists call a visitor per item, on the calling thread, on a snapshot of their own: it may read and write. What it is
 * given lives for the call. A status other than ROVE_OK ends the list and is returned; ROVE_DONE ends it as well done.
 */

/* A write that headquarters refused. The record shows headquarters' version; the write is kept here. So is work that was done
 * when the rep was not entitled to the record any more, and that an operator gave back to him after a look. */
typedef struct rove_rejection {
    int64_t number;
    const char *entity;
    rove_id id;
    rove_status status; /* of returned work: DENIED */
    const char *reason; /* a sentence; of returned work with the operator's note */
    int64_t at_ms;
    int returned; /* 1: by an operator; 0: a rule refused it */
} rove_rejection;
typedef rove_status (*rove_rejection_visitor)(void *ctx, const rove_rejection *rejection);
/* Lists refused writes, oldest first, then returned ones. */
ROVE_CHECK rove_status rove_rejections(rove *replica, rove_rejection_visitor visit, void *ctx,
                                       rove_error *error);
/* One value of such a write: of a set each element by itself, of a counter what was added. */
typedef struct rove_refused_field {
    const char *name;
    rove_value value;
    int removed; /* 1: an element that was taken out */
} rove_refused_field;
typedef rove_status (*rove_refused_visitor)(void *ctx, const rove_refused_field *field);
/* What was written: as retrying would write it again. Nothing for a delete. Also of work that is still in review, where its
 * author goes on reading it: a sealed record. NOT_FOUND. */
ROVE_CHECK rove_status rove_rejection_read(rove *replica, int64_t number,
                                           rove_refused_visitor visit, void *ctx,
                                           rove_error *error);
/* Puts it back as pending work, with these fields instead (may be none); a transaction of its own. A new record is made anew; it
 * gets another id if its own is another's by now, or of a former number of this device, and what names it follows.
 * NOT_FOUND: the rejection, or by now the record. EXISTS: the record was made anew already. STATE: it names a new record that was
 * refused, too, and whose id is another's by now: that one first. And what a write may say. */
ROVE_CHECK rove_status rove_rejection_retry(rove *replica, int64_t number, const rove_field *fixes,
                                            size_t count, rove_error *error);
/* Gives it up for good; what it was is recorded. NOT_FOUND. */
ROVE_CHECK rove_status rove_rejection_discard(rove *replica, int64_t number, rove_error *error);

/* Work of this rep, on whichever device, that came to headquarters when he was not entitled to the record any more, and what an
 * operator decided. Returned work is among the rejections until he has done something about it. */
typedef struct rove_review {
    rove_id number; /* of the Review record */
    const char *entity;
    rove_id id;
    const char *what;   /* "INSERT", "UPDATE", "DELETE", "SEAL" */
    const char *state;  /* "WAITING", "ACCEPTED", "RETURNED", "RETRIED", "DISCARDED" */
    const char *reason; /* why it waits or waited */
    const char *by;     /* the operator; "": nobody has decided */
    const char *note;   /* what he says of it */
    int64_t written_at_ms, decided_at_ms;
    rove_replica replica; /* the device on which it was written */
} rove_review;
typedef rove_status (*rove_review_visitor)(void *ctx, const rove_review *review);
/* Lists them, decided ones too, ascending by number. */
ROVE_CHECK rove_status rove_reviews(rove *replica, rove_review_visitor visit, void *ctx,
                                    rove_error *error);

/* A row from headquarters that could not be applied; the rest went on. */
typedef struct rove_quarantined {
    const char *entity; /* "?" for one that this build does not know */
    rove_id id;
    rove_status status;
    const char *reason;
} rove_quarantined;
typedef rove_status (*rove_quarantine_visitor)(void *ctx, const rove_quarantined *row);
/* Lists them. */
ROVE_CHECK rove_status rove_quarantine(rove *replica, rove_quarantine_visitor visit, void *ctx,
                                       rove_error *error);
/* Tries them again, as each sync does; *left (may be NULL) counts those that stay. */
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
/* Lists it, newest first. */
ROVE_CHECK rove_status rove_pending_list(rove *replica, rove_pending_visitor visit, void *ctx,
                                         rove_error *error);

/* Two writes that met unseen: both values with authors and times. */
typedef struct rove_conflict {
    rove_id number; /* of the Conflict record */
    const char *entity;
    rove_id id;
    const char *field; /* "" for the whole record */
    const char *kind;  /* "REGISTER_WRITE" ... as in entities.proto */
    rove_value kept, lost;
    rove_id kept_user, lost_user;
    int64_t kept_at_ms, lost_at_ms;         /* corrected */
    int64_t kept_raw_at_ms, lost_raw_at_ms; /* by the writers' own clocks */
    int open;
    const char *
        status; /* "OPEN", "RESOLVED": what lost was written again, "DISMISSED": what stands was kept */
    rove_replica kept_replica, lost_replica; /* the devices; a user 0 beside it: headquarters */
    rove_id resolver;                        /* who settled it; 0: nobody, or headquarters */
    int64_t resolved_at_ms;                  /* 0: nobody has */
} rove_conflict;
typedef rove_status (*rove_conflict_visitor)(void *ctx, const rove_conflict *conflict);
/* Which ones, and how many at a time; zeros ask for all. */
typedef struct rove_conflict_filter {
    size_t size;        /* sizeof(rove_conflict_filter), set by the caller */
    int open;           /* 1: those that nobody has settled */
    const char *entity; /* of records of this entity; NULL: of any */
    rove_id user;       /* who wrote one side; 0: anybody */
    rove_id number;     /* this one alone; 0: any */
    rove_id after;      /* those with higher numbers: the last one of the page before */
    size_t limit;       /* at most so many; 0: no limit */
} rove_conflict_filter;
/* Lists conflicts, ascending by number. `filter` may be NULL: all, settled ones too. UNKNOWN_ENTITY. */
ROVE_CHECK rove_status rove_conflicts(rove *replica, const rove_conflict_filter *filter,
                                      rove_conflict_visitor visit, void *ctx, rove_error *error);
/* restore 1: writes the losing value (or the delete that was undone) again as a new write, which has seen what it
 * replaces; 0: keeps what stands. Marks it settled in the same transaction. NOT_FOUND. STATE: it is settled already, or what lost
 * cannot be written again; and what a write may say. */
ROVE_CHECK rove_status rove_conflict_settle(rove *replica, rove_id number, int restore,
                                            rove_error *error);

/*
 * Takes out of the files, and of Rove's memory, what records that left this replica - another rep's by now - may have left behind
 * in them: the file is written anew, and its log is emptied. Call it after a sync when nobody waits for the replica (the screen is off,
 * the device is charging); rove_state.remains says whether there is anything to do, and OK without a delay if not.
 * Meanwhile writes wait, and it takes as much memory as the file has bytes. It may be killed: the next call goes on.
 * BUSY: a sync is under way, or a query keeps the log: call it again later. STATE: this thread has a transaction open.
 * `remains` stays 1 as long as acknowledged work is not sealed, which the next sync does.
 */
ROVE_CHECK rove_status rove_tidy(rove *replica, rove_error *error);

/* Recomputes every digest and checks the file; takes a while, during which writes wait. CORRUPT says where. *records
 * (may be NULL) counts what was checked. */
ROVE_CHECK rove_status rove_verify(rove *replica, uint64_t *records, rove_error *error);

#ifdef __cplusplus
}
#endif
#endif
