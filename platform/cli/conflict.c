/*
 * conflict.c - two writes that met unseen: the list, both sides of one side by side, and settling it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define PAGE_LIMIT 100
#define LIMIT_MOST INT64_C(1000000)
#define NAMES_MAX  16
#define NAME_SIZE  200
#define SQL_SIZE   200

/* Conflicts being collected, and whose names were looked up last. */
typedef struct collecting {
    cli_session *cli;
    json_t *rows;
    size_t limit;
    rove_id last;
    int more;
    struct {
        rove_id user;
        char name[NAME_SIZE];
    } names[NAMES_MAX];
    size_t next;
    rove_replica own; /* this device */
} collecting;

/* ---- who and where ------------------------------------------------------------------------------------------ */

/* The first value of a query as text; "" if there is none. */
static void look_up(cli_session *cli, const char *sql, rove_id id, char *text, size_t capacity) {
    rove_value key = rove_int(id);
    rove_query *query = NULL;

    text[0] = '\0';
    if (rove_query_new(cli->replica, sql, &key, 1, &query, NULL) == ROVE_OK &&
        rove_query_step(query, NULL) == ROVE_OK) {
        rove_value value = rove_query_value(query, 0);
        if (value.type == ROVE_TEXT) {
            snprintf(text, capacity, "%.*s", (int)value.size, (const char *)value.as.data);
        }
    }
    rove_query_free(query);
}

static const char *name_of(collecting *c, rove_id user) {
    if (user == 0) {
        return "headquarters";
    }
    for (size_t i = 0; i < NAMES_MAX; i++) {
        if (c->names[i].user == user) {
            return c->names[i].name;
        }
    }
    size_t at = c->next++ % NAMES_MAX;
    c->names[at].user = user;
    look_up(c->cli, "SELECT name FROM user WHERE id = ?1", user, c->names[at].name, NAME_SIZE);
    if (c->names[at].name[0] == '\0') {
        snprintf(c->names[at].name, NAME_SIZE, "(user %lld)", (long long)user);
    }
    return c->names[at].name;
}

static json_t *device_json(const collecting *c, rove_id user, rove_replica replica) {
    char text[32];

    if (replica == 0 || user == 0) {
        return json_null();
    }
    snprintf(text, sizeof text, "%lu", (unsigned long)replica);
    return json_string(replica == c->own ? "this device" : text);
}

/* ---- collecting --------------------------------------------------------------------------------------------- */

/* "kept" and "kept_by", or "lost" and "lost_by" ... */
static void put(json_t *row, const char *side, const char *what, json_t *value) {
    char name[40];

    snprintf(name, sizeof name, "%s%s", side, what);
    (void)json_object_set_new(row, name, value);
}

/* One side: what, who, where, when by headquarters' time, and when by the device's own clock. */
static void add_side(collecting *c, const rove_conflict *conflict, json_t *row, int kept) {
    const char *side = kept ? "kept" : "lost";
    rove_id user = kept ? conflict->kept_user : conflict->lost_user;
    rove_field_info info;
    int known = cli_field(c->cli, conflict->entity, conflict->field, &info);

    put(row, side, "",
        cli_value_json(c->cli, conflict->entity, known ? &info : NULL,
                       kept ? conflict->kept : conflict->lost));
    put(row, side, "_by", json_string(name_of(c, user)));
    put(row, side, "_user", json_integer((json_int_t)user));
    put(row, side, "_device",
        device_json(c, user, kept ? conflict->kept_replica : conflict->lost_replica));
    put(row, side, "_at", cli_time_json(kept ? conflict->kept_at_ms : conflict->lost_at_ms));
    put(row, side, "_at_own_clock",
        cli_time_json(kept ? conflict->kept_raw_at_ms : conflict->lost_raw_at_ms));
}

static rove_status visit(void *ctx, const rove_conflict *conflict) {
    collecting *c = ctx;

    if (json_array_size(c->rows) == c->limit) {
        c->more = 1;
        return ROVE_DONE;
    }
    json_t *row =
        json_pack("{s:I, s:s, s:s, s:s, s:I, s:s}", "number", (json_int_t)conflict->number,
                  "status", conflict->status, "kind", conflict->kind, "entity", conflict->entity,
                  "id", (json_int_t)conflict->id, "field", conflict->field);
    add_side(c, conflict, row, 1);
    add_side(c, conflict, row, 0);
    if (!conflict->open) {
        (void)json_object_set_new(row, "settled_by", json_string(name_of(c, conflict->resolver)));
        (void)json_object_set_new(row, "settled_at", cli_time_json(conflict->resolved_at_ms));
    }
    c->last = conflict->number;
    return json_array_append_new(c->rows, row) == 0 ? ROVE_OK : ROVE_NOMEM;
}

static rove_status collect(collecting *c, cli_session *cli, const rove_conflict_filter *filter,
                           rove_error *error) {
    rove_state state = {.size = sizeof state};

    *c = (collecting){.cli = cli, .rows = json_array(), .limit = filter->limit};
    rove_status status = rove_read_state(cli->replica, &state, error);
    if (status != ROVE_OK) {
        return status;
    }
    rove_conflict_filter page = *filter;
    page.limit++; /* one more says whether any follow */
    c->own = state.replica;
    return rove_conflicts(cli->replica, &page, visit, c, error);
}

/* ---- list --------------------------------------------------------------------------------------------------- */

static int print_list(cli_session *cli, collecting *c, int all) {
    static const char *const columns[] = {"number", "status",  "entity", "id",      "field",
                                          "kept",   "kept_by", "lost",   "lost_by", NULL};

    cli_rows(cli, columns, c->rows, all ? "No conflicts." : "No open conflicts.");
    if (c->more) {
        fprintf(stderr, "More follow: --after %lld\n", (long long)c->last);
    }
    return CLI_DONE;
}

static int run_list(cli_session *cli, int argc, char **argv) {
    collecting found = {.cli = cli};
    rove_error error = {0};
    const char *limit = cli_option(&argc, argv, "--limit");
    const char *after = cli_option(&argc, argv, "--after");
    const char *user = cli_option(&argc, argv, "--user");
    const char *entity = cli_option(&argc, argv, "--entity");
    int all = cli_flag(&argc, argv, "--all");
    rove_conflict_filter filter = {.size = sizeof filter, .open = !all, .entity = entity};
    int64_t most = PAGE_LIMIT;
    rove_status status = ROVE_OK;

    if (argc > 2 || (argc == 2 && strcmp(argv[1], "list") != 0) ||
        (limit != NULL && cli_amount(limit, 1, LIMIT_MOST, &most) != ROVE_OK) ||
        (after != NULL && cli_number(after, &filter.after) != ROVE_OK)) {
        return cli_usage(cli, &cli_command_conflicts,
                         "list with its options, show, keep or restore with a NUMBER.");
    }
    filter.limit = (size_t)most;
    if (user != NULL) {
        status = strcmp(user, "me") == 0 ? ROVE_OK
                                         : cli_resolve(cli, "User", user, &filter.user, &error);
        filter.user = strcmp(user, "me") == 0 ? cli_me(cli) : filter.user;
    }
    if (status == ROVE_OK) {
        status = collect(&found, cli, &filter, &error);
    }
    if (status != ROVE_OK) {
        json_decref(found.rows);
        return cli_fail(cli, status, &error);
    }
    return print_list(cli, &found, all);
}

/* ---- show --------------------------------------------------------------------------------------------------- */

static rove_status take_value(cli_session *cli, const char *sql, rove_id id, const char *entity,
                              const rove_field_info *info, json_t **value, rove_error *error) {
    rove_value key = rove_int(id);
    rove_query *query = NULL;
    rove_status status = rove_query_new(cli->replica, sql, &key, 1, &query, error);

    if (status == ROVE_OK) {
        status = rove_query_step(query, error);
    }
    if (status == ROVE_OK) {
        *value = cli_value_json(cli, entity, info, rove_query_value(query, 0));
    }
    rove_query_free(query);
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* What the record has in the field now; null where it is gone, or the whole record is meant. */
static rove_status add_now(cli_session *cli, json_t *row, rove_error *error) {
    const char *entity = json_string_value(json_object_get(row, "entity"));
    const char *field = json_string_value(json_object_get(row, "field"));
    rove_id id = json_integer_value(json_object_get(row, "id"));
    const char *table = NULL;
    json_t *now = NULL;
    rove_field_info info;
    char sql[SQL_SIZE];

    rove_status status = rove_entity_table(cli->replica, entity, &table);
    if (status == ROVE_OK && cli_field(cli, entity, field, &info)) {
        snprintf(sql, sizeof sql, "SELECT \"%s\" FROM \"%s\" WHERE id = ?1", field, table);
        status = take_value(cli, sql, id, entity, &info, &now, error);
    }
    (void)json_object_set_new(row, "now", now != NULL ? now : json_null());
    return status == ROVE_UNKNOWN_ENTITY ? ROVE_OK : status;
}

/* Takes the columns of one side out of the row, so that the sides stand below each other. */
static json_t *take_side(json_t *row, const char *side) {
    static const char *const whats[] = {"", "_by", "_device", "_at", "_at_own_clock", "_user"};
    json_t *line = json_pack("{s:s}", "side", side);
    char name[40];

    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        snprintf(name, sizeof name, "%s%s", side, whats[i]);
        (void)json_object_set(line, i == 0 ? "value" : whats[i] + 1, json_object_get(row, name));
        (void)json_object_del(row, name);
    }
    return line;
}

static void print_one(cli_session *cli, json_t *row) {
    static const char *const columns[] = {"side", "value",        "by", "device",
                                          "at",   "at_own_clock", NULL};
    json_t *lines = json_array();

    (void)json_array_append_new(lines, take_side(row, "kept"));
    (void)json_array_append_new(lines, take_side(row, "lost"));
    cli_object(cli, row);
    putchar('\n');
    cli_rows(cli, columns, lines, "");
}

static int run_show(cli_session *cli, rove_id number) {
    rove_conflict_filter filter = {.size = sizeof filter, .number = number, .limit = 1};
    collecting found = {.cli = cli};
    rove_error error = {0};
    rove_status status = collect(&found, cli, &filter, &error);

    if (status == ROVE_OK && json_array_size(found.rows) == 0) {
        snprintf(error.message, sizeof error.message, "There is no conflict %lld.",
                 (long long)number);
        status = ROVE_NOT_FOUND;
    }
    json_t *row = status == ROVE_OK ? json_incref(json_array_get(found.rows, 0)) : NULL;
    json_decref(found.rows);
    if (status == ROVE_OK) {
        status = add_now(cli, row, &error);
    }
    if (status != ROVE_OK) {
        json_decref(row);
        return cli_fail(cli, status, &error);
    }
    if (cli->json) {
        cli_json(row);
    } else {
        print_one(cli, row);
    }
    return CLI_DONE;
}

/* ---- the command -------------------------------------------------------------------------------------------- */

static int run_conflicts(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    int64_t number = 0;
    int show = argc == 3 && strcmp(argv[1], "show") == 0;
    int restore = argc == 3 && strcmp(argv[1], "restore") == 0;

    if (!show && !restore && (argc != 3 || strcmp(argv[1], "keep") != 0)) {
        return run_list(cli, argc, argv);
    }
    if (cli_number(argv[2], &number) != ROVE_OK) {
        return cli_usage(cli, &cli_command_conflicts, "a conflict is named by its number.");
    }
    if (show) {
        return run_show(cli, number);
    }
    rove_status status = rove_conflict_settle(cli->replica, number, restore, &error);
    return status == ROVE_OK ? cli_done(cli, json_pack("{s:I}", "number", (json_int_t)number))
                             : cli_fail(cli, status, &error);
}

const cli_command cli_command_conflicts = {
    "conflicts",
    "[list] [--all] [--entity ENTITY] [--user USER|me] [--limit N] [--after NUMBER] | show NUMBER "
    "| keep NUMBER | restore NUMBER",
    "two values that met unseen",
    "When two people change the same field without having seen each other's change, one value is "
    "kept\n"
    "and the other is not thrown away. The list has those that nobody has settled, with --all the\n"
    "settled ones too, a page of 100 or --limit at a time. show puts both side by side: who wrote\n"
    "them, on which device, when, and what that device's own clock said. keep settles it as it "
    "is;\n"
    "restore writes the losing value again, as a new change.\n\n"
    "    rove conflicts\n"
    "    rove conflicts show 4294967301\n"
    "    rove conflicts restore 4294967301",
    run_conflicts};
