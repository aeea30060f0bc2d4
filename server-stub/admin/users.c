/*
 * admin/users.c - rove-hq users: who works here.
 */
#include <string.h>

#include "admin/commands.h"
#include "admin/find.h"
#include "admin/people.h"
#include "admin/record_text.h"
#include "admin/value_text.h"
#include "args.h"
#include "base/text.h"
#include "print.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX  ((size_t)4 * 1024 * 1024)
#define DETAIL_MAX 200
#define NAME_ROOM  256

/* ---- list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    hq *headquarters;
    const hq_io *io;
    rove__hq_tx *tx;
    json_t *array;
    rove__buf scratch;
} listing;

typedef struct counting {
    uint64_t count;
} counting;

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    counting *self = ctx;

    self->count += grant->to == ROVE_SEQ_OPEN;
    return ROVE_OK;
}

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    counting *self = ctx;

    self->count += device->status == ROVE_DEVICE_ACTIVE;
    return ROVE_OK;
}

/* A field as text, cut to fit. */
static void field_text(listing *self, const rove__row *row, const char *name, char *text,
                       size_t capacity) {
    int ordinal = rove__entity_field_named(row->entity, name);

    rove__buf_reset(&self->scratch);
    value_text_print(&row->entity->fields[ordinal], 2, &row->cells[ordinal], &self->scratch);
    rove__text_format(text, capacity, "%.*s", (int)self->scratch.size,
                      (const char *)self->scratch.data);
}

static void print_user(listing *self, const rove__row *row, uint64_t records, uint64_t devices) {
    char login[NAME_ROOM];
    char name[NAME_ROOM];
    char role[NAME_ROOM];
    char status[NAME_ROOM];
    char external[NAME_ROOM];

    field_text(self, row, "login", login, sizeof login);
    field_text(self, row, "name", name, sizeof name);
    field_text(self, row, "role", role, sizeof role);
    field_text(self, row, "status", status, sizeof status);
    field_text(self, row, "external_id", external, sizeof external);
    hq_print(self->io, "%-*s %-8s %-*s %-12s %-10s %8llu %8llu\n", hq_width(login, 16), login,
             external, hq_width(name, 24), name, role, status, (unsigned long long)records,
             (unsigned long long)devices);
}

static rove_status each_user(void *ctx, const rove__hq_row *row) {
    listing *self = ctx;
    const rove__hq_store *store = &hq_database(self->headquarters)->store;
    counting grants = {.count = 0};
    counting devices = {.count = 0};
    rove_status status = store->grant_scan(self->tx, row->row.id, 0, each_grant, &grants);

    if (status == ROVE_OK) {
        status = store->device_scan(self->tx, row->row.id, each_device, &devices);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (!self->io->json) {
        print_user(self, &row->row, grants.count, devices.count);
        return ROVE_OK;
    }
    json_t *object = record_json(&row->row, 2, &self->scratch);
    (void)json_object_set_new(object, "assigned", json_integer((json_int_t)grants.count));
    (void)json_object_set_new(object, "devices", json_integer((json_int_t)devices.count));
    return json_array_append_new(self->array, object) == 0 ? ROVE_OK : ROVE_NOMEM;
}

static rove_status list(void *ctx, rove__hq_tx *tx, rove_error *error) {
    listing *self = ctx;
    const rove__entity *user =
        rove__registry_by_message(hq_registry(self->headquarters), &rove__user__descriptor);
    const rove_value none = rove__value_null();
    rove__arena arena;

    (void)error;
    self->tx = tx;
    if (!self->io->json) {
        hq_print(self->io, "%-16s %-8s %-24s %-12s %-10s %8s %8s\n", "LOGIN", "EXT.ID", "NAME",
                 "ROLE", "STATUS", "ASSIGNED", "DEVICES");
    }
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(self->headquarters)
            ->directory.row_find(tx, user->number, -1, &none, &arena, each_user, self);
    rove__arena_free(&arena);
    return status;
}

static int run_list(hq *headquarters, const hq_io *io) {
    listing self = {.headquarters = headquarters, .io = io, .array = json_array()};
    rove_error error = {.code = 0};

    rove__buf_init(&self.scratch, &hq_get_ports(headquarters)->allocator, RECORD_TEXT_MAX);
    rove_status status = hq_read(headquarters, list, &self, &error);
    int result = status != ROVE_OK ? hq_failed(io, status, &error)
                 : io->json        ? hq_print_json(io, json_incref(self.array))
                                   : HQ_EXIT_DONE;
    json_decref(self.array);
    rove__buf_free(&self.scratch);
    return result;
}

/* ---- add and status ------------------------------------------------------------------------------------- */

typedef struct changing {
    hq *headquarters;
    const hq_io *io;
    const char *user; /* NULL: a new one */
    const char *name; /* of the new one */
    const char *login;
    const char *email;
    const char *external_id;
    const char *role;
    int64_t status; /* User.Status */
    const char *act;
    rove_id id;
} changing;

static rove_status set_text(rove__row *row, const char *field, const char *text, rove__arena *arena,
                            rove_error *error) {
    int ordinal = rove__entity_field_named(row->entity, field);
    rove_value value;

    if (text == NULL) {
        return ROVE_OK;
    }
    rove_status status = value_text_parse(&row->entity->fields[ordinal], 2, text, strlen(text),
                                          arena, &value, error);
    if (status == ROVE_OK) {
        rove__row_set(row, (size_t)ordinal, value);
    }
    return status;
}

static rove_status fill_new(const changing *self, rove__hq_tx *tx, rove__row *row,
                            rove__arena *arena, rove_error *error) {
    hq_person taken = {.id = 0};

    if (hq_find_person(self->headquarters, tx, self->login, &taken, NULL) == ROVE_OK) {
        return rove__error_set(error, ROVE_EXISTS, "The login '%.80s' is %.80s's already.",
                               self->login, taken.name);
    }
    rove_status status = set_text(row, "login", self->login, arena, error);
    if (status == ROVE_OK) {
        status = set_text(row, "name", self->name, arena, error);
    }
    if (status == ROVE_OK) {
        status = set_text(row, "email", self->email, arena, error);
    }
    if (status == ROVE_OK) {
        status = set_text(row, "external_id", self->external_id, arena, error);
    }
    return status == ROVE_OK ? set_text(row, "role", self->role, arena, error) : status;
}

static rove_status write_user(changing *self, rove__hq_tx *tx, rove__writer *writer,
                              rove__arena *arena, rove_error *error) {
    const rove__entity *user =
        rove__registry_by_message(hq_registry(self->headquarters), &rove__user__descriptor);
    hq_person person = {.id = 0};
    rove__row row;
    size_t changed = 0;
    rove_status status = ROVE_OK;

    if (self->user != NULL) {
        status = hq_find_person(self->headquarters, tx, self->user, &person, error);
    }
    if (status == ROVE_OK) {
        status = rove__row_init(&row, user, person.id, arena);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__row_set(&row, (size_t)rove__entity_field_named(user, "status"),
                  rove__value_int(self->status));
    if (self->user != NULL) {
        self->id = person.id;
        return rove__writer_update(writer, &row, &changed, error);
    }
    status = fill_new(self, tx, &row, arena, error);
    if (status == ROVE_OK) {
        status = rove__writer_insert(writer, &row, error);
        self->id = row.id;
    }
    return status;
}

static rove_status change(void *ctx, rove__hq_tx *tx, rove_error *error) {
    changing *self = ctx;
    rove__writer *writer = NULL;
    rove__arena arena;
    char detail[DETAIL_MAX];
    uint64_t seq = 0;
    rove_status status =
        hq_writer(self->headquarters, tx, self->io->operator_name, "users", &writer, error);

    if (status != ROVE_OK) {
        return status;
    }
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    status = write_user(self, tx, writer, &arena, error);
    rove__arena_free(&arena);
    if (status != ROVE_OK) {
        rove__writer_abandon(writer);
        return status;
    }
    status = rove__writer_finish(writer, &seq, error);
    rove__text_format(detail, sizeof detail, "%s %s", self->act,
                      self->user != NULL ? self->user : self->login);
    return status == ROVE_OK ? hq_record(self->headquarters, tx, self->io, "users", detail, seq)
                             : status;
}

static int run_change(changing *self) {
    rove_error error = {.code = 0};
    char id[24];
    rove_status status = hq_commit(self->headquarters, change, self, &error);

    if (status != ROVE_OK) {
        return hq_failed(self->io, status, &error);
    }
    rove__text_format(id, sizeof id, "%lld", (long long)self->id);
    if (self->io->json) {
        return hq_print_json(self->io, json_pack("{s:s, s:s}", "act", self->act, "id", id));
    }
    hq_print(self->io, "%s\n", id);
    return HQ_EXIT_DONE;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static int run_users(hq *headquarters, const hq_io *io, int argc, char **argv) {
    changing self = {.headquarters = headquarters, .io = io, .role = "REP", .act = "list"};
    const hq_option table[] = {{"--name", &self.name, NULL},
                               {"--email", &self.email, NULL},
                               {"--external-id", &self.external_id, NULL},
                               {"--role", &self.role, NULL},
                               {NULL, NULL, NULL}};
    int count = 0;
    int result = hq_arguments(io, &hq_command_users, table, argc, argv, 0, 2, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    self.act = count > 0 ? argv[1] : self.act;
    if (strcmp(self.act, "list") == 0 && count < 2) {
        return run_list(headquarters, io);
    }
    if (count != 2) {
        return hq_usage(io, &hq_command_users, "a user is missing");
    }
    self.status = ROVE__USER__STATUS__ACTIVE;
    if (strcmp(self.act, "add") == 0) {
        self.login = argv[2];
        self.name = self.name == NULL ? self.login : self.name;
        return run_change(&self);
    }
    self.user = argv[2];
    if (strcmp(self.act, "suspend") == 0) {
        self.status = ROVE__USER__STATUS__SUSPENDED;
    } else if (strcmp(self.act, "left") == 0) {
        self.status = ROVE__USER__STATUS__LEFT;
    } else if (strcmp(self.act, "activate") != 0) {
        return hq_usage(io, &hq_command_users, "list, add, suspend, activate or left");
    }
    return run_change(&self);
}

const hq_command hq_command_users = {
    .name = "users",
    .usage = "[list] | add LOGIN [--name N] [--email E] [--role REP|MANAGER|BACK_OFFICE] "
             "[--external-id X] | suspend|activate|left USER",
    .summary = "list, add and suspend people",
    .help =
        "USER is a login, an external id, an id or a name. suspend and left say so in the user's\n"
        "record; a device is taken out of service by revoke, and records by unassign.\n\n"
        "    rove-hq users\n"
        "    rove-hq users add ana --name 'Ana Sousa' --email ana@acme.example\n"
        "    rove-hq users left ana\n",
    .run = run_users};
