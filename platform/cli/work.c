/*
 * work.c - a rep's day: accounts, contacts, visits, calls, tasks, notes.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define FIELDS_MAX 24

/* Fields being collected for a write. The first failure sticks. */
typedef struct entry {
    cli_session *cli;
    const char *entity;
    rove_field fields[FIELDS_MAX];
    size_t count;
    rove_status status;
    rove_error error;
} entry;

static void put(entry *form, const char *name, rove_value value) {
    if (form->count < FIELDS_MAX) {
        form->fields[form->count++] = (rove_field){name, value};
    }
}

/* The text as the field's type; nothing if it is NULL. */
static void put_text(entry *form, const char *name, const char *text) {
    rove_field_info info;
    rove_value value;

    if (text == NULL || form->status != ROVE_OK ||
        !cli_field(form->cli, form->entity, name, &info)) {
        return;
    }
    form->status = cli_value_parse(form->cli, form->entity, &info, text, &value, &form->error);
    if (form->status == ROVE_OK) {
        put(form, name, value);
    }
}

static void put_key(entry *form, const char *name, const char *key) {
    put_text(form, name, key);
}

static void put_now(entry *form, const char *name) {
    put(form, name, rove_int(rove_now_ms(form->cli->replica)));
}

/* The device's own reading beside the trusted time, so that a wrong clock can be seen later. */
static void put_now_raw(entry *form, const char *name) {
    rove_clock_reading reading;
    form->cli->ports.clock.read(form->cli->ports.clock.ctx, &reading);
    put(form, name, rove_int(reading.wall_ms));
}

static void put_record(entry *form, const char *name, const char *entity, const char *text) {
    rove_id id = 0;
    if (text == NULL || form->status != ROVE_OK) {
        return;
    }
    form->status = cli_resolve(form->cli, entity, text, &id, &form->error);
    put(form, name, rove_int(id));
}

/* Takes `--option VALUE` into a field. */
static void put_option(entry *form, int *argc, char **argv, const char *option, const char *name) {
    put_text(form, name, cli_option(argc, argv, option));
}

static int insert(entry *form) {
    return form->status == ROVE_OK ? cli_insert(form->cli, form->entity, form->fields, form->count)
                                   : cli_fail(form->cli, form->status, &form->error);
}

static int is(const char *word, const char *text) {
    return text != NULL && strcmp(word, text) == 0;
}

/* ---- account ---------------------------------------------------------------------------------------------- */

static int run_account(cli_session *cli, int argc, char **argv) {
    const char *columns =
        "SELECT id, account_number, name, billing_city, phone, lifecycle_stage FROM account ";
    char sql[400];

    if (argc == 2 && is("list", argv[1])) {
        snprintf(sql, sizeof sql, "%sORDER BY name", columns);
        return cli_list(cli, "Account", sql, NULL, 0, "No accounts on this device.");
    }
    if (argc == 3 && is("show", argv[1])) {
        return cli_show(cli, "Account", argv[2]);
    }
    if (argc == 3 && is("search", argv[1])) {
        rove_value text = rove_text(argv[2]);
        snprintf(sql, sizeof sql,
                 "%sWHERE name LIKE '%%' || ?1 || '%%' OR billing_city LIKE ?1 || '%%' OR "
                 "account_number LIKE ?1 || '%%' OR external_id = ?1 ORDER BY name LIMIT 200",
                 columns);
        return cli_list(cli, "Account", sql, &text, 1, "No account matches.");
    }
    return cli_usage(cli, &cli_command_account, "list, show or search.");
}

const cli_command cli_command_account = {
    "account", "list | show ACCOUNT | search TEXT", "the accounts on this device",
    "ACCOUNT is an id, an external id, an account number, or the beginning of a name.\n\n"
    "    rove account list\n"
    "    rove account search bike\n"
    "    rove account show AW00000585 --json",
    run_account};

/* ---- contact ---------------------------------------------------------------------------------------------- */

/* A contact, and the role that ties it to the account, in one transaction: they arrive together. */
static int contact_add(cli_session *cli, int argc, char **argv) {
    entry person = {.cli = cli, .entity = "Contact"};
    entry role = {.cli = cli, .entity = "AccountContactRole"};
    rove_error error = {0};
    rove_id id = 0;
    rove_id role_id = 0;

    put_option(&person, &argc, argv, "--first", "first_name");
    put_option(&person, &argc, argv, "--last", "last_name");
    put_option(&person, &argc, argv, "--title", "title");
    put_option(&person, &argc, argv, "--email", "email");
    put_option(&person, &argc, argv, "--phone", "phone");
    put_option(&role, &argc, argv, "--role", "role");
    if (argc != 3 || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_contact, "add takes an account.");
    }
    put_record(&role, "account_id", "Account", argv[2]);
    if (person.status != ROVE_OK || role.status != ROVE_OK) {
        return cli_fail(cli, person.status != ROVE_OK ? person.status : role.status,
                        person.status != ROVE_OK ? &person.error : &role.error);
    }
    rove_status status = rove_begin(cli->replica, &error);
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    status = rove_insert(cli->replica, "Contact", person.fields, person.count, &id, &error);
    put(&role, "contact_id", rove_int(id));
    if (status == ROVE_OK) {
        status = rove_insert(cli->replica, "AccountContactRole", role.fields, role.count, &role_id,
                             &error);
    }
    if (status != ROVE_OK) {
        rove_rollback(cli->replica);
        return cli_fail(cli, status, &error);
    }
    status = rove_commit(cli->replica, &error);
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (cli->json) {
        cli_json(json_pack("{s:s, s:I, s:I}", "entity", "Contact", "id", (json_int_t)id, "role_id",
                           (json_int_t)role_id));
    } else {
        printf("%lld\n", (long long)id);
    }
    return CLI_DONE;
}

/* Whose number rings, or whose address it is: however it is written, and wherever it is kept. */
static int contact_find(cli_session *cli, const char *text) {
    rove_value value = rove_text(text);

    return cli_list(
        cli, "Contact",
        "SELECT id, first_name, last_name, title, phone, email FROM contact WHERE id IN (SELECT "
        "contact_id FROM contact_method WHERE normalised = rove_normalised(kind, ?1)) OR "
        "rove_normalised(1, phone) = rove_normalised(1, ?1) OR rove_normalised(3, email) = "
        "rove_normalised(3, ?1) ORDER BY last_name, first_name",
        &value, 1, "Nobody on this device has this number or address.");
}

static int run_contact(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    rove_id account = 0;

    if (argc > 1 && is("add", argv[1])) {
        return contact_add(cli, argc, argv);
    }
    if (argc == 3 && is("show", argv[1])) {
        return cli_show(cli, "Contact", argv[2]);
    }
    if (argc == 3 && is("find", argv[1])) {
        return contact_find(cli, argv[2]);
    }
    if (argc >= 2 && argc <= 3 && is("list", argv[1])) {
        rove_status status =
            argc == 3 ? cli_resolve(cli, "Account", argv[2], &account, &error) : ROVE_OK;
        rove_value id = account != 0 ? rove_int(account) : rove_null();
        if (status != ROVE_OK) {
            return cli_fail(cli, status, &error);
        }
        return cli_list(
            cli, "Contact",
            "SELECT c.id, c.first_name, c.last_name, c.title, c.phone, c.email, a.name AS "
            "account FROM contact c LEFT JOIN account_contact_role r ON r.contact_id = "
            "c.id LEFT JOIN account a ON a.id = r.account_id WHERE ?1 IS NULL OR "
            "r.account_id = ?1 ORDER BY c.last_name, c.first_name",
            &id, 1, "No contacts.");
    }
    return cli_usage(cli, &cli_command_contact, "list, show, find or add.");
}

const cli_command cli_command_contact = {
    "contact",
    "list [ACCOUNT] | show CONTACT | find NUMBER|ADDRESS | add ACCOUNT --first F --last L "
    "[--title T] [--email E] [--phone P] [--role R]",
    "people at the accounts",
    "A new contact needs a first or a last name; it belongs to the account that it is added to.\n"
    "find says whose number rings, or whose e-mail address or other name it is.\n\n"
    "    rove contact list AW00000585\n"
    "    rove contact find '+49 170 555-0101'\n"
    "    rove contact add AW00000585 --first Wei --last Chen --title Owner --phone 555-0101",
    run_contact};

/* ---- visit ------------------------------------------------------------------------------------------------ */

static int visit_plan(cli_session *cli, int argc, char **argv) {
    entry visit = {.cli = cli, .entity = "Visit"};

    put_option(&visit, &argc, argv, "--at", "planned_start");
    put_option(&visit, &argc, argv, "--until", "planned_end");
    put_option(&visit, &argc, argv, "--purpose", "purpose");
    put_option(&visit, &argc, argv, "--priority", "priority");
    put_option(&visit, &argc, argv, "--instruction", "instruction");
    if (argc != 3 || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_visit, "plan takes an account.");
    }
    put_record(&visit, "account_id", "Account", argv[2]);
    put(&visit, "visitor_id", rove_int(cli_me(cli)));
    put_key(&visit, "status", "PLANNED");
    return insert(&visit);
}

/* A planned visit by its id, or an unplanned one at an account. */
static int visit_start(cli_session *cli, int argc, char **argv) {
    entry visit = {.cli = cli, .entity = "Visit"};
    rove_id id = 0;
    rove_error error = {0};

    put_option(&visit, &argc, argv, "--latitude", "checkin_latitude");
    put_option(&visit, &argc, argv, "--longitude", "checkin_longitude");
    put_option(&visit, &argc, argv, "--purpose", "purpose");
    if (argc != 3 || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_visit,
                         "start takes a visit, or an account for an unplanned one.");
    }
    put_now(&visit, "actual_start");
    put_now_raw(&visit, "actual_start_raw");
    put_key(&visit, "status", "IN_PROGRESS");
    rove_status status = cli_resolve(cli, "Visit", argv[2], &id, &error);
    if (visit.status == ROVE_OK && status == ROVE_OK) {
        return cli_update(cli, "Visit", id, visit.fields, visit.count);
    }
    put_record(&visit, "account_id", "Account", argv[2]);
    put_now(&visit, "planned_start");
    put(&visit, "visitor_id", rove_int(cli_me(cli)));
    return insert(&visit);
}

static int visit_finish(cli_session *cli, int argc, char **argv) {
    entry visit = {.cli = cli, .entity = "Visit"};
    rove_id id = 0;
    rove_error error = {0};

    put_option(&visit, &argc, argv, "--outcome", "outcome");
    put_option(&visit, &argc, argv, "--notes", "notes");
    put_option(&visit, &argc, argv, "--next-step", "next_step");
    if (argc != 3 || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_visit, "finish takes a visit.");
    }
    put_now(&visit, "actual_end");
    put_now_raw(&visit, "actual_end_raw");
    put_key(&visit, "status", "COMPLETED");
    rove_status status =
        visit.status == ROVE_OK ? cli_resolve(cli, "Visit", argv[2], &id, &error) : visit.status;
    if (status == ROVE_OK) {
        status = rove_seal(cli->replica, "Visit", id, visit.fields, visit.count, &error);
    }
    if (status != ROVE_OK) {
        return cli_fail(cli, status, visit.status != ROVE_OK ? &visit.error : &error);
    }
    if (cli->json) {
        cli_json(
            json_pack("{s:s, s:I, s:b}", "entity", "Visit", "id", (json_int_t)id, "sealed", 1));
    }
    return CLI_DONE;
}

static int visit_cancel(cli_session *cli, int argc, char **argv) {
    entry visit = {.cli = cli, .entity = "Visit"};
    rove_id id = 0;
    rove_error error = {0};

    put_option(&visit, &argc, argv, "--reason", "cancel_reason");
    if (argc != 3 || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_visit, "cancel takes a visit.");
    }
    put_key(&visit, "status", "CANCELLED");
    rove_status status = cli_resolve(cli, "Visit", argv[2], &id, &error);
    return status == ROVE_OK ? cli_update(cli, "Visit", id, visit.fields, visit.count)
                             : cli_fail(cli, status, &error);
}

static int visit_list(cli_session *cli, int argc, char **argv) {
    const char *account = cli_option(&argc, argv, "--account");
    const char *from = cli_option(&argc, argv, "--from");
    rove_value parameters[2] = {rove_null(), rove_null()};
    rove_error error = {0};
    rove_status status = ROVE_OK;
    int64_t number = 0;

    if (argc != 2) {
        return cli_usage(cli, &cli_command_visit, "list takes --account and --from.");
    }
    if (account != NULL) {
        status = cli_resolve(cli, "Account", account, &number, &error);
        parameters[0] = rove_int(number);
    }
    if (status == ROVE_OK && from != NULL) {
        status = cli_time_parse(cli, from, &number, &error);
        parameters[1] = rove_int(number);
    }
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    return cli_list(
        cli, "Visit",
        "SELECT v.id, v.planned_start, v.status, a.name AS account, v.purpose, v.outcome "
        "FROM visit v LEFT JOIN account a ON a.id = v.account_id WHERE (?1 IS NULL OR "
        "v.account_id = ?1) AND (?2 IS NULL OR v.planned_start >= ?2) ORDER BY "
        "v.planned_start, v.id",
        parameters, 2, "No visits.");
}

static int run_visit(cli_session *cli, int argc, char **argv) {
    static const struct {
        const char *word;
        int (*run)(cli_session *, int, char **);
    } acts[] = {{"plan", visit_plan},
                {"start", visit_start},
                {"finish", visit_finish},
                {"cancel", visit_cancel},
                {"list", visit_list}};

    for (size_t i = 0; argc > 1 && i < sizeof acts / sizeof acts[0]; i++) {
        if (is(acts[i].word, argv[1])) {
            return acts[i].run(cli, argc, argv);
        }
    }
    return cli_usage(cli, &cli_command_visit, "plan, start, finish, cancel or list.");
}

const cli_command cli_command_visit = {
    "visit",
    "plan ACCOUNT [--at TIME] [--until TIME] [--purpose P] [--priority HIGH|MEDIUM|LOW] | start "
    "VISIT|ACCOUNT | finish VISIT --outcome O [--notes N] [--next-step S] | cancel VISIT --reason "
    "R | "
    "list [--account A] [--from TIME]",
    "plan, start, finish and cancel visits",
    "A visit goes from planned to in progress to completed, or is cancelled. Finishing seals it: "
    "a\n"
    "correction is a new visit. start with an account begins an unplanned visit there. start and\n"
    "finish keep both the corrected time and what this device's clock said.\n\n"
    "    rove visit plan AW00000585 --at tomorrow --purpose \"Spring order\"\n"
    "    rove visit start 8589934593\n"
    "    rove visit finish 8589934593 --outcome Ordered --notes \"20 helmets\"\n"
    "    rove visit list --from today",
    run_visit};

/* ---- call, task, note ------------------------------------------------------------------------------------- */

static int run_call(cli_session *cli, int argc, char **argv) {
    entry call = {.cli = cli, .entity = "Call"};
    int inbound = cli_flag(&argc, argv, "--inbound");

    if (argc == 2 && is("list", argv[1])) {
        return cli_list(
            cli, "Call",
            "SELECT id, start_time, direction, status, outcome, subject, notes FROM call "
            "ORDER BY start_time DESC, id",
            NULL, 0, "No calls.");
    }
    put_option(&call, &argc, argv, "--at", "start_time");
    if (call.count == 0) {
        put_now(&call, "start_time");
    }
    put_option(&call, &argc, argv, "--outcome", "outcome");
    put_option(&call, &argc, argv, "--duration", "duration_s");
    put_option(&call, &argc, argv, "--contact", "contact_id");
    put_option(&call, &argc, argv, "--phone", "phone");
    put_option(&call, &argc, argv, "--subject", "subject");
    put_option(&call, &argc, argv, "--notes", "notes");
    if (argc != 3 || !is("log", argv[1]) || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_call, "log takes whom it was about.");
    }
    put_record(&call, "about_id", "root", argv[2]);
    put(&call, "user_id", rove_int(cli_me(cli)));
    put_key(&call, "direction", inbound ? "INBOUND" : "OUTBOUND");
    put_key(&call, "status", "HELD");
    put_now(&call, "sealed_at");
    return insert(&call);
}

const cli_command cli_command_call = {
    "call",
    "log ABOUT [--outcome REACHED|NO_ANSWER|BUSY|VOICEMAIL|WRONG_NUMBER|REFUSED] [--inbound] "
    "[--duration SECONDS] [--contact C] [--subject S] [--notes N] [--at TIME] | list",
    "log phone calls",
    "ABOUT is an account, a contact, a lead, or `me`. A call that is logged is sealed: a "
    "correction is a new\n"
    "one.\n\n"
    "    rove call log AW00000585 --outcome REACHED --duration 240 --notes \"Wants a quote\"",
    run_call};

static int run_task(cli_session *cli, int argc, char **argv) {
    entry task = {.cli = cli, .entity = "Task"};
    rove_error error = {0};
    rove_id id = 0;

    if (argc == 2 && is("list", argv[1])) {
        return cli_list(
            cli, "Task",
            "SELECT id, due_at, priority, status, subject FROM task WHERE status IS NULL "
            "OR status <> 3 ORDER BY due_at IS NULL, due_at, id",
            NULL, 0, "No open tasks.");
    }
    if (argc == 3 && is("done", argv[1])) {
        rove_status status = cli_resolve(cli, "Task", argv[2], &id, &error);
        if (status != ROVE_OK) {
            return cli_fail(cli, status, &error);
        }
        put_key(&task, "status", "COMPLETED");
        put_now(&task, "completed_at");
        return cli_update(cli, "Task", id, task.fields, task.count);
    }
    put_option(&task, &argc, argv, "--due", "due_at");
    put_option(&task, &argc, argv, "--priority", "priority");
    put_option(&task, &argc, argv, "--description", "description");
    if (argc != 4 || !is("add", argv[1]) || cli_stray(argc, argv)) {
        return cli_usage(cli, &cli_command_task, "add takes whom it is about and a subject.");
    }
    put_record(&task, "about_id", "root", argv[2]);
    put_text(&task, "subject", argv[3]);
    put(&task, "assigned_to_id", rove_int(cli_me(cli)));
    put_key(&task, "status", "NOT_STARTED");
    return insert(&task);
}

const cli_command cli_command_task = {
    "task", "add ABOUT SUBJECT [--due TIME] [--priority P] [--description D] | done TASK | list",
    "what is still to do",
    "ABOUT is an account, a contact, a lead, or `me` for a task of your own.\n\n"
    "    rove task add AW00000585 \"Send the quote\" --due +2d --priority HIGH\n"
    "    rove task list\n"
    "    rove task done 8589934600",
    run_task};

static int run_note(cli_session *cli, int argc, char **argv) {
    entry note = {.cli = cli, .entity = "Note"};
    rove_error error = {0};
    rove_id id = 0;

    if (argc == 3 && is("list", argv[1])) {
        rove_status status = cli_resolve(cli, "root", argv[2], &id, &error);
        rove_value about = rove_int(id);
        if (status != ROVE_OK) {
            return cli_fail(cli, status, &error);
        }
        return cli_list(cli, "Note",
                        "SELECT n.id, n.created_at, u.name AS author, n.text FROM note n LEFT JOIN "
                        "user u ON u.id = n.author_id WHERE n.about_id = ?1 ORDER BY n.created_at",
                        &about, 1, "No notes.");
    }
    if (argc != 4 || !is("add", argv[1])) {
        return cli_usage(cli, &cli_command_note, "add takes whom it is about and a text.");
    }
    put_record(&note, "about_id", "root", argv[2]);
    put_text(&note, "text", argv[3]);
    put(&note, "author_id", rove_int(cli_me(cli)));
    put_now(&note, "created_at");
    return insert(&note);
}

const cli_command cli_command_note = {"note", "add ABOUT TEXT | list ABOUT",
                                      "notes; they are never changed, only added",
                                      "ABOUT is an account, a contact, a lead, or `me`.\n\n"
                                      "    rove note add AW00000585 \"Closed on Mondays\"",
                                      run_note};
