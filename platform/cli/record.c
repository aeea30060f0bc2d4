/*
 * record.c - records by name, and the commands for any entity: show, set, delete, undo, tag.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "rove/drop.h"

#define FIELDS_MAX    64
#define MATCHES_SHOWN 5

/* ---- finding -------------------------------------------------------------------------------------------- */

/* How a person names a record of an entity. Each query takes ?1: the text, and gives id and a label. */
static const struct {
    const char *entity;
    const char *exact;  /* by something unique */
    const char *prefix; /* by the beginning of a name */
} finders[] = {
    {"Account", "SELECT id, name FROM account WHERE external_id = ?1 OR account_number = ?1",
     "SELECT id, name FROM account WHERE name LIKE ?1 || '%' ORDER BY name"},
    {"Contact", "SELECT id, full_name FROM contact WHERE external_id = ?1",
     "SELECT id, trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) AS n FROM contact"
     " WHERE n LIKE ?1 || '%' OR last_name LIKE ?1 || '%' ORDER BY n"},
    {"Lead", "SELECT id, last_name FROM lead WHERE external_id = ?1",
     "SELECT id, trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')) AS n FROM lead"
     " WHERE n LIKE ?1 || '%' OR last_name LIKE ?1 || '%' ORDER BY n"},
    {"User", "SELECT id, name FROM user WHERE external_id = ?1 OR login = ?1",
     "SELECT id, name FROM user WHERE name LIKE ?1 || '%' ORDER BY name"},
    {"Product", "SELECT id, name FROM product WHERE external_id = ?1 OR code = ?1",
     "SELECT id, name FROM product WHERE name LIKE ?1 || '%' ORDER BY name"},
    {"Territory", "SELECT id, name FROM territory WHERE external_id = ?1",
     "SELECT id, name FROM territory WHERE name LIKE ?1 || '%' ORDER BY name"},
    {"Tag", "SELECT id, value FROM tag WHERE value = ?1",
     "SELECT id, label FROM tag WHERE label LIKE ?1 || '%' ORDER BY label"},
};

typedef struct matches {
    rove_id id;
    size_t count;
    char names[160];
} matches;

static rove_status collect(cli_session *cli, const char *sql, const char *text, matches *found,
                           rove_error *error) {
    rove_value parameter = rove_text(text);
    rove_query *query = NULL;
    rove_status status = rove_query_new(cli->replica, sql, &parameter, 1, &query, error);

    while (status == ROVE_OK && (status = rove_query_step(query, error)) == ROVE_OK) {
        rove_value name = rove_query_value(query, 1);
        size_t used = strlen(found->names);
        if (found->count++ < MATCHES_SHOWN && name.type == ROVE_TEXT) {
            snprintf(found->names + used, sizeof found->names - used, "%s%.*s",
                     used > 0 ? ", " : "", (int)name.size, (const char *)name.as.data);
        }
        found->id = rove_query_value(query, 0).as.integer;
    }
    rove_query_free(query);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status find(cli_session *cli, size_t finder, const char *text, matches *found,
                        rove_error *error) {
    *found = (matches){0};
    rove_status status = collect(cli, finders[finder].exact, text, found, error);
    if (status == ROVE_OK && found->count == 0) {
        status = collect(cli, finders[finder].prefix, text, found, error);
    }
    return status;
}

static rove_status say(rove_error *error, rove_status status, const char *format,
                       const char *entity, const char *text) {
    error->domain = ROVE_DOMAIN_ROVE;
    error->code = (int)status;
    snprintf(error->message, sizeof error->message, format, entity, text);
    return status;
}

rove_id cli_me(cli_session *cli) {
    rove_state state = {.size = sizeof state};
    return rove_read_state(cli->replica, &state, NULL) == ROVE_OK ? state.user : 0;
}

/* Accounts, contacts and leads, in this order; the first that knows the text wins. */
static rove_status resolve_root(cli_session *cli, const char *text, rove_id *id,
                                rove_error *error) {
    static const char *const roots[] = {"Account", "Contact", "Lead"};

    if (strcmp(text, "me") == 0) {
        *id = cli_me(cli);
        return *id != 0
                   ? ROVE_OK
                   : say(error, ROVE_NOT_ENROLLED, "%s%s", "", rove_status_text(ROVE_NOT_ENROLLED));
    }
    for (size_t i = 0; i < 3; i++) {
        rove_status status = cli_resolve(cli, roots[i], text, id, error);
        if (status != ROVE_NOT_FOUND) {
            return status;
        }
    }
    return say(error, ROVE_NOT_FOUND, "There is no %s `%s` on this device.",
               "account, contact or lead", text);
}

rove_status cli_resolve(cli_session *cli, const char *entity, const char *text, rove_id *id,
                        rove_error *error) {
    matches found = {0};
    const char *table = NULL;
    int64_t number = 0;

    if (strcmp(entity, "root") == 0) {
        return resolve_root(cli, text, id, error);
    }
    if (rove_entity_table(cli->replica, entity, &table) != ROVE_OK) {
        return say(error, ROVE_UNKNOWN_ENTITY,
                   "There is no entity `%s`. Names are like Account, Contact, Visit.%s", entity,
                   "");
    }
    /* An id has its replica number above 2^32, so it is never mistaken for an external id. */
    if (cli_number(text, &number) == ROVE_OK && number > INT64_C(0xffffffff)) {
        void *bytes = NULL;
        size_t size = 0;
        rove_status status = rove_get_packed(cli->replica, entity, number, &bytes, &size, error);
        rove_release(cli->replica, bytes);
        *id = number;
        if (status == ROVE_LOCKED) {
            return ROVE_OK; /* nothing can be looked up, and what is written may name it */
        }
        return status == ROVE_NOT_FOUND
                   ? say(error, status, "There is no %s with the id %s on this device.", entity,
                         text)
                   : status;
    }
    for (size_t i = 0; i < sizeof finders / sizeof finders[0]; i++) {
        if (strcmp(finders[i].entity, entity) == 0) {
            rove_status status = find(cli, i, text, &found, error);
            if (status != ROVE_OK) {
                return status;
            }
        }
    }
    *id = found.id;
    if (found.count > 1) {
        return say(error, ROVE_INVALID, "Several match `%2$s`: %1$s. Use an id.", found.names,
                   text);
    }
    return found.count == 1
               ? ROVE_OK
               : say(error, ROVE_NOT_FOUND, "There is no %s `%s` on this device.", entity, text);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

/* While the replica is locked: into the drop box. */
static int drop(cli_session *cli, const char *entity, const rove_field *fields, size_t count) {
    uint8_t reference[ROVE_REFERENCE_SIZE];
    char text[2 * ROVE_REFERENCE_SIZE + 1] = "";
    rove_error error = {0};
    rove_status status = rove_drop_record(cli->replica, entity, fields, count, reference, &error);

    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    for (size_t i = 0; i < sizeof reference; i++) {
        snprintf(text + 2 * i, 3, "%02x", reference[i]);
    }
    if (cli->json) {
        cli_json(json_pack("{s:s, s:b, s:s}", "entity", entity, "dropped", 1, "reference", text));
    } else {
        puts("The replica is locked. It lies sealed in the drop box, and goes with the next sync.");
    }
    return CLI_DONE;
}

int cli_insert(cli_session *cli, const char *entity, const rove_field *fields, size_t count) {
    rove_error error = {0};
    rove_id id = 0;
    rove_status status = rove_insert(cli->replica, entity, fields, count, &id, &error);

    if (status == ROVE_LOCKED && (strcmp(entity, "Visit") == 0 || strcmp(entity, "Call") == 0)) {
        return drop(cli, entity, fields, count);
    }
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (cli->json) {
        cli_json(json_pack("{s:s, s:I}", "entity", entity, "id", (json_int_t)id));
    } else {
        printf("%lld\n", (long long)id);
    }
    return CLI_DONE;
}

static int done(const cli_session *cli, const char *entity, rove_id id) {
    return cli_done(cli, json_pack("{s:s, s:I}", "entity", entity, "id", (json_int_t)id));
}

int cli_update(cli_session *cli, const char *entity, rove_id id, const rove_field *fields,
               size_t count) {
    rove_error error = {0};
    rove_status status = rove_update(cli->replica, entity, id, fields, count, &error);

    return status == ROVE_OK ? done(cli, entity, id) : cli_fail(cli, status, &error);
}

/* ---- show ----------------------------------------------------------------------------------------------- */

json_t *cli_record(cli_session *cli, const char *entity, const rove_query *query) {
    json_t *object = json_object();

    for (size_t i = 0; i < rove_query_columns(query); i++) {
        rove_field_info info;
        const char *name = rove_query_name(query, i);
        rove_value value = rove_query_value(query, i);
        int known = cli_field(cli, entity, name, &info);
        if (name[0] != '_' && value.type != ROVE_NULL &&
            (!known || strcmp(info.kind, "set") != 0)) {
            json_object_set_new(object, name,
                                cli_value_json(cli, entity, known ? &info : NULL, value));
        }
    }
    return object;
}

int cli_show(cli_session *cli, const char *entity, const char *text) {
    rove_error error = {0};
    const char *table = NULL;
    rove_id id = 0;
    rove_query *query = NULL;
    json_t *object = NULL;
    char sql[128];
    rove_status status = cli_resolve(cli, entity, text, &id, &error);

    if (status == ROVE_OK) {
        status = rove_entity_table(cli->replica, entity, &table);
    }
    if (status == ROVE_OK) {
        rove_value parameter = rove_int(id);
        /* The table's name is one of the registry's. */
        snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" WHERE id = ?1", table);
        status = rove_query_new(cli->replica, sql, &parameter, 1, &query, &error);
    }
    if (status == ROVE_OK) {
        status = rove_query_step(query, &error);
    }
    if (status == ROVE_OK) {
        object = cli_record(cli, entity, query);
    }
    rove_query_free(query);
    if (status != ROVE_OK) {
        return cli_fail(cli, status == ROVE_DONE ? ROVE_NOT_FOUND : status, &error);
    }
    cli_object(cli, object);
    return CLI_DONE;
}

static int run_show(cli_session *cli, int argc, char **argv) {
    return argc == 3 ? cli_show(cli, argv[1], argv[2])
                     : cli_usage(cli, &cli_command_show, "name an entity and a record.");
}

const cli_command cli_command_show = {
    "show", "ENTITY RECORD", "all fields of a record",
    "Shows what this device holds of a record, pending work included. ENTITY is a name from the\n"
    "data model (Account, Contact, Visit, ...). RECORD is an id, an external id, or the beginning "
    "of a\n"
    "name if only one begins so.\n\n"
    "    rove show Account AW00000585\n"
    "    rove show Visit 8589934593 --json",
    run_show};

/* ---- set, delete, undo ---------------------------------------------------------------------------------- */

/* What `set` was told, in the order in which it was. */
typedef struct changes {
    rove_field fields[FIELDS_MAX];
    size_t count;
    struct {
        const char *field;
        int64_t amount;
    } additions[FIELDS_MAX];
    size_t added;
} changes;

/* field=value, or field+=number. */
static rove_status take_change(cli_session *cli, const char *entity, char *argument, changes *told,
                               rove_error *error) {
    char *equals = strchr(argument, '=');

    if (equals == NULL || equals == argument || equals[-1] != '+') {
        return cli_assignment_parse(cli, entity, argument, &told->fields[told->count++], error);
    }
    equals[-1] = '\0';
    told->additions[told->added].field = argument;
    return cli_number(equals + 1, &told->additions[told->added++].amount) == ROVE_OK
               ? ROVE_OK
               : say(error, ROVE_INVALID, "%s.%s: a whole number is expected", entity, argument);
}

/* All of it or nothing. */
static rove_status change(cli_session *cli, const char *entity, rove_id id, const changes *told,
                          rove_error *error) {
    rove_status status = rove_begin(cli->replica, error);

    if (status == ROVE_OK && told->count > 0) {
        status = rove_update(cli->replica, entity, id, told->fields, told->count, error);
    }
    for (size_t i = 0; status == ROVE_OK && i < told->added; i++) {
        status = rove_increment(cli->replica, entity, id, told->additions[i].field,
                                told->additions[i].amount, error);
    }
    if (status == ROVE_OK) {
        return rove_commit(cli->replica, error);
    }
    rove_rollback(cli->replica);
    return status;
}

static int run_set(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    changes told = {.count = 0};
    rove_id id = 0;

    if (argc < 4 || argc - 3 > FIELDS_MAX) {
        return cli_usage(cli, &cli_command_set, "name an entity, a record and field=value.");
    }
    rove_status status = cli_resolve(cli, argv[1], argv[2], &id, &error);
    for (int i = 3; status == ROVE_OK && i < argc; i++) {
        status = take_change(cli, argv[1], argv[i], &told, &error);
    }
    if (status == ROVE_OK) {
        status = change(cli, argv[1], id, &told, &error);
    }
    return status == ROVE_OK ? done(cli, argv[1], id) : cli_fail(cli, status, &error);
}

const cli_command cli_command_set = {
    "set", "ENTITY RECORD field=value ...", "change fields of a record",
    "Changes fields; the rest stays. Times are ISO 8601 in UTC, or now, tomorrow, +2h; money is\n"
    "12.34; choices are their keys (HIGH, IN_PROGRESS); an empty value clears. field+=NUMBER adds "
    "to a\n"
    "counter: what several reps add adds up.\n\n"
    "    rove set Account AW00000585 phone=555-0100 rating=HOT points+=20\n"
    "    rove set Visit 8589934593 planned_start=2026-11-24T09:00Z purpose=\"Spring order\"",
    run_set};

static int run_delete(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    rove_id id = 0;

    if (argc != 3) {
        return cli_usage(cli, &cli_command_delete, "name an entity and a record.");
    }
    rove_status status = cli_resolve(cli, argv[1], argv[2], &id, &error);
    if (status == ROVE_OK) {
        status = rove_delete(cli->replica, argv[1], id, &error);
    }
    return status == ROVE_OK ? done(cli, argv[1], id) : cli_fail(cli, status, &error);
}

const cli_command cli_command_delete = {
    "delete", "ENTITY RECORD", "delete a record",
    "Deletes a record. If somebody changed it meanwhile without your knowing, headquarters brings "
    "it\n"
    "back for review instead. Until it is sent, `rove undo` takes the delete back.\n\n"
    "    rove delete Task 8589934600",
    run_delete};

static rove_status newest(void *ctx, const rove_pending *pending) {
    rove_pending *out = ctx;
    if (!pending->in_flight) {
        *out = *pending;
        return ROVE_DONE;
    }
    return ROVE_OK;
}

static int run_undo(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    rove_pending last = {0};
    rove_id id = 0;
    const char *entity = argc > 1 ? argv[1] : NULL;
    rove_status status = ROVE_OK;

    if (argc != 1 && argc != 3) {
        return cli_usage(cli, &cli_command_undo, "name an entity and a record, or nothing.");
    }
    if (argc == 3) {
        /* A deleted record is not found by name, but its id still undoes it. */
        if (cli_number(argv[2], &id) != ROVE_OK || id <= INT64_C(0xffffffff)) {
            status = cli_resolve(cli, entity, argv[2], &id, &error);
        }
    } else {
        status = rove_pending_list(cli->replica, newest, &last, &error);
        entity = last.entity;
        id = last.id;
        if ((status == ROVE_OK || status == ROVE_DONE) && entity == NULL) {
            snprintf(error.message, sizeof error.message,
                     "There is nothing to undo: everything is on its way to headquarters.");
            status = ROVE_NOT_FOUND;
        }
        status = status == ROVE_DONE ? ROVE_OK : status;
    }
    if (status == ROVE_OK) {
        status = rove_undo(cli->replica, entity, id, &error);
    }
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (cli->json) {
        cli_json(json_pack("{s:s, s:I}", "entity", entity, "id", (json_int_t)id));
    } else {
        printf("undone: %s %lld\n", entity, (long long)id);
    }
    return CLI_DONE;
}

const cli_command cli_command_undo = {
    "undo", "[ENTITY RECORD]", "take back what has not been sent yet",
    "Takes back the unsent work on a record: it shows again what headquarters last said. Without\n"
    "arguments the record that was changed last.\n\n"
    "    rove undo\n"
    "    rove undo Account AW00000585",
    run_undo};

/* ---- tag ------------------------------------------------------------------------------------------------- */

static int run_tag(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    rove_id id = 0;
    rove_id tag = 0;

    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        return cli_list(
            cli, "Tag",
            "SELECT t.id, s.name AS tag_set, t.value, t.label FROM tag t LEFT JOIN tag_set s"
            " ON s.id = t.tag_set_id ORDER BY s.name, t.sort_order, t.value",
            NULL, 0, "Headquarters has not defined any tags.");
    }
    if (argc != 5 || (strcmp(argv[1], "add") != 0 && strcmp(argv[1], "rm") != 0)) {
        return cli_usage(cli, &cli_command_tag, "add or rm, an entity, a record and a tag.");
    }
    rove_status status = cli_resolve(cli, argv[2], argv[3], &id, &error);
    if (status == ROVE_OK) {
        status = cli_resolve(cli, "Tag", argv[4], &tag, &error);
    }
    if (status == ROVE_OK) {
        status = rove_element(cli->replica, argv[2], id, "tag_ids", rove_int(tag),
                              strcmp(argv[1], "add") == 0, &error);
    }
    return status == ROVE_OK ? done(cli, argv[2], id) : cli_fail(cli, status, &error);
}

const cli_command cli_command_tag = {"tag", "add|rm ENTITY RECORD TAG | list",
                                     "tag an account, contact or lead",
                                     "Puts a tag on a record or takes it off. Two reps who tag the "
                                     "same record both keep their tags;\n"
                                     "a tag that somebody adds while another removes it stays.\n\n"
                                     "    rove tag list\n"
                                     "    rove tag add Account AW00000585 A",
                                     run_tag};
