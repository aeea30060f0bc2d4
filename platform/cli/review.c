/*
 * review.c - what needs the rep's eye: pending work, rejections, work in review, quarantine; and free SQL.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define FIELDS_MAX 64

/* Rows being collected by a visitor. */
typedef struct listing {
    cli_session *cli;
    json_t *rows;
} listing;

static rove_status keep(listing *rows, json_t *row) {
    return row != NULL && json_array_append_new(rows->rows, row) == 0 ? ROVE_OK : ROVE_NOMEM;
}

static int settled(const cli_session *cli, rove_status status, int64_t number,
                   const rove_error *error) {
    return status == ROVE_OK ? cli_done(cli, json_pack("{s:I}", "number", (json_int_t)number))
                             : cli_fail(cli, status, error);
}

/* ---- pending ---------------------------------------------------------------------------------------------- */

static rove_status visit_pending(void *ctx, const rove_pending *pending) {
    return keep(ctx,
                json_pack("{s:o, s:s, s:s, s:I, s:s, s:s}", "at", cli_time_json(pending->at_ms),
                          "what", pending->what, "entity", pending->entity, "id",
                          (json_int_t)pending->id, "fields", pending->fields, "state",
                          pending->in_flight ? "in flight" : "not sent"));
}

static int run_pending(cli_session *cli, int argc, char **argv) {
    static const char *const columns[] = {"at", "what", "entity", "id", "fields", "state", NULL};
    listing found = {cli, json_array()};
    rove_error error = {0};
    (void)argv;

    if (argc != 1) {
        return cli_usage(cli, &cli_command_pending, NULL);
    }
    rove_status status = rove_pending_list(cli->replica, visit_pending, &found, &error);
    if (status != ROVE_OK) {
        json_decref(found.rows);
        return cli_fail(cli, status, &error);
    }
    cli_rows(cli, columns, found.rows, "Nothing is pending: headquarters has everything.");
    return CLI_DONE;
}

const cli_command cli_command_pending = {"pending", "",
                                         "work that headquarters has not acknowledged",
                                         "Lists unsent and unacknowledged work, newest first. `in "
                                         "flight` may have arrived already; it is\n"
                                         "sent again until headquarters says so.\n\n"
                                         "    rove pending",
                                         run_pending};

/* ---- rejections ------------------------------------------------------------------------------------------- */

static rove_status visit_rejection(void *ctx, const rove_rejection *rejection) {
    return keep(ctx, json_pack("{s:I, s:o, s:s, s:I, s:s, s:s, s:b}", "number",
                               (json_int_t)rejection->number, "at", cli_time_json(rejection->at_ms),
                               "entity", rejection->entity, "id", (json_int_t)rejection->id,
                               "status", rove_status_name(rejection->status), "reason",
                               rejection->reason, "returned", rejection->returned));
}

/* What was written, as show prints it: of a set the elements. */
typedef struct written {
    cli_session *cli;
    const char *entity;
    json_t *fields;
} written;

static rove_status visit_refused(void *ctx, const rove_refused_field *field) {
    written *w = ctx;
    rove_field_info info;
    int known = cli_field(w->cli, w->entity, field->name, &info);
    json_t *value = cli_value_json(w->cli, w->entity, known ? &info : NULL, field->value);
    int set = known && strcmp(info.kind, "set") == 0;

    if (!set) {
        return json_object_set_new(w->fields, field->name, value) == 0 ? ROVE_OK : ROVE_NOMEM;
    }
    json_t *elements = json_object_get(w->fields, field->name);
    if (elements == NULL) {
        elements = json_array();
        (void)json_object_set_new(w->fields, field->name, elements);
    }
    return json_array_append_new(elements,
                                 json_pack("{s:o}", field->removed ? "remove" : "add", value)) == 0
               ? ROVE_OK
               : ROVE_NOMEM;
}

static rove_status visit_entity(void *ctx, const rove_rejection *rejection) {
    struct {
        int64_t number;
        const char *entity;
    } *wanted = ctx;
    if (rejection->number == wanted->number) {
        wanted->entity = rejection->entity;
        return ROVE_DONE;
    }
    return ROVE_OK;
}

/* What is still in review is shown where its author may read it. */
static rove_status visit_review_entity(void *ctx, const rove_review *review) {
    struct {
        int64_t number;
        const char *entity;
    } *wanted = ctx;
    if (review->number == wanted->number) {
        wanted->entity = review->entity;
        return ROVE_DONE;
    }
    return ROVE_OK;
}

static int rejection_show(cli_session *cli, int64_t number) {
    struct {
        int64_t number;
        const char *entity;
    } wanted = {number, NULL};
    rove_error error = {0};
    written w = {.cli = cli, .fields = json_object()};
    rove_status status = rove_rejections(cli->replica, visit_entity, &wanted, &error);

    if (status == ROVE_OK && wanted.entity == NULL) {
        status = rove_reviews(cli->replica, visit_review_entity, &wanted, &error);
    }
    if (status == ROVE_OK || status == ROVE_DONE) {
        w.entity = wanted.entity != NULL ? wanted.entity : "";
        status = rove_rejection_read(cli->replica, number, visit_refused, &w, &error);
    }
    if (status != ROVE_OK) {
        json_decref(w.fields);
        return cli_fail(cli, status, &error);
    }
    cli_object(cli, w.fields);
    return CLI_DONE;
}

static int rejection_retry(cli_session *cli, int64_t number, int argc, char **argv) {
    struct {
        int64_t number;
        const char *entity;
    } wanted = {number, NULL};
    rove_field fixes[FIELDS_MAX];
    rove_error error = {0};
    rove_status status = rove_rejections(cli->replica, visit_entity, &wanted, &error);

    status = status == ROVE_DONE ? ROVE_OK : status;
    if (status == ROVE_OK && wanted.entity == NULL) {
        status = ROVE_NOT_FOUND;
    }
    for (int i = 0; status == ROVE_OK && i < argc && i < FIELDS_MAX; i++) {
        status = cli_assignment_parse(cli, wanted.entity, argv[i], &fixes[i], &error);
    }
    if (status == ROVE_OK) {
        status = rove_rejection_retry(cli->replica, number, fixes, (size_t)argc, &error);
    }
    return settled(cli, status, number, &error);
}

static int run_rejections(cli_session *cli, int argc, char **argv) {
    static const char *const columns[] = {"number", "at", "entity", "id", "status", "reason", NULL};
    listing found = {cli, NULL};
    rove_error error = {0};
    int64_t number = 0;
    rove_status status = ROVE_OK;

    if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0)) {
        found.rows = json_array();
        status = rove_rejections(cli->replica, visit_rejection, &found, &error);
        if (status == ROVE_OK) {
            cli_rows(cli, columns, found.rows, "Headquarters has refused nothing.");
            return CLI_DONE;
        }
        json_decref(found.rows);
        return cli_fail(cli, status, &error);
    }
    if (argc < 3 || argc - 3 > FIELDS_MAX || cli_number(argv[2], &number) != ROVE_OK) {
        return cli_usage(cli, &cli_command_rejections,
                         "list, show NUMBER, retry NUMBER or discard NUMBER.");
    }
    if (strcmp(argv[1], "show") == 0 && argc == 3) {
        return rejection_show(cli, number);
    }
    if (strcmp(argv[1], "retry") == 0) {
        return rejection_retry(cli, number, argc - 3, argv + 3);
    }
    if (strcmp(argv[1], "discard") != 0 || argc != 3) {
        return cli_usage(cli, &cli_command_rejections,
                         "list, show NUMBER, retry NUMBER or discard NUMBER.");
    }
    status = rove_rejection_discard(cli->replica, number, &error);
    return settled(cli, status, number, &error);
}

const cli_command cli_command_rejections = {
    "rejections", "[list] | show NUMBER | retry NUMBER [field=value ...] | discard NUMBER",
    "work that headquarters refused or gave back",
    "A refused change is kept with its reason, and so is work that an operator gave back after a "
    "look\n"
    "(see `rove review`). show prints what was written; retry sends it again, with other values "
    "where\n"
    "you give them; discard gives it up, which is recorded.\n\n"
    "    rove rejections\n"
    "    rove rejections show 3\n"
    "    rove rejections retry 3 credit_limit=",
    run_rejections};

/* ---- review ------------------------------------------------------------------------------------------------ */

static rove_status visit_review(void *ctx, const rove_review *review) {
    return keep(ctx, json_pack("{s:I, s:s, s:o, s:s, s:s, s:I, s:s, s:s, s:s, s:o, s:I}", "number",
                               (json_int_t)review->number, "state", review->state, "written_at",
                               cli_time_json(review->written_at_ms), "what", review->what, "entity",
                               review->entity, "id", (json_int_t)review->id, "reason",
                               review->reason, "by", review->by, "note", review->note, "decided_at",
                               cli_time_json(review->decided_at_ms), "device",
                               (json_int_t)review->replica));
}

static int run_review(cli_session *cli, int argc, char **argv) {
    static const char *const columns[] = {"number", "state",  "written_at", "what", "entity",
                                          "id",     "reason", "by",         "note", NULL};
    listing found = {cli, NULL};
    rove_error error = {0};
    (void)argv;

    if (argc != 1) {
        return cli_usage(cli, &cli_command_review, NULL);
    }
    found.rows = json_array();
    rove_status status = rove_reviews(cli->replica, visit_review, &found, &error);
    if (status != ROVE_OK) {
        json_decref(found.rows);
        return cli_fail(cli, status, &error);
    }
    cli_rows(cli, columns, found.rows, "Nothing of yours is or was in review.");
    return CLI_DONE;
}

const cli_command cli_command_review = {
    "review", "", "work of yours that an operator looks at",
    "What you wrote about a record after you had lost it, without knowing, waits at headquarters,\n"
    "whole, until an operator accepts it or gives it back. Work that came back is among\n"
    "`rove rejections`, with what he says of it.\n\n"
    "    rove review",
    run_review};

/* ---- quarantine ------------------------------------------------------------------------------------------- */

static rove_status visit_quarantined(void *ctx, const rove_quarantined *row) {
    return keep(ctx,
                json_pack("{s:s, s:I, s:s, s:s}", "entity", row->entity, "id", (json_int_t)row->id,
                          "status", rove_status_name(row->status), "reason", row->reason));
}

static int run_quarantine(cli_session *cli, int argc, char **argv) {
    static const char *const columns[] = {"entity", "id", "status", "reason", NULL};
    listing found = {cli, NULL};
    rove_error error = {0};
    uint64_t left = 0;
    rove_status status = ROVE_OK;

    if (argc == 2 && strcmp(argv[1], "retry") == 0) {
        status = rove_quarantine_retry(cli->replica, &left, &error);
        if (status != ROVE_OK) {
            return cli_fail(cli, status, &error);
        }
        cli_object(cli, json_pack("{s:I}", "left", (json_int_t)left));
        return CLI_DONE;
    }
    if (argc != 1) {
        return cli_usage(cli, &cli_command_quarantine, "nothing, or retry.");
    }
    found.rows = json_array();
    status = rove_quarantine(cli->replica, visit_quarantined, &found, &error);
    if (status != ROVE_OK) {
        json_decref(found.rows);
        return cli_fail(cli, status, &error);
    }
    cli_rows(cli, columns, found.rows, "No quarantined rows.");
    return CLI_DONE;
}

const cli_command cli_command_quarantine = {
    "quarantine", "[retry]", "rows that could not be applied",
    "A row from headquarters that this version cannot apply is kept aside with its reason; the "
    "rest\n"
    "goes on. It is tried again after each sync and each upgrade, and by retry.\n\n"
    "    rove quarantine",
    run_quarantine};

/* ---- sql --------------------------------------------------------------------------------------------------- */

static int run_sql(cli_session *cli, int argc, char **argv) {
    rove_value parameters[FIELDS_MAX];
    const char *entity = cli_option(&argc, argv, "--as");

    if (argc < 2 || argc - 2 > FIELDS_MAX) {
        return cli_usage(cli, &cli_command_sql, "give one SELECT in quotes.");
    }
    for (int i = 2; i < argc; i++) {
        int64_t number = 0;
        parameters[i - 2] =
            cli_number(argv[i], &number) == ROVE_OK ? rove_int(number) : rove_text(argv[i]);
    }
    return cli_list(cli, entity, argv[1], parameters, (size_t)(argc - 2), "No rows.");
}

const cli_command cli_command_sql = {"sql", "\"SELECT ...\" [PARAMETER ...] [--as ENTITY]",
                                     "read anything with SQL",
                                     "Runs one SELECT over the tables: one per entity, in "
                                     "snake_case. Values are as stored: times in\n"
                                     "Unix milliseconds, money in minor units; --as shows columns "
                                     "as fields of an entity. Nothing can\n"
                                     "be changed this way. Parameters bind to ?1, ?2 ...\n\n"
                                     "    rove sql \"SELECT count(*) FROM account\"\n"
                                     "    rove sql \"SELECT id, planned_start, status FROM visit "
                                     "WHERE account_id = ?1\" 4294967300 --as "
                                     "Visit",
                                     run_sql};
