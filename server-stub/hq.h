/*
 * hq.h - headquarters as one handle: its folder, database, keys and policy; the one committing thread; and
 * the table of commands.
 *
 *   folder/  hq.db (and -wal)   everything but keys
 *            ca.key ca.der      the private CA, mode 0600
 *            server.key server.der
 *            server-next.key    what server.key will be, once devices know it (rotate.h)
 *            ca-next.key ca-next.der ca-former.der ca-ended.der    the same of the authority (keys.h)
 *            seal.key           opens what devices have sealed, mode 0600
 *            acts.head          the newest entry of the record of acts (trail.h)
 *            lock               held while a process has the folder
 *            control            a Unix socket; there while `serve` runs
 *            (no name)          pushes that are not judged yet (spool.h)
 *
 * A command is a function of (headquarters, where to print, arguments). `rove-hq` takes the lock and runs it itself;
 * if a process serves, the command travels through the control socket and runs there, by the same code: on
 * SQLite one process writes and checkpoints (see docs/architecture.md).
 *
 * Threads: hq_commit may be called from any thread; it runs the job on the committing thread, in a savepoint of
 * a transaction shared with other waiting jobs (group commit), and returns when that is durable.
 */
#ifndef ROVE_HQ_H
#define ROVE_HQ_H

#include "rove/sys/clock.h"
#include "rove/sys/files.h"
#include "store/database.h"
#include "sync/server.h"
#include "sync/writer.h"

typedef struct hq hq;

typedef struct hq_ports {
    rove_allocator allocator;
    rove_clock clock;
    rove_random random;
    rove_files files;
    rove_crypto crypto;
    rove_log log;
    int one_thread; /* 1: no thread is started, jobs run where they are submitted; one thread alone may use this then */
} hq_ports;

typedef struct hq_init_options {
    const char *name;         /* of the organisation */
    const char *const *hosts; /* DNS names and addresses for the server certificate */
    size_t host_count;
    const char *currency; /* ISO 4217 */
    const char *timezone;
    const char *operator_name;
} hq_init_options;

/* Makes folder, CA, server certificate, database, Settings row, policy. EXISTS if it is one already. */
ROVE_CHECK rove_status hq_init(const hq_ports *ports, const char *folder,
                               const hq_init_options *options, rove_error *error);
/*
 * Opens it: BUSY with the other's pid if a process has it. Every open begins a new timeline (T1) and draws a
 * fresh replica number for headquarters (T2), and starts the committing thread.
 */
ROVE_CHECK rove_status hq_open(const hq_ports *ports, const char *folder, hq **out,
                               rove_error *error);
void hq_close(hq *headquarters);

const hq_ports *hq_get_ports(const hq *headquarters);
const char *hq_folder(const hq *headquarters);
rove__registry *hq_registry(hq *headquarters);
rove__hq_database *hq_database(hq *headquarters);
int64_t hq_now_ms(const hq *headquarters);
/* The keys as they are now: another picture after each change. Borrowed until hq_close. Any thread. */
struct hq_keys;
const struct hq_keys *hq_get_keys(const hq *headquarters);
/* A new certificate of the server for the key that is there: under these names, or for `count` 0 under those that it has. INVALID: a name. */
ROVE_CHECK rove_status hq_renew_server(hq *headquarters, const char *const *hosts, size_t count,
                                       rove_error *error);
/*
 * Changes their files, and loads them. One change at a time; what change() returns, other than ROVE_OK, is returned, and
 * nothing is loaded. Any thread but the committing one.
 */
typedef rove_status (*hq_key_change)(void *ctx, const struct hq_keys *keys, rove_error *error);
ROVE_CHECK rove_status hq_change_keys(hq *headquarters, hq_key_change change, void *ctx,
                                      rove_error *error);
/* For an exchange, or a decision on work in review. */
rove__server_ports hq_server_ports(hq *headquarters);
/* Who waits for news; borrowed until hq_close. */
struct wake *hq_get_wake(hq *headquarters);
/* What headquarters asks of its devices, as it stands; borrowed until hq_close. Any thread. */
const rove__server_policy *hq_policy(const hq *headquarters);
/* Reads it anew after it was written. Any thread, outside of hq_read and jobs. */
ROVE_CHECK rove_status hq_policy_reload(hq *headquarters, rove_error *error);
/* The age from which `purge` forgets what happened. */
int hq_keep_days(const hq *headquarters);
/* A replica number that nobody has or had (T2); unguessable, so that a restored backup does not meet it again. */
ROVE_CHECK rove_status hq_draw_replica(hq *headquarters, rove__hq_tx *tx, rove_replica *replica,
                                       rove_error *error);
/* A writer of this operator's act, or of headquarters' own (operator_name ""). */
ROVE_CHECK rove_status hq_writer(hq *headquarters, rove__hq_tx *tx, const char *operator_name,
                                 const char *act, rove__writer **writer, rove_error *error);

/*
 * Runs job(ctx, tx) on the committing thread. What it returns is returned; other than ROVE_OK undoes the
 * job's savepoint alone. LATER is tried again a few times.
 */
typedef rove_status (*hq_job)(void *ctx, rove__hq_tx *tx, rove_error *error);
ROVE_CHECK rove_status hq_commit(hq *headquarters, hq_job job, void *ctx, rove_error *error);
/*
 * The same without waiting: the task is borrowed until done(ctx) was called, on the committing thread, which
 * done() must not hold up. The caller fills in job, done and ctx; status and error say how it ended.
 */
typedef struct hq_task {
    hq_job job;
    void (*done)(void *ctx);
    void *ctx;
    rove_status status;
    rove_error error;
    int tries;            /* so far; set to 0 by hq_submit */
    struct hq_task *next; /* in the queue */
} hq_task;
void hq_submit(hq *headquarters, hq_task *task);
/* Transactions committed since it was opened; a group is one. */
uint64_t hq_commit_groups(hq *headquarters);
/* A read transaction on this thread. */
ROVE_CHECK rove_status hq_read(hq *headquarters, hq_job job, void *ctx, rove_error *error);

/*
 * Custom fields make the registry grow, and the tables with it. Any thread may read the registry at any time; who has to
 * find the same fields throughout, each with its column, holds it meanwhile (hq_read does so for its job). Who adds a
 * field begins a change, commits the job that adds it, and ends the change. No change begins inside hq_read or a job.
 */
void hq_schema_hold(hq *headquarters);
void hq_schema_release(hq *headquarters);
void hq_schema_change_begin(hq *headquarters);
void hq_schema_change_end(hq *headquarters);

/* ---- commands ------------------------------------------------------------------------------------------ */

/* Where a command prints; both go to the terminal of whoever called, also through the control socket. */
typedef struct hq_io {
    void (*out)(void *ctx, const char *bytes, size_t size);
    void (*err)(void *ctx, const char *bytes, size_t size);
    void *ctx;
    int json;                  /* --json was given: print one JSON document */
    int terminal;              /* out is a terminal: progress may be shown on err */
    const char *operator_name; /* --operator, else the login name */
    const char
        *directory; /* the caller's working directory: paths in arguments are relative to it */
} hq_io;
void hq_print(const hq_io *io, const char *format, ...) ROVE_PRINTF(2, 3);
void hq_complain(const hq_io *io, const char *format, ...) ROVE_PRINTF(2, 3);
/* The path of an argument, seen from the caller's directory; owned by the caller (hq's allocator). */
char *hq_path(hq *headquarters, const hq_io *io, const char *argument);

/* What a restore did. */
typedef struct hq_restored {
    uint64_t head; /* the last position in the backup */
    char aside
        [160]; /* the file, in the folder, that the database before it is now called; "": it is as it was */
} hq_restored;
/*
 * Puts a backup in the place of the database of a folder that no process has open, and records it as the operator's act.
 * BUSY, CORRUPT (no backup of a headquarters, or a damaged one), FULL, IO, NOMEM: the database is as it was, or, if the message
 * says so, the backup is in its place, which was not recorded; restored->aside tells the two apart.
 */
ROVE_CHECK rove_status hq_restore(const hq_ports *ports, const char *folder, const hq_io *io,
                                  const char *copy, hq_restored *restored, rove_error *error);
/* Its last step: an opened headquarters learns that its database is a backup, which has all that is in it. */
ROVE_CHECK rove_status hq_note_restore(hq *headquarters, const hq_io *io, const char *copy,
                                       hq_restored *restored, rove_error *error);

typedef enum hq_exit {
    HQ_EXIT_DONE = 0,
    HQ_EXIT_FAILED = 1,
    HQ_EXIT_USAGE = 2,
    HQ_EXIT_PART = 3, /* some lines were refused, the rest is done */
    HQ_EXIT_BUSY = 4,
    HQ_EXIT_NOT_FOUND = 5
} hq_exit;
/* Complains "rove-hq: ..." with the error's message, or the status' own text; returns the exit code. */
int hq_failed(const hq_io *io, rove_status status, const rove_error *error);

/* Returns a value of hq_exit. */
typedef int (*hq_command_run)(hq *headquarters, const hq_io *io, int argc, char **argv);
typedef struct hq_command {
    const char *name;
    const char *usage;   /* after the name: "FILE... [--dry-run] [--map F]" */
    const char *summary; /* one line */
    const char *help;    /* paragraphs with an example */
    hq_command_run run;  /* argv[0] is the command's name */
} hq_command;
/* commands.c: all of them, ended by NULL. `init`, `serve` and `help` are main.c's own. */
extern const hq_command *const hq_commands[];
/* NULL if there is none of this name. */
const hq_command *hq_command_named(const char *name);

/* Records an act in its own words, inside a job, and seals it (trail.h). seq: of the writer that made it, or 0. io NULL: nobody's act, but
 * headquarters' own. */
ROVE_CHECK rove_status hq_record(hq *headquarters, rove__hq_tx *tx, const hq_io *io,
                                 const char *act, const char *detail, uint64_t seq);

#endif
