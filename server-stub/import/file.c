/*
 * import/file.c - one file from its header to its last line; see import.h for the way it goes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "import/import.h"

#define WHOLE_LINE SIZE_MAX
#define FILE_ARENA ((size_t)512 * 1024 * 1024)
#define JOB_ARENA  ((size_t)32 * 1024 * 1024)

static const rove_allocator *allocator_of(const import *run) {
    return &hq_get_ports(run->headquarters)->allocator;
}

static rove_status memory(rove_error *error) {
    return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
}

/* ---- loading -------------------------------------------------------------------------------------------- */

static rove_status read_stream(const rove_allocator *allocator, FILE *stream, const char *name,
                               char **bytes, size_t *size, rove_error *error) {
    size_t room = 0;
    char *data = NULL;

    for (;;) {
        if (*size + 1 >= room) {
            room = room == 0 ? (size_t)64 * 1024 : room * 2;
            char *more = rove__alloc_resize(allocator, data, room, 1);
            if (more == NULL) {
                rove__free(allocator, data);
                return memory(error);
            }
            data = more;
        }
        size_t got = fread(data + *size, 1, room - *size - 1, stream);
        *size += got;
        if (got == 0 || *size > IMPORT_FILE_MAX) {
            break;
        }
    }
    if (ferror(stream) || *size > IMPORT_FILE_MAX) {
        rove__free(allocator, data);
        return ferror(stream) ? rove__error_foreign(error, ROVE_IO, ROVE_DOMAIN_OS, errno,
                                                    "%.160s: %s", name, strerror(errno))
                              : rove__error_set(error, ROVE_TOO_BIG,
                                                "%.160s is larger than 512 MiB; split it.", name);
    }
    data[*size] = '\0';
    *bytes = data;
    return ROVE_OK;
}

rove_status import_load(import *run, const char *name, char **bytes, size_t *size,
                        rove_error *error) {
    const rove_allocator *allocator = allocator_of(run);
    char *path = hq_path(run->headquarters, run->io, name);

    *bytes = NULL;
    *size = 0;
    if (path == NULL) {
        return memory(error);
    }
    FILE *stream = fopen(path, "rb");
    rove__free(allocator, path);
    if (stream == NULL) {
        return rove__error_foreign(error, errno == ENOENT ? ROVE_NOT_FOUND : ROVE_IO,
                                   ROVE_DOMAIN_OS, errno, "%.160s: %s", name, strerror(errno));
    }
    rove_status status = read_stream(allocator, stream, name, bytes, size, error);
    (void)fclose(stream);
    return status;
}

/* ---- refusals ------------------------------------------------------------------------------------------- */

static rove_status refuse(import_file *file, size_t line, size_t column, const char *reason) {
    if (file->refused == file->refusals_room) {
        size_t room = file->refusals_room == 0 ? 64 : file->refusals_room * 2;
        import_refusal *more =
            rove__alloc_resize(allocator_of(file->run), file->refusals, room, sizeof *more);
        if (more == NULL) {
            return ROVE_NOMEM;
        }
        file->refusals = more;
        file->refusals_room = room;
    }
    import_refusal *refusal = &file->refusals[file->refused];
    refusal->line = line;
    refusal->column = column < file->map.count ? file->map.columns[column].header : "";
    refusal->reason = rove__arena_copy(&file->arena, reason, strlen(reason) + 1);
    file->refused += refusal->reason != NULL;
    return refusal->reason == NULL ? ROVE_NOMEM : ROVE_OK;
}

static rove_status once_more(import_file *file, csv_position at) {
    if (file->later_count == file->later_room) {
        size_t room = file->later_room == 0 ? 64 : file->later_room * 2;
        csv_position *more =
            rove__alloc_resize(allocator_of(file->run), file->later, room, sizeof *more);
        if (more == NULL) {
            return ROVE_NOMEM;
        }
        file->later = more;
        file->later_room = room;
    }
    file->later[file->later_count++] = at;
    return ROVE_OK;
}

/* ---- the first reading ---------------------------------------------------------------------------------- */

static rove_status survey_record(import_file *file, const csv_record *record, rove__arena *arena) {
    const char *key = NULL;
    size_t size = 0;
    int64_t first = 0;
    rove_status status = import_record_key(file, record, arena, &key, &size);

    if (status == ROVE_OK && size > 1 && !names_get(file->seen, key, size, &first)) {
        status = names_put(file->seen, key, size, (int64_t)record->at.line);
    }
    for (size_t i = 0; i < record->count && record->count == file->map.count; i++) {
        if (file->map.columns[i].role == MAPPING_CUSTOM) {
            custom_look(&file->guesses[i], record->fields[i].text, record->fields[i].size);
        }
    }
    return status;
}

static rove_status survey(import_file *file) {
    rove__arena arena;
    csv_record record;
    csv_problem problem;
    rove_status status = ROVE_OK;

    rove__arena_init(&arena, allocator_of(file->run), CSV_RECORD_MAX * 2);
    while (status == ROVE_OK || status == ROVE_INVALID) {
        status = csv_file_next(file->csv, &record, &problem);
        if (status == ROVE_OK) {
            if (record.count != file->map.count && record.lines > 1) {
                csv_file_retry(file->csv);
            }
            rove__arena_reset(&arena);
            status = survey_record(file, &record, &arena);
        }
    }
    rove__arena_free(&arena);
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* ---- natural keys that stand ---------------------------------------------------------------------------- */

static rove_status each_key(void *ctx, const rove__hq_row *row) {
    import_file *file = ctx;
    char key[IMPORT_KEY_SIZE];

    return import_natural_key(&row->row, key) ? names_put(file->keys, key, strlen(key), row->row.id)
                                              : ROVE_OK;
}

static rove_status load_keys(void *ctx, rove__hq_tx *tx, rove_error *error) {
    import_file *file = ctx;
    const rove_value none = rove__value_null();
    rove__arena arena;

    (void)error;
    rove__arena_init(&arena, allocator_of(file->run), JOB_ARENA);
    rove_status status =
        hq_database(file->run->headquarters)
            ->directory.row_find(tx, file->map.entity->number, -1, &none, &arena, each_key, file);
    rove__arena_free(&arena);
    return status;
}

/* ---- jobs ----------------------------------------------------------------------------------------------- */

static rove_status job_new(import_file *file, import_job **out) {
    const rove_allocator *allocator = allocator_of(file->run);
    import_job *job = rove__alloc_zeroed(allocator, 1, sizeof *job);

    *out = job;
    if (job == NULL) {
        return ROVE_NOMEM;
    }
    job->file = file;
    rove__arena_init(&job->arena, allocator, JOB_ARENA);
    rove__arena_init(&job->scratch, allocator, JOB_ARENA);
    rove__arena_init(&job->found, allocator, JOB_ARENA);
    rove__arena_init(&job->results, allocator, JOB_ARENA);
    return ROVE_OK;
}

static void job_free(import_job *job) {
    if (job != NULL) {
        rove__arena_free(&job->arena);
        rove__arena_free(&job->scratch);
        rove__arena_free(&job->found);
        rove__arena_free(&job->results);
        rove__free(allocator_of(job->file->run), job);
    }
}

static void progress(const import_file *file) {
    char text[160];

    if (file->run->io->terminal && !file->run->io->json) {
        rove__text_format(text, sizeof text, "\r%s: %zu lines", file->name, file->lines);
        file->run->io->err(file->run->io->ctx, text, strlen(text));
    }
}

/* The first changes of a dry run, as far as they are told. */
static rove_status take_changes(import_file *file, const import_job *job) {
    if (file->changes == NULL) {
        file->changes = rove__arena_take(&file->arena, IMPORT_CHANGES_MAX * sizeof *file->changes);
    }
    if (file->changes == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < job->change_count && file->change_count < IMPORT_CHANGES_MAX; i++) {
        import_change *change = &file->changes[file->change_count];
        *change = job->changes[i];
        change->fields = rove__arena_copy(&file->arena, change->fields, strlen(change->fields) + 1);
        if (change->fields == NULL) {
            return ROVE_NOMEM;
        }
        file->change_count++;
    }
    return ROVE_OK;
}

/* What a committed job found out. */
static rove_status take_over(import_file *file, const import_job *job) {
    rove_status status = job->change_count > 0 ? take_changes(file, job) : ROVE_OK;

    for (size_t i = 0; i < ROVE_ENTITIES_MAX && !file->again; i++) {
        file->tally[i].inserted += job->tally[i].inserted;
        file->tally[i].updated += job->tally[i].updated;
        file->tally[i].unchanged += job->tally[i].unchanged;
    }
    for (size_t i = 0; i < job->taken_count && status == ROVE_OK; i++) {
        const import_taken *taken = &job->taken[i];
        status = names_put(file->taken, taken->key, strlen(taken->key), (int64_t)taken->line);
    }
    for (size_t i = 0; i < job->trouble_count && status == ROVE_OK; i++) {
        const import_trouble *trouble = &job->trouble[i];
        csv_position at = job->items[trouble->item].at;
        status = trouble->later ? once_more(file, at)
                                : refuse(file, at.line, trouble->column, trouble->reason);
    }
    return status;
}

static rove_status run_job(import_file *file, import_job *job, rove_error *error) {
    rove_status status = ROVE_OK;

    if (job->count > 0) {
        status = file->run->dry_run ? hq_read(file->run->headquarters, import_apply, job, error)
                                    : hq_commit(file->run->headquarters, import_apply, job, error);
        if (status == ROVE_OK) {
            status = take_over(file, job);
        }
    }
    job->count = 0;
    job->rows = 0;
    job->bytes = 0;
    rove__arena_reset(&job->arena);
    progress(file);
    return status;
}

/* Lines that were refused take memory as well. */
static int job_full(const import_job *job) {
    return job->count == IMPORT_ITEMS_MAX || job->rows + IMPORT_METHODS_MAX + 4 > IMPORT_ROWS_MAX ||
           job->bytes > IMPORT_BYTES_MAX || job->arena.used > JOB_ARENA / 2;
}

/* ---- the second reading --------------------------------------------------------------------------------- */

/* 1 if an earlier line has the same key; the sentence says which. */
static int is_double(import_file *file, const csv_record *record, rove__arena *arena,
                     rove_error *error) {
    const char *key = NULL;
    size_t size = 0;
    int64_t first = 0;

    if (import_record_key(file, record, arena, &key, &size) != ROVE_OK || size <= 1 ||
        !names_get(file->seen, key, size, &first) || first == (int64_t)record->at.line) {
        return 0;
    }
    (void)rove__error_set(error, ROVE_EXISTS, IMPORT_DOUBLE, (long long)first);
    return 1;
}

static rove_status take_record(import_file *file, import_job *job, const csv_record *record,
                               rove_error *error) {
    rove_error refusal = {.code = 0};
    size_t column = WHOLE_LINE;
    rove_status status = ROVE_EXISTS;

    file->lines += !file->again;
    if (record->count != file->map.count && record->lines > 1) {
        csv_file_retry(file->csv);
    }
    if (is_double(file, record, &job->arena, &refusal)) {
        column = file->map.key < 0 ? WHOLE_LINE : (size_t)file->map.key;
    } else {
        status = import_record(job, record, &column, &refusal);
    }
    if (status != ROVE_OK && rove_status_classify(status) == ROVE_CLASS_CALLER) {
        status = refuse(file, record->at.line, column, refusal.message);
    } else if (status != ROVE_OK && error != NULL) {
        *error = refusal;
    }
    if (status == ROVE_OK && job_full(job)) {
        status = run_job(file, job, error);
    }
    return status;
}

static rove_status take_all(import_file *file, import_job *job, rove_error *error) {
    csv_record record;
    csv_problem problem;
    rove_status status = ROVE_OK;

    while (status == ROVE_OK) {
        status = csv_file_next(file->csv, &record, &problem);
        if (status == ROVE_INVALID) {
            file->lines++;
            status = refuse(file, problem.line, problem.column - 1, problem.reason);
        } else if (status == ROVE_OK) {
            status = take_record(file, job, &record, error);
        }
    }
    return status == ROVE_DONE ? run_job(file, job, error) : status;
}

/* Records whose parent came after them: the parent is there now. */
static rove_status take_again(import_file *file, import_job *job, rove_error *error) {
    csv_record record;
    csv_problem problem;
    rove_status status = ROVE_OK;
    size_t count = file->run->dry_run ? 0 : file->later_count;

    file->again = 1;
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        csv_file_seek(file->csv, file->later[i]);
        status = csv_file_next(file->csv, &record, &problem);
        if (status == ROVE_OK) {
            status = take_record(file, job, &record, error);
        }
    }
    return status == ROVE_OK ? run_job(file, job, error) : status;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static rove_status take_header(import_file *file, const rove__entity *entity, const char *map,
                               rove_error *error) {
    csv_record header;
    csv_problem problem;
    rove_status status = csv_file_next(file->csv, &header, &problem);

    if (status == ROVE_DONE || status == ROVE_INVALID) {
        return rove__error_set(error, ROVE_INVALID, "The file has no header line%s%s",
                               status == ROVE_DONE ? "." : ": ",
                               status == ROVE_DONE ? "" : problem.reason);
    }
    if (status != ROVE_OK) {
        return memory(error);
    }
    status = mapping_make(hq_registry(file->run->headquarters), &header, file->name, entity, map,
                          &file->arena, &file->map, error);
    if (status == ROVE_OK) {
        file->guesses =
            rove__alloc_zeroed(allocator_of(file->run), file->map.count, sizeof *file->guesses);
        status = file->guesses == NULL ? memory(error) : ROVE_OK;
    }
    return status;
}

static rove_status skip_header(import_file *file) {
    csv_record header;
    csv_problem problem;

    csv_file_seek(file->csv, (csv_position){0, 1});
    return csv_file_next(file->csv, &header, &problem);
}

static int by_line(const void *a, const void *b) {
    const import_refusal *left = a;
    const import_refusal *right = b;

    return (left->line > right->line) - (left->line < right->line);
}

static rove_status import_body(import_file *file, rove_error *error) {
    import *run = file->run;
    import_job *job = NULL;
    rove_status status = survey(file);

    if (status == ROVE_OK) {
        status = custom_find(run->headquarters, &file->map, error);
    }
    if (run->dry_run) {
        file->customs = custom_missing(&file->map);
    } else if (status == ROVE_OK) {
        status = custom_make(run->headquarters, run->io, &file->map, file->guesses, &file->customs,
                             error);
    }
    if (status == ROVE_OK && file->map.key < 0) {
        status = hq_read(run->headquarters, load_keys, file, error);
    }
    if (status == ROVE_OK) {
        status = job_new(file, &job);
    }
    if (status == ROVE_OK) {
        status = skip_header(file);
    }
    if (status == ROVE_OK) {
        status = take_all(file, job, error);
    }
    if (status == ROVE_OK) {
        status = take_again(file, job, error);
    }
    job_free(job);
    if (file->refused > 0) {
        qsort(file->refusals, file->refused, sizeof *file->refusals, by_line);
    }
    return status;
}

void import_file_free(import_file *file) {
    const rove_allocator *allocator = allocator_of(file->run);

    csv_file_free(file->csv);
    names_free(file->seen);
    names_free(file->keys);
    names_free(file->taken);
    rove__free(allocator, file->bytes);
    rove__free(allocator, file->guesses);
    rove__free(allocator, file->refusals);
    rove__free(allocator, file->later);
    if (file->arena.allocator != NULL) {
        rove__arena_free(&file->arena);
    }
}

rove_status import_file_open(import_file *file, const rove__entity *entity, const char *map,
                             rove_error *error) {
    const rove_allocator *allocator = allocator_of(file->run);

    rove__arena_init(&file->arena, allocator, FILE_ARENA);
    rove_status status = import_load(file->run, file->name, &file->bytes, &file->size, error);
    if (status == ROVE_OK) {
        status = csv_file_open(allocator, file->bytes, file->size, &file->csv, error);
    }
    return status == ROVE_OK ? take_header(file, entity, map, error) : status;
}

rove_status import_file_run(import_file *file, rove_error *error) {
    const rove_allocator *allocator = allocator_of(file->run);
    rove_status status = names_new(allocator, &file->seen);

    if (status == ROVE_OK) {
        status = names_new(allocator, &file->keys);
    }
    if (status == ROVE_OK) {
        status = names_new(allocator, &file->taken);
    }
    return status == ROVE_OK ? import_body(file, error) : status;
}
