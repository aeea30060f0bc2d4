/*
 * import/states.c - --leads-by: a file with the columns State and TerritoryExternalId says in whose territory a state is.
 */
#include <string.h>

#include "admin/value_text.h"
#include "base/text.h"
#include "import/import.h"

#include "rove/entities.pb-c.h"

#define STATES_MAX 10000

size_t import_state_key(const char *text, size_t size, char key[ROVE_NAME_MAX]) {
    size_t used = 0;

    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        size--;
    }
    for (size_t i = 0; i < size && used < ROVE_NAME_MAX; i++) {
        char c = text[i];
        if (used > 0 || c != ' ') {
            key[used++] = value_text_lower(c);
        }
    }
    return used;
}

typedef struct states {
    import *run;
    csv_file *csv;
    import_job *job; /* only for its look-ups */
    size_t state;    /* columns */
    size_t territory;
} states;

static int column_named(const csv_record *header, const char *const *wanted, size_t *column) {
    for (; *wanted != NULL; wanted++) {
        for (size_t i = 0; i < header->count; i++) {
            if (value_text_alike(header->fields[i].text, header->fields[i].size, *wanted,
                                 strlen(*wanted))) {
                *column = i;
                return 1;
            }
        }
    }
    return 0;
}

static rove_status take_header(states *self, rove_error *error) {
    static const char *const state[] = {"State", "Region", "Province", "StateCode", NULL};
    static const char *const territory[] = {"TerritoryExternalId", "Territory", "TerritoryId",
                                            NULL};
    csv_record header;
    csv_problem problem;

    if (csv_file_next(self->csv, &header, &problem) != ROVE_OK ||
        !column_named(&header, state, &self->state) ||
        !column_named(&header, territory, &self->territory)) {
        return rove__error_set(error, ROVE_INVALID,
                               "The file of --leads-by needs the columns State and "
                               "TerritoryExternalId.");
    }
    return ROVE_OK;
}

static rove_status take_line(states *self, const rove__entity *territories,
                             const csv_record *record, rove_error *error) {
    char key[ROVE_NAME_MAX];
    int64_t already = 0;
    rove_id id = 0;

    if (record->count <= self->state || record->count <= self->territory) {
        return rove__error_set(error, ROVE_INVALID, "Line %zu of --leads-by lacks a column.",
                               record->at.line);
    }
    const csv_field *state = &record->fields[self->state];
    const csv_field *territory = &record->fields[self->territory];
    size_t size = import_state_key(state->text, state->size, key);
    if (names_get(self->run->states, key, size, &already)) {
        return rove__error_set(error, ROVE_INVALID, "Line %zu of --leads-by names '%.*s' again.",
                               record->at.line, (int)(state->size < 60 ? state->size : 60),
                               state->text);
    }
    rove__arena_reset(&self->job->scratch);
    rove_status status =
        import_lookup(self->job, territories->number, territory->text, territory->size, &id);
    if (status == ROVE_NOT_FOUND) {
        return rove__error_set(error, ROVE_INVALID,
                               "Line %zu of --leads-by: there is no Territory with the external id "
                               "'%.*s'.",
                               record->at.line, (int)(territory->size < 60 ? territory->size : 60),
                               territory->text);
    }
    return status == ROVE_OK ? names_put(self->run->states, key, size, id) : status;
}

static rove_status take_all(void *ctx, rove__hq_tx *tx, rove_error *error) {
    states *self = ctx;
    const rove__entity *territories = rove__registry_by_message(
        hq_registry(self->run->headquarters), &rove__territory__descriptor);
    csv_record record;
    csv_problem problem;
    size_t count = 0;

    self->job->tx = tx;
    rove_status status = take_header(self, error);
    while (status == ROVE_OK) {
        status = csv_file_next(self->csv, &record, &problem);
        if (status == ROVE_INVALID) {
            return rove__error_set(error, status, "Line %zu of --leads-by: %s", problem.line,
                                   problem.reason);
        }
        if (status == ROVE_OK && ++count > STATES_MAX) {
            return rove__error_set(error, ROVE_INVALID, "--leads-by has more than %d lines.",
                                   STATES_MAX);
        }
        if (status == ROVE_OK) {
            status = take_line(self, territories, &record, error);
        }
    }
    return status == ROVE_DONE ? ROVE_OK : status;
}

rove_status import_states(import *run, const char *name, rove_error *error) {
    const rove_allocator *allocator = &hq_get_ports(run->headquarters)->allocator;
    states self = {.run = run};
    import_file file = {.run = run, .name = name};
    rove_status status = import_load(run, name, &file.bytes, &file.size, error);

    self.job = rove__alloc_zeroed(allocator, 1, sizeof *self.job);
    if (status == ROVE_OK && self.job == NULL) {
        status = ROVE_NOMEM;
    }
    if (status == ROVE_OK) {
        self.job->file = &file;
        rove__arena_init(&self.job->scratch, allocator, ROVE_ROW_MAX * 16);
        rove__arena_init(&self.job->found, allocator, ROVE_ROW_MAX * 16);
        status = names_new(allocator, &run->states);
    }
    if (status == ROVE_OK) {
        status = csv_file_open(allocator, file.bytes, file.size, &self.csv, error);
    }
    if (status == ROVE_OK) {
        status = hq_read(run->headquarters, take_all, &self, error);
    }
    csv_file_free(self.csv);
    if (self.job != NULL && self.job->file != NULL) {
        rove__arena_free(&self.job->scratch);
        rove__arena_free(&self.job->found);
    }
    rove__free(allocator, self.job);
    rove__free(allocator, file.bytes);
    return status;
}
