/*
 * cli.h - what the commands of `rove` share: the open replica, how to print, how to read arguments.
 *
 * A command prints to stdout what was asked for, in columns or, with --json, as one JSON document; whatever
 * else it has to say goes to stderr. Exit codes: see cli_exit.
 */
#ifndef ROVE_CLI_H
#define ROVE_CLI_H

#include <jansson.h>

#include "rove/client.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,    /* an internal failure; the message says what */
    CLI_USAGE = 2,     /* the command line is wrong */
    CLI_NOT_FOUND = 3, /* no such record */
    CLI_REFUSED = 4,   /* the rules refuse the change, or the input is wrong */
    CLI_DEVICE = 5,    /* disk, files, memory, or the replica is in use */
    CLI_NETWORK = 6,   /* headquarters was not reached; nothing is lost, try again later */
    CLI_PEER = 7,      /* headquarters is another one, or speaks another version */
    CLI_ACCESS = 8,    /* not enrolled, revoked, expired, a wrong code */
    CLI_UNFINISHED = 9 /* stopped by --seconds, --bytes or ^C; the rest follows next time */
};

typedef struct cli_session {
    rove *replica;
    const char *folder;
    int json;
    int64_t wait_ms;         /* how long to wait for another process to give up the replica */
    int64_t clock_offset_ms; /* for tests: a wrong wall clock */
    const char *secret;      /* the file that opens the replica */
    const char *pin_file;    /* where the PIN is; NULL: it is typed */
    int plain;               /* the replica is not encrypted */
    rove_ports ports;
} cli_session;

typedef struct cli_command {
    const char *name;
    const char *usage;   /* after the name */
    const char *summary; /* one line */
    const char *help;    /* paragraphs with examples */
    /* argv[0]: the command; the replica is open, but for `doctor` and `drop` */
    int (*run)(cli_session *cli, int argc, char **argv);
} cli_command;

extern const cli_command cli_command_enroll, cli_command_sync, cli_command_status,
    cli_command_verify, cli_command_tidy, cli_command_account, cli_command_contact,
    cli_command_visit, cli_command_call, cli_command_task, cli_command_note, cli_command_tag,
    cli_command_show, cli_command_set, cli_command_delete, cli_command_undo, cli_command_pending,
    cli_command_conflicts, cli_command_review, cli_command_quarantine, cli_command_rejections,
    cli_command_sql, cli_command_doctor, cli_command_key, cli_command_drop, cli_command_export,
    cli_command_open_export, cli_command_wipe;

/* wipe.c, of a replica that was wiped: sends its drop box, and complains if that fails. */
void cli_send(cli_session *cli);

/* ---- what opens the replica (key.c) ---- */

/* Takes its options. What is wrong with them; NULL: nothing. */
const char *cli_key_prepare(cli_session *cli, int *argc, char **argv);
/* Into the session's ports; borrows the session. */
void cli_key_ports(cli_session *cli);

/* ---- outcomes (main.c) ---- */

/* Reports a failure on stderr, or as {"error": ...} on stdout with --json; returns the exit code. */
int cli_fail(const cli_session *cli, rove_status status, const rove_error *error);
/* {"error": {"status", "message"}}. Owned by the caller. */
json_t *cli_error_json(rove_status status, const rove_error *error);
/* A wrong command line: the sentence, then how the command is used. */
int cli_usage(const cli_session *cli, const cli_command *command, const char *sentence);
/* The end of a command that has nothing to show: with --json the object says what was changed; released. */
int cli_done(const cli_session *cli, json_t *object);
/* The exit code of a status. */
int cli_exit_of(rove_status status);

/* Opens the replica, waiting for another process as long as --wait allows. */
rove_status cli_open(cli_session *cli, rove_error *error);
/* Closes it, if it is open. */
void cli_close(cli_session *cli);

/* ---- syncing (sync.c, watch.c) ---- */

/* 1 after SIGINT or SIGTERM, once `sync` runs. */
int cli_interrupted(void *ctx);
/* Owned by the caller. */
json_t *cli_report_json(const rove_sync_report *report);
/* After a sync: nothing of what has left stays in the files. A failure is said on stderr; `rove status` keeps it in mind. */
void cli_tidy(cli_session *cli);
/* `sync --watch`, on an open replica. */
int cli_watch(cli_session *cli);

/* ---- arguments (options.c) ---- */

/*
 * Takes `--name VALUE` (or `--name=VALUE`) out of the arguments; NULL if it is not there. What is left begins
 * with argv[1]. cli_flag takes an option without a value.
 */
const char *cli_option(int *argc, char **argv, const char *name);
int cli_flag(int *argc, char **argv, const char *name);
/* 1 if something is left that begins with "--": an option that the command does not have. */
int cli_stray(int argc, char **argv);
/* A whole number; ROVE_INVALID. */
rove_status cli_number(const char *text, int64_t *number);
/* One between two others; ROVE_INVALID. */
rove_status cli_amount(const char *text, int64_t least, int64_t most, int64_t *number);

/* ---- values (value.c) ---- */

/*
 * Text to a value of a field, by what the registry says of it: enumeration keys in any case, times (ISO 8601,
 * "now", "today", "tomorrow", "+2h", "-30m", "+3d"), money as "12.34", booleans, degrees; an empty text is NULL. *owned, if not NULL
 * afterwards, is freed by the caller once the value was used.
 */
rove_status cli_value_parse(cli_session *cli, const char *entity, const rove_field_info *info,
                            const char *text, rove_value *value, rove_error *error);
/* "field=value" into a field; splits the argument in place. */
rove_status cli_assignment_parse(cli_session *cli, const char *entity, char *argument,
                                 rove_field *field, rove_error *error);
/* A value as JSON; info may be NULL. Owned by the caller. */
json_t *cli_value_json(cli_session *cli, const char *entity, const rove_field_info *info,
                       rove_value value);
/* 1 and *info if the entity has the field. */
int cli_field(cli_session *cli, const char *entity, const char *name, rove_field_info *info);
/* ISO 8601, and what cli_value_parse says of times. */
rove_status cli_time_parse(cli_session *cli, const char *text, int64_t *unix_ms, rove_error *error);

/* ---- records (record.c) ---- */

/*
 * The id of a record from what a person types: its id, its external id, an account's number, or a name that
 * begins so and is the only one. NOT_FOUND, or INVALID if several match (the message names some).
 * entity "root": an account, contact, lead, or "me" for the rep's own.
 */
rove_status cli_resolve(cli_session *cli, const char *entity, const char *text, rove_id *id,
                        rove_error *error);
/* Inserts and prints the new record's id. */
int cli_insert(cli_session *cli, const char *entity, const rove_field *fields, size_t count);
int cli_update(cli_session *cli, const char *entity, rove_id id, const rove_field *fields,
               size_t count);
/* The row of a query over all columns of an entity as an object: fields that are set, but for sets, which their side tables show.
 * Owned by the caller. */
json_t *cli_record(cli_session *cli, const char *entity, const rove_query *query);
/* Prints all fields of a record. */
int cli_show(cli_session *cli, const char *entity, const char *text);
/* The user id of this replica's rep; 0 if not enrolled. */
rove_id cli_me(cli_session *cli);

/* ---- printing (list.c) ---- */

/*
 * Runs a query and prints its rows: aligned columns with a head, or an array of objects. Columns named like a
 * field of `entity` (may be NULL) are shown as that field. Prints `none` on stderr if there are no rows.
 */
int cli_list(cli_session *cli, const char *entity, const char *sql, const rove_value *parameters,
             size_t count, const char *none);
/* Prints and releases a JSON document. */
void cli_json(json_t *document);
/* Rows collected by hand, printed like those of cli_list. `rows` is an array of objects; released. */
void cli_rows(cli_session *cli, const char *const *columns, json_t *rows, const char *none);
/* One row of a query as an object, as cli_list shows it. NULL: no memory. Owned by the caller. */
json_t *cli_row(cli_session *cli, const char *entity, const rove_query *query);
/* An instant, null if it is 0. Owned by the caller. */
json_t *cli_time_json(int64_t unix_ms);
/* One object, as "name: value" lines or as JSON; released. */
void cli_object(cli_session *cli, json_t *object);

#endif
