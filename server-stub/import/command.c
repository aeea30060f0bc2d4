/*
 * import/command.c - rove-hq import: the arguments, the files one after the other, and the report.
 */
#include <pthread.h>
#include <string.h>

#include "admin/commands.h"
#include "admin/organisation.h"
#include "admin/value_text.h"
#include "args.h"
#include "base/text.h"
#include "import/import.h"
#include "print.h"

#include "rove/entities.pb-c.h"

#define FILES_MAX  64
#define DETAIL_MAX 600

/* One import at a time in a process: only imports add fields, and none may while another one holds rows. */
static pthread_mutex_t importing = PTHREAD_MUTEX_INITIALIZER;

typedef struct options {
    const char *entity;
    const char *map;
    const char *leads_by;
    int dry_run;
} options;

/* ---- the report ----------------------------------------------------------------------------------------- */

static const rove__registry *registry_of(const import_file *file) {
    return hq_registry(file->run->headquarters);
}

static void report_columns(const import_file *file) {
    const hq_io *io = file->run->io;
    int any = 0;

    for (size_t i = 0; i < file->map.count; i++) {
        const mapping_column *column = &file->map.columns[i];
        if (column->role == MAPPING_NOTHING && !column->silenced && column->header[0] != '\0') {
            hq_print(io, "%s%s",
                     any++ ? ", " : "  columns that are not imported: ", column->header);
        }
    }
    if (any) {
        hq_print(io, "\n");
    }
}

/* What a dry run found that would change; of what is new the number is enough. */
static void report_changes(const import_file *file) {
    const hq_io *io = file->run->io;
    uint64_t updated = 0;

    for (size_t i = 0; i < rove__registry_count(registry_of(file)); i++) {
        updated += file->tally[i].updated;
    }
    for (size_t i = 0; i < file->change_count; i++) {
        const import_change *change = &file->changes[i];
        int own = change->entity == file->map.entity;
        hq_print(io, "%s:%zu: changes %s%s%s\n", file->name, change->line,
                 own ? "" : change->entity->name, own ? "" : ": ", change->fields);
    }
    if (file->run->dry_run && updated > file->change_count) {
        hq_print(io, "  and %llu more\n", (unsigned long long)(updated - file->change_count));
    }
}

static void report_text(const import_file *file, int stopped) {
    const hq_io *io = file->run->io;
    const rove__entity *entity = file->map.entity;

    if (io->terminal) {
        io->err(io->ctx, "\r\x1b[K", 4);
    }
    hq_print(io, "%s: %s, %zu lines%s%s\n", file->name, entity->name, file->lines,
             file->run->dry_run ? " (dry run, nothing is written)" : "",
             stopped ? " (stopped)" : "");
    for (size_t i = 0; i < rove__registry_count(registry_of(file)); i++) {
        const rove__entity *at = rove__registry_at(registry_of(file), i);
        const import_tally *tally = &file->tally[i];
        if (at == entity || tally->inserted + tally->updated + tally->unchanged > 0) {
            hq_print(io, "  %-20s inserted %llu, updated %llu, unchanged %llu", at->name,
                     (unsigned long long)tally->inserted, (unsigned long long)tally->updated,
                     (unsigned long long)tally->unchanged);
            if (at == entity) {
                hq_print(io, ", refused %zu", file->refused);
            }
            hq_print(io, "\n");
        }
    }
    if (file->customs > 0) {
        hq_print(io, "  custom fields made: %zu\n", file->customs);
    }
    report_columns(file);
    report_changes(file);
    for (size_t i = 0; i < file->refused; i++) {
        const import_refusal *refusal = &file->refusals[i];
        hq_complain(io, "%s:%zu: %s%s%s\n", file->name, refusal->line, refusal->column,
                    refusal->column[0] == '\0' ? "" : ": ", refusal->reason);
    }
}

static json_t *tally_json(const import_tally *tally) {
    return json_pack("{s:I, s:I, s:I}", "inserted", (json_int_t)tally->inserted, "updated",
                     (json_int_t)tally->updated, "unchanged", (json_int_t)tally->unchanged);
}

static json_t *report_json(const import_file *file, int stopped) {
    json_t *entities = json_object();
    json_t *refused = json_array();
    json_t *left = json_array();
    json_t *changes = json_array();

    for (size_t i = 0; i < rove__registry_count(registry_of(file)); i++) {
        const rove__entity *at = rove__registry_at(registry_of(file), i);
        const import_tally *tally = &file->tally[i];
        if (at == file->map.entity || tally->inserted + tally->updated + tally->unchanged > 0) {
            (void)json_object_set_new(entities, at->name, tally_json(tally));
        }
    }
    for (size_t i = 0; i < file->refused; i++) {
        const import_refusal *refusal = &file->refusals[i];
        (void)json_array_append_new(refused,
                                    json_pack("{s:I, s:o, s:o}", "line", (json_int_t)refusal->line,
                                              "column", hq_json_text(refusal->column), "reason",
                                              hq_json_text(refusal->reason)));
    }
    for (size_t i = 0; i < file->change_count; i++) {
        const import_change *change = &file->changes[i];
        (void)json_array_append_new(
            changes, json_pack("{s:I, s:s, s:s}", "line", (json_int_t)change->line, "entity",
                               change->entity->name, "fields", change->fields));
    }
    for (size_t i = 0; i < file->map.count; i++) {
        const mapping_column *column = &file->map.columns[i];
        if (column->role == MAPPING_NOTHING && !column->silenced && column->header[0] != '\0') {
            (void)json_array_append_new(left, hq_json_text(column->header));
        }
    }
    return json_pack("{s:o, s:s, s:I, s:b, s:b, s:o, s:I, s:o, s:o, s:o}", "file",
                     hq_json_text(file->name), "entity", file->map.entity->name, "lines",
                     (json_int_t)file->lines, "dry_run", file->run->dry_run, "stopped", stopped,
                     "entities", entities, "custom_fields", (json_int_t)file->customs,
                     "columns_left_out", left, "changes", changes, "refused", refused);
}

/* ---- the record of the act ------------------------------------------------------------------------------ */

static rove_status record_act(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const import_file *file = ctx;
    char detail[DETAIL_MAX];
    import_tally own = {0, 0, 0};

    (void)error;
    for (size_t i = 0; i < rove__registry_count(registry_of(file)); i++) {
        if (rove__registry_at(registry_of(file), i) == file->map.entity) {
            own = file->tally[i];
        }
    }
    rove__text_format(detail, sizeof detail,
                      "%.300s: %s, %llu inserted, %llu updated, %llu unchanged, %zu refused",
                      file->name, file->map.entity->name, (unsigned long long)own.inserted,
                      (unsigned long long)own.updated, (unsigned long long)own.unchanged,
                      file->refused);
    return hq_record(file->run->headquarters, tx, file->run->io, "import", detail, 0);
}

/* ---- files ---------------------------------------------------------------------------------------------- */

typedef struct files {
    import *run;
    const options *o;
    const rove__entity *entity;
    char *map;
    json_t *reports;
} files;

static int failed(const import *run, const char *name, rove_status status,
                  const rove_error *error) {
    if (status != ROVE_INVALID && status != ROVE_UTF8) {
        return hq_failed(run->io, status, error);
    }
    hq_complain(run->io, "rove-hq: %s: %s\n", name, error->message);
    return HQ_EXIT_USAGE;
}

/* Where a file stands among the others: what they refer to comes before them. */
static int rank_of(const files *self, const char *name, size_t *rank) {
    import_file file = {.run = self->run, .name = name};
    rove_error error = {.code = 0};
    rove_status status = import_file_open(&file, self->entity, self->map, &error);
    int result = status == ROVE_OK ? HQ_EXIT_DONE : failed(self->run, name, status, &error);

    *rank = status == ROVE_OK ? mapping_rank(file.map.entity) : 0;
    import_file_free(&file);
    return result;
}

static int sort_files(const files *self, int count, char **paths) {
    size_t ranks[FILES_MAX];

    for (int i = 0; i < count; i++) {
        char *path = paths[i];
        size_t rank = 0;
        int result = rank_of(self, path, &rank);
        if (result != HQ_EXIT_DONE) {
            return result;
        }
        int at = i;
        for (; at > 0 && ranks[at - 1] > rank; at--) {
            ranks[at] = ranks[at - 1];
            paths[at] = paths[at - 1];
        }
        ranks[at] = rank;
        paths[at] = path;
    }
    return HQ_EXIT_DONE;
}

static void report(const files *self, const import_file *file, int stopped) {
    if (self->run->io->json) {
        (void)json_array_append_new(self->reports, report_json(file, stopped));
    } else {
        report_text(file, stopped);
    }
}

static int run_file(const files *self, const char *name) {
    import *run = self->run;
    import_file file = {.run = run, .name = name};
    rove_error error = {.code = 0};
    rove_status status = import_file_open(&file, self->entity, self->map, &error);
    int result = HQ_EXIT_DONE;

    if (status == ROVE_OK && self->o->leads_by != NULL && run->states == NULL &&
        file.map.entity->message == &rove__lead__descriptor) {
        status = import_states(run, self->o->leads_by, &error);
        name = self->o->leads_by;
    }
    if (status == ROVE_OK) {
        status = import_file_run(&file, &error);
        report(self, &file, status != ROVE_OK);
    }
    if (status == ROVE_OK && !run->dry_run) {
        status = hq_commit(run->headquarters, record_act, &file, &error);
    }
    if (status != ROVE_OK) {
        result = failed(run, name, status, &error);
    } else if (file.refused > 0) {
        result = HQ_EXIT_PART;
    }
    import_file_free(&file);
    return result;
}

/* --map is rules if there is a "=" in it, else the name of a file of them. *text: owned. */
static rove_status load_map(import *run, const char *argument, char **text, rove_error *error) {
    size_t size = 0;

    *text = NULL;
    if (argument == NULL) {
        return ROVE_OK;
    }
    if (strchr(argument, '=') == NULL) {
        return import_load(run, argument, text, &size, error);
    }
    *text = rove__alloc_text(&hq_get_ports(run->headquarters)->allocator, argument);
    return *text == NULL ? ROVE_NOMEM : ROVE_OK;
}

static rove_status start_run(files *self, rove_error *error) {
    import *run = self->run;
    rove_status status = names_new(&hq_get_ports(run->headquarters)->allocator, &run->pending);

    if (status == ROVE_OK) {
        status = hq_currency(run->headquarters, run->currency, error);
        run->money_digits = value_text_money_digits(run->currency, strlen(run->currency));
    }
    return status == ROVE_OK ? load_map(run, self->o->map, &self->map, error) : status;
}

static int run_files(files *self, int count, char **paths) {
    import *run = self->run;
    rove_error error = {.code = 0};
    rove_status status = start_run(self, &error);
    int result = status == ROVE_OK ? HQ_EXIT_DONE : hq_failed(run->io, status, &error);

    self->reports = json_array();
    if (result == HQ_EXIT_DONE) {
        result = sort_files(self, count, paths);
    }
    for (int i = 0; i < count && (result == HQ_EXIT_DONE || result == HQ_EXIT_PART); i++) {
        int one = run_file(self, paths[i]);
        result = one == HQ_EXIT_DONE ? result : one;
    }
    if (run->io->json && json_array_size(self->reports) > 0) {
        int printed = hq_print_json(run->io, json_pack("{s:O}", "files", self->reports));
        result = printed == HQ_EXIT_DONE ? result : printed;
    }
    json_decref(self->reports);
    rove__free(&hq_get_ports(run->headquarters)->allocator, self->map);
    names_free(run->pending);
    names_free(run->states);
    return result;
}

static int run_import(hq *headquarters, const hq_io *io, int argc, char **argv) {
    options o = {.dry_run = 0};
import run = {.headquarters = headquarters, .io = io };
    const rove__entity *entity = NULL;
    const hq_option table[] = {{"--entity", &o.entity, NULL},
                               {"--map", &o.map, NULL},
                               {"--leads-by", &o.leads_by, NULL},
                               {"--dry-run", NULL, &o.dry_run},
                               {NULL, NULL, NULL}};
    int count = 0;
    int result = hq_arguments(io, &hq_command_import, table, argc, argv, 1, FILES_MAX, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (o.entity != NULL) {
        entity = mapping_entity(hq_registry(headquarters), o.entity);
        if (entity == NULL) {
            hq_complain(io, "rove-hq: '%s' cannot be imported. What can be: %s.\n", o.entity,
                        mapping_entities());
            return HQ_EXIT_USAGE;
        }
    }
    run.dry_run = o.dry_run;
    (void)pthread_mutex_lock(&importing);
    result = run_files(&(files){.run = &run, .o = &o, .entity = entity}, count, argv + 1);
    (void)pthread_mutex_unlock(&importing);
    return result;
}

const hq_command hq_command_import = {
    .name = "import",
    .usage = "FILE... [--entity E] [--map FILE|'Header=field,...'] [--leads-by FILE] [--dry-run]",
    .summary = "take over records from CSV files",
    .help =
        "Reads CSV (RFC 4180; UTF-8; comma, semicolon or tab) as Salesforce, HubSpot, SuiteCRM "
        "and\n"
        "spreadsheets write it. What a file holds is seen in its columns, or said with --entity:\n"
        "Territory, User, TerritoryAssignment, Account, Contact, Lead, Product, PriceItem.\n\n"
        "Every record needs an external id (Id, ExternalId, Record ID). Importing again changes\n"
        "only what differs; an empty cell leaves what stands. Columns ending in __c become custom\n"
        "fields. Lines that cannot be taken are reported with file, line, column and reason; the\n"
        "rest goes in, and the exit code is 3. --dry-run only says what would happen, and which "
        "fields\n"
        "of records that are there already would change (the first 50 of each file).\n\n"
        "--map names columns: 'Kunde=name,Nr=external_id,Ort=-' (- for nothing), or a file with "
        "one\n"
        "such rule a line. --leads-by names a file with the columns State and "
        "TerritoryExternalId:\n"
        "leads without an owner go to the territory of their state, others to the pool.\n\n"
        "    rove-hq import users.csv territories.csv accounts.csv contacts.csv\n"
        "    rove-hq import --dry-run --map 'Kunde=name,Nr=external_id' --entity Account "
        "kunden.csv\n",
    .run = run_import};
